import json
from pathlib import Path
from typing import Any

import pytest
import torch
from gymnasium import spaces
from world_model_kinds import KINDS

from genrl.errors import InputError
from genrl.world_models import EnsembleWorldModel, load_world_model, save_world_model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("terminations", [None, 0.5])
def test_a_loaded_model_dreams_the_same(system: Any, tmp_path: Path, kind: str, terminations: float | None) -> None:
    model = KINDS[kind](3)
    model.fit(system.experience(20, 10, seed=0, termination_above=terminations))
    save_world_model(model, tmp_path / "model")
    loaded = load_world_model(tmp_path / "model")
    assert type(loaded) is type(model)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    assert loaded.learns_terminations == (terminations is not None)
    steps = []
    for each in (model, loaded):
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            dreamt = each.advance(each.begin(each.starts[:50], generator), torch.zeros(50, 1), generator)
        steps.append(torch.cat([dreamt.observations, dreamt.rewards[:, None], dreamt.disagreement[:, None]], 1))
    torch.testing.assert_close(steps[0], steps[1], rtol=0, atol=0)
    assert loaded.disagreement_quantile(0.9) == model.disagreement_quantile(0.9)
    assert loaded.action_space == model.action_space


def test_discrete_actions_are_saved_too(tmp_path: Path) -> None:
    model = EnsembleWorldModel(members=2, elites=1, hidden=(4,)).build(3, spaces.Discrete(4), False)
    save_world_model(model, tmp_path / "model")
    assert load_world_model(tmp_path / "model").action_space == spaces.Discrete(4)


def test_what_cannot_be_saved_or_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has not been fitted"):
        save_world_model(EnsembleWorldModel(), tmp_path / "none")
    with pytest.raises(InputError, match="no checkpoint"):
        load_world_model(tmp_path / "none")
    model = EnsembleWorldModel(members=2, elites=1, hidden=(4,)).build(3, spaces.Discrete(4), False)
    save_world_model(model, tmp_path / "model")
    document = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps({**document, "kind": "oracle"}))
    with pytest.raises(InputError):
        load_world_model(tmp_path / "model")
