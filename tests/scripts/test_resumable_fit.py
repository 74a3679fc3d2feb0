"""A fit that NaN ends leaves in its run directory what was learned before."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genrl.errors import NotFiniteError
from genrl.training import RunDirectory
from genrl.training.checkpoint import CheckpointParts
from genrl.training.fit import fit

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def resumable_fit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import resumable_fit

    return resumable_fit


class Breaking(nn.Module):
    """A mean, whose loss is NaN from its `at`-th batch on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))
        self.batches, self.at = 0, at

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        self.batches += self.training
        return {"loss": (x - self.mean).square().mean() * (torch.nan if self.batches >= self.at else 1.0)}


@pytest.mark.parametrize(("at", "epochs"), [(25, 2), (5, 0)])
def test_a_fit_ended_by_nan_leaves_what_it_learned(
    resumable_fit: ModuleType, tmp_path: Path, at: int, epochs: int
) -> None:
    directory = RunDirectory.create(tmp_path, "fit", "none", 0, {})
    model, rescued = Breaking(at), []

    def beside() -> CheckpointParts:
        return CheckpointParts(tensors={"policy": dict(model.state_dict())}, documents={}, arrays={})

    def work(note: Any) -> Any:
        return fit(model, torch.ones(100, 1), batch_size=10, validation=0, epochs=9, progress=note)

    words = rf"epoch {epochs + 1}, batch 5: the loss is nan"
    with pytest.raises(NotFiniteError, match=words) as error:
        resumable_fit.resumable_fit(directory, work, beside=beside, rescue=lambda: rescued.append(model.mean.item()))
    saved = directory.latest_checkpoint().tensors["policy"]["mean"].item()
    assert (f"before is in {directory.path}" in str(error.value)) == bool(epochs)
    assert rescued == [model.mean.item()] * bool(epochs)
    assert saved == model.mean.item()
    assert (saved > 0) == bool(epochs)
