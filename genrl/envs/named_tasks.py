"""Names of tasks that are read from files: `module:Id` would import a module, which runs its code."""

from __future__ import annotations

from genrl.errors import InputError
from genrl.training.saved_task import module_to_import

__all__ = ["check_named_task"]


def check_named_task(env_id: str, source: str) -> None:
    """Refuse the name of a task that stands in a file, if `gymnasium.make` would import a module for it.

    A name that the user has typed is not to be checked, and one whose module is imported already is harmless.

    Args:
        env_id: as `gymnasium.make` takes it.
        source: the file that it was read from; the subject of the message.

    Raises:
        InputError: the name has the form `module:Id`, and the module has not been imported.

    >>> check_named_task("Hopper-v4", "card.json")
    >>> check_named_task("made_up:Hopper-v4", "card.json")
    Traceback (most recent call last):
    genrl.errors.InputError: card.json names the task 'made_up:Hopper-v4', for which the module 'made_up' would be \
imported, and that runs its code: pass --env made_up:Hopper-v4 if you know who made the file
    """
    module = module_to_import(env_id)
    if module is not None:
        raise InputError(
            f"{source} names the task {env_id!r}, for which the module {module!r} would be imported, and that runs "
            f"its code: pass --env {env_id} if you know who made the file"
        )
