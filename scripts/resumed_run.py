"""What `--resume` means where a fit goes on exactly: all settings are those of the run."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import fields, replace
from typing import Any, TypeVar

from genrl.errors import InputError
from genrl.training.run_directory import RunDirectory

__all__ = ["add_fit", "finished", "resumed_run"]

Config = TypeVar("Config", bound=Any)

FREE = ("resume", "allow_changed_data", "trust", "log_folder")


def resumed_run(
    asked: Config, agents: Container[str], *, free: tuple[str, ...] = (), extended_by: str | None = None
) -> tuple[RunDirectory, Config]:
    """The run to go on with, and its settings; changed versions of libraries are warned about.

    Args:
        asked: the command line, a dataclass with `resume`.
        agents: whose runs the script makes.
        free: settings that may differ from the run's, and are then taken from the command line; the run's are kept.
        extended_by: the setting that makes a run longer, for `add_fit`; the run's own is given back.

    Raises:
        InputError: it is no run of this script, or a damaged one, or needs `trust`; it has finished; or a setting was
            given that is another one there.
    """
    directory = RunDirectory.resume(asked.resume)
    saved = directory.settings(type(asked), agents, trust=getattr(asked, "trust", False))
    taken = {}
    for field in fields(asked):
        wanted, known = getattr(asked, field.name), getattr(saved, field.name)
        if field.name in (*FREE, extended_by) or wanted in (field.default, known):
            continue
        if field.name not in free:
            raise InputError(
                f"--{field.name.replace('_', '-')} cannot be changed in a run that goes on ({known} there, and all "
                "that was fitted so far follows from it): leave it out, or start a new run"
            )
        taken[field.name] = wanted
    if directory.config.get("finished") and not taken and extended_by is None:
        raise InputError(f"{directory.path} has finished: there is nothing to go on with")
    directory.check_versions()
    return directory, replace(saved, resume=asked.resume, **taken)


def add_fit(directory: RunDirectory, updates: int | None, *, fitted_at_once: str | None = None) -> None:
    """Plan one more fit of a run if it is to have more updates than are planned.

    Args:
        directory: whose config has the updates of its "fits".
        updates: in all; None for those that are planned.
        fitted_at_once: what cannot be fitted further, for the message; None if the model can be.

    Raises:
        InputError: there is nothing left to do, fewer updates are asked for than are planned, the model cannot be
            fitted further, or the run was begun by a version that could not resume it exactly.
    """
    fits = directory.config.get("fits")
    if not isinstance(fits, list) or not fits or not all(type(each) is int and each > 0 for each in fits):
        raise InputError(
            f"{directory.path} was begun by an earlier version, and its fit was not saved as a whole: start a new run"
        )
    planned = sum(fits)
    if updates is None or updates == planned:
        if directory.config.get("finished"):
            raise InputError(f"{directory.path} has finished its {planned:,} updates: give more with --updates")
        return
    if updates < planned:
        raise InputError(f"{directory.path} is planned with {planned:,} updates: it cannot be made shorter")
    if fitted_at_once is not None:
        raise InputError(
            f"{fitted_at_once} is fitted in one go, {planned:,} updates here, and cannot be fitted further: "
            "start a new run with more"
        )
    directory.update_config(fits=[*fits, updates - planned], finished=False)


def finished(directory: RunDirectory) -> None:
    """Note that the run has done all that it was to do, its report included."""
    directory.update_config(finished=True)
