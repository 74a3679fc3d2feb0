"""What `--resume` means where a fit goes on exactly: all settings are those of the run."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import fields, replace
from typing import Any, TypeVar

from genrl.errors import InputError
from genrl.training.run_directory import RunDirectory

__all__ = ["finished", "resumed_run"]

Config = TypeVar("Config", bound=Any)

FREE = ("resume", "allow_changed_data", "trust", "log_folder")


def resumed_run(asked: Config, agents: Container[str], *, free: tuple[str, ...] = ()) -> tuple[RunDirectory, Config]:
    """The run to go on with, and its settings; changed versions of libraries are warned about.

    Args:
        asked: the command line, a dataclass with `resume`.
        agents: whose runs the script makes.
        free: settings that may differ from the run's, and are then taken from the command line.

    Raises:
        InputError: it is no run of this script, or a damaged one, or needs `trust`; it has finished; or a setting was
            given that is another one there.
    """
    directory = RunDirectory.resume(asked.resume)
    saved = directory.settings(type(asked), agents, trust=getattr(asked, "trust", False))
    taken = {}
    for field in fields(asked):
        wanted, known = getattr(asked, field.name), getattr(saved, field.name)
        if field.name in FREE or wanted in (field.default, known):
            continue
        if field.name not in free:
            raise InputError(
                f"--{field.name.replace('_', '-')} cannot be changed in a run that goes on ({known} there, and all "
                "that was fitted so far follows from it): leave it out, or start a new run"
            )
        taken[field.name] = wanted
    if directory.config.get("finished") and not taken:
        raise InputError(f"{directory.path} has finished: there is nothing to go on with")
    directory.check_versions()
    if taken:
        directory.update_config(settings={**directory.config["settings"], **taken}, finished=False)
    return directory, replace(saved, resume=asked.resume, **taken)


def finished(directory: RunDirectory) -> None:
    """Note that the run has done all that it was to do, its report included."""
    directory.update_config(finished=True)
