import importlib
import sys
from pathlib import Path

import pytest
from payloads import MODULE, write_module

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """A path that no file may create; its folder is on the path of modules, where an attacker would wish it."""
    folder = tmp_path / "attacked"
    folder.mkdir()
    write_module(folder, folder / "marker")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GENRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    yield folder / "marker"
    sys.modules.pop(MODULE, None)


@pytest.fixture
def script(monkeypatch):
    """The module of a script, by name."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module
