"""Attacks that files could carry: each one creates a marker, if the program that reads the file runs what it says."""

from __future__ import annotations

import importlib
import io
import operator
import os
import pickle
import runpy
import shutil
import subprocess
import timeit
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["CALLS", "ENTRY_POINTS", "MODULE", "Runs", "entry_point", "forms_of_text", "write_module"]

MODULE = "module_that_leaves_a_mark"
"""A module that creates the marker when it is imported; `write_module` writes it."""


class Runs:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def write_module(folder: Path, marker: Path) -> Path:
    """A Python file in `folder` that creates the marker when it is imported or run."""
    path = folder / f"{MODULE}.py"
    path.write_text(f"open({str(marker)!r}, 'w').close()\nEnv = dict\n")
    return path


def _script(marker: Path) -> str:
    return str(write_module(marker.parent, marker))


CALLS: dict[str, Callable[[Path], Runs]] = {
    "os.system": lambda marker: Runs(os.system, f"touch {marker}"),
    "os.mkdir": lambda marker: Runs(os.mkdir, str(marker)),
    "os.makedirs": lambda marker: Runs(os.makedirs, str(marker)),
    "os.mknod": lambda marker: Runs(os.mknod, str(marker)),
    "os.open": lambda marker: Runs(os.open, str(marker), os.O_CREAT),
    "os.symlink": lambda marker: Runs(os.symlink, "/", str(marker)),
    "open": lambda marker: Runs(open, str(marker), "w"),
    "io.FileIO": lambda marker: Runs(io.FileIO, str(marker), "w"),
    "pathlib.touch": lambda marker: Runs(Path.touch, marker),
    "subprocess.run": lambda marker: Runs(subprocess.run, ["touch", str(marker)]),
    "subprocess.check_call": lambda marker: Runs(subprocess.check_call, ["touch", str(marker)]),
    "subprocess.getoutput": lambda marker: Runs(subprocess.getoutput, f"touch {marker}"),
    "builtins.eval": lambda marker: Runs(eval, f"open({str(marker)!r}, 'w').close()"),
    "builtins.exec": lambda marker: Runs(exec, f"open({str(marker)!r}, 'w').close()"),
    "timeit": lambda marker: Runs(
        timeit.timeit, f"open({str(marker)!r}, 'w').close()", "pass", timeit.default_timer, 1
    ),
    "runpy": lambda marker: Runs(runpy.run_path, _script(marker)),
    "importlib": lambda marker: Runs(eval, f"__import__('runpy').run_path({_script(marker)!r})"),
    "shutil.copyfile": lambda marker: Runs(shutil.copyfile, _script(marker), str(marker)),
    "a pickle in a pickle": lambda marker: Runs(pickle.loads, pickle.dumps(Runs(os.mkdir, str(marker)))),
    "operator.call": lambda marker: Runs(operator.call, os.mkdir, str(marker)),
    "numpy.savetxt": lambda marker: Runs(np.savetxt, str(marker), np.zeros(1)),
    "torch.save": lambda marker: Runs(torch.save, 0, str(marker)),
    "zipfile": lambda marker: Runs(zipfile.ZipFile, str(marker), "w"),
}
"""By name, what makes an object whose pickle creates the marker."""

ENTRY_POINTS: dict[str, Callable[[Path], tuple[str, dict[str, Any]]]] = {
    "os.system": lambda marker: ("os:system", {"command": f"touch {marker}"}),
    "os.mkdir": lambda marker: ("os:mkdir", {"path": str(marker)}),
    "os.makedirs": lambda marker: ("os:makedirs", {"name": str(marker)}),
    "os.mknod": lambda marker: ("os:mknod", {"path": str(marker)}),
    "os.symlink": lambda marker: ("os:symlink", {"src": "/", "dst": str(marker)}),
    "subprocess.run": lambda marker: ("subprocess:run", {"args": ["touch", str(marker)]}),
    "subprocess.call": lambda marker: ("subprocess:call", {"args": ["touch", str(marker)]}),
    "subprocess.Popen": lambda marker: ("subprocess:Popen", {"args": ["touch", str(marker)]}),
    "subprocess.check_output": lambda marker: ("subprocess:check_output", {"args": ["touch", str(marker)]}),
    "subprocess.getoutput": lambda marker: ("subprocess:getoutput", {"cmd": f"touch {marker}"}),
    "shutil.copyfile": lambda marker: ("shutil:copyfile", {"src": _script(marker), "dst": str(marker)}),
    "runpy.run_path": lambda marker: ("runpy:run_path", {"path_name": _script(marker)}),
    "timeit": lambda marker: ("timeit:timeit", {"stmt": f"open({str(marker)!r}, 'w').close()", "number": 1}),
    "builtins.open": lambda marker: ("builtins:open", {"file": str(marker), "mode": "w"}),
    "io.FileIO": lambda marker: ("io:FileIO", {"file": str(marker), "mode": "w"}),
    "codecs.open": lambda marker: ("codecs:open", {"filename": str(marker), "mode": "w"}),
    "logging": lambda marker: ("logging:FileHandler", {"filename": str(marker)}),
    "sqlite3": lambda marker: ("sqlite3:connect", {"database": str(marker)}),
    "zipfile": lambda marker: ("zipfile:ZipFile", {"file": str(marker), "mode": "w"}),
    "gzip": lambda marker: ("gzip:open", {"filename": str(marker), "mode": "w"}),
    "an import": lambda marker: (f"{MODULE}:Env", {}),
}
"""By name, an entry point as Gymnasium has them, `module:attribute`, and the keywords to call it with."""


def entry_point(name: str, marker: Path) -> tuple[str, dict[str, Any]]:
    """An entry point and its keywords. The module that it may name lies in the folder of the marker."""
    write_module(marker.parent, marker)
    importlib.invalidate_caches()
    return ENTRY_POINTS[name](marker)


def forms_of_text(marker: Path) -> list[str]:
    """Words that a careless reader would evaluate."""
    call = f"open({str(marker)!r}, 'w').close()"
    return [
        call,
        f"__import__('os').mkdir({str(marker)!r})",
        f"$(touch {marker})",
        f"`touch {marker}`",
        f"; touch {marker} #",
        f"| touch {marker}",
        f"{{{{ {call} }}}}",
        f"{{{call}}}",
        f"!!python/object/apply:os.mkdir [{str(marker)!r}]",
        f"!!python/object/new:os.mkdir [{str(marker)!r}]",
        f'{{"py/reduce": [{{"py/function": "os.mkdir"}}, {{"py/tuple": ["{marker}"]}}]}}',
        f"=cmd|'/c touch {marker}'!A1",
        f"{MODULE}:Env-v0",
        f"{MODULE}.Env",
        f"lambda: {call}",
        f"(lambda: {call})()",
        f"eval({call!r})",
        f"exec({call!r})",
        f"os:system?command=touch {marker}",
        f"file://{marker}",
        f"[{call} for _ in range(1)]",
    ]
