from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)


def test_random_experience_has_its_steps_and_follows_from_its_seed() -> None:
    from world_model_data import random_experience

    first, again, other = (random_experience("Hopper-v4", 150, seed=seed) for seed in (1, 1, 2))
    assert len(first) == 150
    assert first.ends[-1]
    assert torch.equal(first.observations, again.observations)
    assert not torch.equal(first.observations, other.observations)
    for start in first.windows(2).tolist():
        assert torch.equal(first.next_observations[start], first.observations[start + 1])
