"""The benchmark of world models: its data, its peer and its figures."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

from genrl.errors import InputError

SMALL = {"updates": 20, "hidden": 8, "starts": 5, "rounds": 1, "dreams": 16, "steps": 400, "judged_steps": 200}
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def world_models(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import world_models

    return world_models


def test_the_data_are_half_the_experts_and_follow_from_the_seed(world_models: ModuleType) -> None:
    config = world_models.Config()
    first, again, other = (world_models.gathered("Hopper-v4", 300, config, seed=seed) for seed in (0, 0, 1))
    assert len(first) == 300
    assert torch.equal(first.observations, again.observations)
    assert not torch.equal(first.observations, other.observations)
    assert first.rewards[150:].mean() > 2 * first.rewards[:150].mean()


def test_the_peer_forecasts_as_ours_do(world_models: ModuleType) -> None:
    pytest.importorskip("mbrl")
    config = world_models.Config(models=("peer", "ensemble", "latent"), **SMALL)
    rows = world_models.compare("Pendulum-v1", config)
    assert [row["model"] for row in rows] == ["mbrl-lib ensemble", "genrl ensemble", "genrl latent"]
    assert rows[0]["parameters"] == rows[1]["parameters"]
    assert all(row["error 1"] > 0 for row in rows)
    assert rows[1]["ratio"] > 0


def test_every_model_by_name_has_a_row(world_models: ModuleType) -> None:
    names = [name for name in world_models.Config().models if name != "peer"]
    assert names == list(world_models.MODELS)
    rows = world_models.compare("Pendulum-v1", world_models.Config(models=("recurrent-mixture", "flow", "vq"), **SMALL))
    assert [row["model"] for row in rows] == ["genrl recurrent-mixture", "genrl flow", "genrl vq"]
    for row in rows:
        assert row["error 1"] > 0
        assert row["dreams steps/s"] > 0
        assert 0 <= row["coverage 1"][0] <= row["coverage 1"][1] <= 1


def test_a_missing_peer_is_said(world_models: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "mbrl", None)
    with pytest.raises(InputError, match="make bench-install"):
        world_models.PeerEnsemble(3, 1, hidden=8, members=2, elites=1, seed=0)
