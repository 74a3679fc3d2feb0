"""The rows of the imitation suite: every choice that a script offers is among them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

ROOT = Path(__file__).parents[2]


def test_every_reward_and_every_policy_by_name_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import imitation_cells

    from agents.generative_choices import LearnedPolicyName, PolicyName, RewardName

    rows = {f"reward-{name}-hopper" for name in get_args(RewardName)}
    rows |= {f"policy-{name}-hopper" for name in get_args(LearnedPolicyName)}
    cloned = {f"bc-policy-{name}-hopper" for name in set(get_args(PolicyName)) - set(get_args(LearnedPolicyName))}
    assert {"reward-vail-hopper", "reward-score-hopper", "reward-sequence-hopper"} <= rows
    assert cloned == {f"bc-policy-{name}-hopper" for name in ("vae", "gan", "vq", "score", "score-student")}
    assert rows | cloned <= imitation_cells.CELLS.keys()
    whole, recipe = imitation_cells.CELLS["score-ant-shipped-1"], imitation_cells.CELLS["ant-shipped-1"]
    assert whole.arguments(0) == (*recipe.arguments(0), "--reward", "score")
    assert whole.minutes == recipe.minutes
    assert all(imitation_cells.CELLS[name].kind == "bc" for name in cloned)
