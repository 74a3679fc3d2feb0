"""Which environments may be made because a file names them.

`gymnasium.make("module:Id")` imports `module`, and keywords such as `xml_file` name files to be opened. From the
command line or from Python that is what the user asked for. From a `config.json`, `agent.json` or `policy.json` it
would let a file choose what code runs and which files are read, so it needs the user's consent.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genrl.errors import InputError, one_line
from genrl.training.reading import shorten

__all__ = ["check_saved_task", "module_to_import", "needs_trust"]


RESERVED = {"disable_env_checker", "env_id", "id", "num_envs", "num_threads", "render_mode", "seed"}
"""Arguments of the functions that make environments."""


def check_saved_task(
    env_id: Any, env_kwargs: Any = None, *, source: Path | str, trust: bool = False, asked: str | None = None
) -> tuple[str, dict[str, Any]]:
    r"""An environment's id and keywords that were read from a file.

    Args:
        env_id: its Gymnasium id, such as "Ant-v4". One of the form "module:Id" is accepted if the module has been
            imported by this program already, so that naming it runs nothing.
        env_kwargs: its constructor keywords, by name or as `key=value` words; None for none. Strings in it must not
            name files or modules, which is taken from a `/`, `\`, `:` or `~` in them, or a `.` in front.
        source: the file, for the message.
        trust: accept any module and any string: the caller knows where the file comes from.
        asked: the id that the user has named; it is accepted as it is.

    Returns:
        The id and the keywords.

    Raises:
        InputError: they are not of the right types, or name a module or a file without `trust`.

    >>> check_saved_task("Ant-v5", {"healthy_z_range": [0.3, 1.0]}, source="config.json")
    ('Ant-v5', {'healthy_z_range': [0.3, 1.0]})
    >>> check_saved_task("antigravity:Ant-v5", source="config.json")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    genrl.errors.InputError: config.json names the environment antigravity:Ant-v5, whose module would be imported, ...
    """
    keywords = _by_name(env_kwargs)
    if not isinstance(env_id, str) or not env_id:
        raise InputError(one_line(f"{source}: the id of the environment must be a string, not {shorten(env_id)}"))
    if not isinstance(keywords, Mapping) or not all(isinstance(name, str) for name in keywords):
        raise InputError(one_line(f"{source}: env_kwargs must be keywords by name, not {shorten(keywords)}"))
    if taken := RESERVED & keywords.keys():
        raise InputError(f"{source}: {min(taken)} is no keyword of an environment")
    if trust:
        return env_id, dict(keywords)
    advice = "pass --trust (in Python: trust=True) if you know where the file comes from"
    if module_to_import(env_id) is not None and env_id != asked:
        named = f"{source} names the environment {env_id:.60}, whose module would be imported, which runs its code"
        raise InputError(one_line(f"{named}: {advice}"))
    for name, value in keywords.items():
        if (place := _named_place(value)) is not None:
            named = f"{source}: the environment's keyword {name:.60} may name a file, {shorten(place)}"
            raise InputError(one_line(f"{named}: {advice}"))
    return env_id, dict(keywords)


def module_to_import(env_id: str) -> str | None:
    """The module that `gymnasium.make` would import for this id, which runs its code; None if it would import none."""
    module, colon, _ = env_id.partition(":")
    return module if colon and module not in sys.modules else None


def needs_trust(env_id: str, env_kwargs: Any = None) -> bool:
    """Whether a program that reads these from a file must be given `trust`; arguments as of `check_saved_task`.

    >>> needs_trust("Ant-v5"), needs_trust("my_tasks:Reach-v0"), needs_trust("Ant-v5", ["xml_file=my/ant.xml"])
    (False, True, True)
    """
    return ":" in env_id or _named_place(_by_name(env_kwargs)) is not None


def _by_name(env_kwargs: Any) -> Any:
    """Keywords of a `config.json`, where they may also be the words of a command line."""
    if not isinstance(env_kwargs, list | tuple):
        return {} if env_kwargs is None else env_kwargs
    keywords = {}
    for name, _, value in (str(word).partition("=") for word in env_kwargs):
        try:
            keywords[name] = json.loads(value)
        except (ValueError, RecursionError):
            keywords[name] = value
    return keywords


def _named_place(value: Any) -> str | None:
    """The first string in a value that could name a file or a module."""
    if isinstance(value, str):
        return value if value.startswith(".") or any(mark in value for mark in "/\\:~") else None
    parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value
    if isinstance(parts, list | tuple):
        return next((found for part in parts if (found := _named_place(part))), None)
    return None
