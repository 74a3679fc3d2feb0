import errno
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrl.errors import InputError, NotFiniteError
from genrl.stop_signals import StopSignals

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back what `run` replaces
    import command_line

    return command_line


@dataclass(frozen=True, kw_only=True)
class Config:
    """Numbers."""

    number: int = 3
    """A number."""
    flag: bool = False
    """A switch."""


def run(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, main: Callable[[Config], None], *words: str
) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["script", *words])
    with pytest.raises(SystemExit) as exit_info:
        module.run(main, Config)
    return exit_info.value.code


def raiser(error: BaseException) -> Callable[[Config], None]:
    def main(config: Config) -> None:
        raise error

    return main


def test_numbers_that_are_not_finite_are_one_line_and_exit_code_1(
    command_line: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command_line, monkeypatch, raiser(NotFiniteError("the loss is nan\nin step 3"))) == 1
    assert capsys.readouterr().err == "error: the loss is nan in step 3\n"


def test_config_reaches_main(command_line: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Config] = []
    assert run(command_line, monkeypatch, seen.append, "--number", "5", "--flag") == 0
    assert seen == [Config(number=5, flag=True)]
    assert run(command_line, monkeypatch, seen.append, "--number", "x") == 2


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("no such\n thing: do that"), 2, "error: no such thing: do that\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a"),
            2,
            "error: no space left on device: runs/a (free some space and try again)\n",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "x.json"),
            2,
            "error: permission denied: x.json (choose a place that you may read and write)\n",
        ),
        (KeyboardInterrupt(), 130, "stopped before anything was saved\n"),
    ],
)
def test_one_line_and_a_code(
    command_line: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    assert run(command_line, monkeypatch, raiser(error)) == code
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_what_is_saved(
    command_line: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    code: int,
) -> None:
    def main(config: Config) -> None:
        command_line.when_stopped(lambda: "go on with it")
        signal.raise_signal(number)
        pytest.fail("not interrupted")

    before = signal.getsignal(number)
    assert run(command_line, monkeypatch, main) == code
    assert capsys.readouterr().err == "go on with it\n"
    assert signal.getsignal(number) is before


def test_a_main_that_ends_in_good_order_after_a_signal(
    command_line: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(config: Config) -> None:
        with StopSignals() as stop:
            signal.raise_signal(signal.SIGTERM)
        assert stop.requested

    assert run(command_line, monkeypatch, main) == 143
    assert capsys.readouterr().err.splitlines()[-1] == "stopped before anything was saved"


def test_what_a_signal_broke_is_named_without_a_traceback(
    command_line: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(config: Config) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("half\ndone") from None

    assert run(command_line, monkeypatch, main) == 130
    assert capsys.readouterr().err == "stopped before anything was saved\nwhile it stopped: ValueError: half done\n"


def test_bad_input_after_a_signal_keeps_its_message(
    command_line: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(config: Config) -> None:
        with StopSignals():
            signal.raise_signal(signal.SIGINT)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a")

    assert run(command_line, monkeypatch, main) == 2
    assert "no space left on device: runs/a" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [ValueError("a bug"), OSError(errno.EIO, "the disk is broken"), BrokenPipeError(errno.EPIPE, "a worker died")],
)
def test_bugs_keep_their_traceback(command_line: ModuleType, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(sys, "argv", ["script"])
    with pytest.raises(type(error), match=str(error.args[-1])):
        command_line.run(raiser(error), Config)


def test_warnings_are_one_line_and_old_versions_none(
    command_line: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(config: Config) -> None:
        warnings.simplefilter("always")
        warnings.warn("\x1b[33mWARN: an odd\nthing\x1b[0m", stacklevel=1)
        warnings.warn("Ant-v4 is out of date. You should consider upgrading to v5.", stacklevel=1)

    with warnings.catch_warnings():
        run(command_line, monkeypatch, main)
    assert capsys.readouterr().err == "warning: an odd thing\n"


def test_env_kwargs(command_line: ModuleType) -> None:
    parsed: dict[str, Any] = command_line.parse_env_kwargs(
        ["a=0.5", "b=[1, 2]", "c=true", "d=False", "e=some text", "f=x=y", "g=null", 'h="1"']
    )
    assert parsed == {
        "a": 0.5,
        "b": [1, 2],
        "c": True,
        "d": False,
        "e": "some text",
        "f": "x=y",
        "g": None,
        "h": "1",
    }
    for bad in ("a", "=1", "a b=1"):
        with pytest.raises(InputError, match="key=value"):
            command_line.parse_env_kwargs([bad])


def test_a_script_from_the_shell(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "plot.py"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path} is no run directory: it has no config.json\n"


def test_nobody_reads_on() -> None:
    script = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "plot.py"), "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert script.stdout is not None
    script.stdout.close()
    _, errors = script.communicate()
    assert (script.returncode, errors) == (141, "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere glfw starts no process")
def test_importing_mujoco_starts_no_process(command_line: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    # A signal that reached it would make it end in a traceback, beside the script's one line.
    import quiet_start

    monkeypatch.setenv("PYGLFW_LIBRARY", "")
    monkeypatch.delenv("PYGLFW_LIBRARY")
    quiet_start._spare_process_of_glfw()
    program = (
        "import sys\nsys.addaudithook(lambda event, arguments: event == 'subprocess.Popen' and print(arguments))\n"
        "import glfw\nprint(glfw.get_version() is not None)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "True\n"
