"""The scripts are modules of a folder that no package is in."""

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
