"""Says what a run directory holds after a stop signal, and how to go on with it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from genrl.errors import InputError
from genrl.training.atomic_files import read_json
from genrl.training.run_directory import RunDirectory
from genrl.training.saved_task import needs_trust

__all__ = ["resume_command", "stopped_run"]


def stopped_run(directory: RunDirectory, *, of: int | None = None, unit: str = "steps", policy: bool = True) -> str:
    """What is saved, and the commands that resume and evaluate it.

    Args:
        directory: of the run of the script that is running, which must have `--resume`.
        of: all that the run was to do.
        unit: what checkpoints are numbered by.
        policy: the run leaves a policy, which can be evaluated.
    """
    steps = [int(folder.name) for folder in directory.checkpoints.glob("*") if folder.name.isdecimal()]
    if not steps:
        return f"stopped before anything was saved: {directory.path} holds its settings only, start again"
    total = "" if of is None else f" of {of:,}"
    lines = [f"stopped: {max(steps):,}{total} {unit} are saved{_best(directory)}"]
    lines += [f"run: {directory.path}", f"to go on: {resume_command(directory)}"]
    if policy and (max(steps) > 0 or directory.best.is_dir()):
        evaluate = str(Path(sys.argv[0]).with_name("evaluate.py"))
        lines.append(f"to evaluate: {shlex.join([_python(), evaluate, str(directory.path), *_trust(directory)])}")
    return "\n".join(lines)


def resume_command(directory: RunDirectory) -> str:
    """The command that goes on with a run of the script that is running."""
    return shlex.join([_python(), sys.argv[0], "--resume", str(directory.path), *_trust(directory)])


def _trust(directory: RunDirectory) -> list[str]:
    """The flag that scripts need where the user's own environment is made by a name that stands in a file."""
    settings = directory.config.get("settings") or {}
    if "trust" not in settings:  # the script makes no environment
        return []
    return ["--trust"] if needs_trust(directory.config["env"], settings.get("env_kwargs")) else []


def _best(directory: RunDirectory) -> str:
    path = directory.best / "evaluation.json"
    try:
        mean = float(read_json(path)["mean"]) if path.is_file() else None
    except (InputError, KeyError, TypeError, ValueError):
        mean = None
    return "" if mean is None else f", best evaluation so far {mean:,.0f}"


def _python() -> str:
    """As short as it still means this interpreter."""
    found = shutil.which("python")
    return "python" if found is not None and Path(found).absolute() == Path(sys.executable) else sys.executable
