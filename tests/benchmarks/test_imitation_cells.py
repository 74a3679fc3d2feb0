"""The rows of the imitation suite: every choice that a script offers is among them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

ROOT = Path(__file__).parents[2]


def test_every_choice_by_name_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import imitation_cells

    from agents.discriminator_reward import ObjectiveName, RewardFormName
    from agents.gail_config import LearnerName
    from agents.generative_choices import LearnedPolicyName, PolicyName, RewardName

    rows = {f"reward-{name}-hopper" for name in get_args(RewardName)}
    rows |= {f"policy-{name}-hopper" for name in get_args(LearnedPolicyName)}
    cloned = {f"bc-policy-{name}-hopper" for name in set(get_args(PolicyName)) - set(get_args(LearnedPolicyName))}
    assert {"reward-vail-hopper", "reward-score-hopper", "reward-sequence-hopper"} <= rows
    assert cloned == {f"bc-policy-{name}-hopper" for name in ("vae", "gan", "vq", "score", "score-student")}
    rows |= {f"form-{name}-hopper" for name in get_args(RewardFormName)}
    rows |= {f"objective-{name}-hopper" for name in get_args(ObjectiveName) if name != "gan"}  # it is form-logit
    rows |= {f"{name}-ant" for name in get_args(LearnerName) if name != "ppo"}
    assert rows | cloned <= imitation_cells.CELLS.keys()
    whole, recipe = imitation_cells.CELLS["score-ant-shipped-1"], imitation_cells.CELLS["ant-shipped-1"]
    assert whole.arguments(0) == (*recipe.arguments(0), "--reward", "score")
    assert whole.minutes == recipe.minutes
    assert all(imitation_cells.CELLS[name].kind == "bc" for name in cloned)
