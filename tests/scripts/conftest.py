"""The scripts are modules of a folder that no package is in."""

import runpy
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`train_generative`, with what it imports."""
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_generative

    return train_generative


@dataclass(frozen=True)
class Finished:
    """What a script left behind."""

    code: int | str | None
    out: str
    err: str


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Runs a script with the words of a command line, in this process: a new one imports for seconds."""

    def run(name: str, *words: str) -> Finished:
        path = str(SCRIPTS / f"{name}.py")
        monkeypatch.syspath_prepend(SCRIPTS)
        import command_line  # noqa: F401 - a script that is the first to import it takes the signals of its process

        monkeypatch.setattr(sys, "argv", [path, *words])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back what a script replaces
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(path, run_name="__main__")
        said = capsys.readouterr()
        return Finished(ended.value.code, said.out, said.err)

    return run
