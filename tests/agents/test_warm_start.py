"""A cloned start: the policy acts like the demonstrations at once, and is held until its value is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from learned import Learned
from point_env import WalkToGoal, play, point_envs
from stable_baselines3.common.callbacks import BaseCallback

from agents.gail import GAIL
from agents.gail_config import GAILConfig
from agents.hold_policy import HoldPolicy
from agents.learners import PPOConfig, TRPOConfig
from agents.standardisers import fit_standardisers, random_steps
from agents.warm_start import PretrainingLimits, WarmStartConfig
from genrl.errors import InputError
from genrl.transitions import Demonstrations

SMALL = GAILConfig(
    ppo=PPOConfig(n_steps=32, batch_size=128),
    trpo=TRPOConfig(n_steps=32, batch_size=128),
    warm_start=WarmStartConfig(updates=400, std=0.25, held_rollouts=2, budget_share=math.inf),
    untrained_steps=512,
)
BRIEF = replace(SMALL, warm_start=replace(SMALL.warm_start, updates=100))
"""For what does not depend on how well the clone acts."""
ROLLOUT = 8 * 32


class Snapshots(BaseCallback):
    """Copies the policy's parameters at the start of each rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, torch.Tensor]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        parameters = self.model.policy.named_parameters()
        self.taken.append({name: tensor.detach().clone() for name, tensor in parameters})


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def mean_return(policy: Any) -> float:
    return float(np.mean([trajectory.rewards.sum() for trajectory in play(policy, 20)]))


@pytest.mark.parametrize("learner", ["ppo", "trpo"])
@pytest.mark.parametrize("teacher_pairs", [0, 4000])
def test_starts_where_cloning_ends_and_is_held_at_first(
    demonstrations: Demonstrations, learner: Any, teacher_pairs: int, seed: int, learned: Learned
) -> None:
    config = replace(SMALL, warm_start=replace(SMALL.warm_start, teacher_pairs=teacher_pairs))
    agent = GAIL(point_envs(), demonstrations, learner=learner, seed=seed, config=config)
    untrained, expert = mean_return(agent), mean_return(WalkToGoal())
    snapshots = Snapshots()
    agent.learn(4 * ROLLOUT, snapshots)

    first, second, third, fourth = snapshots.taken
    for held in (second, third):
        assert all("value" in name for name in changed(first, held))
    assert any("value" in name for name in changed(first, second))
    assert any("policy" in name for name in changed(third, fourth))

    agent.policy.load_state_dict({**agent.policy.state_dict(), **first})
    learned("score", (mean_return(agent) - untrained) / (expert - untrained), above=0.9, baseline=0.0)
    torch.testing.assert_close(agent.policy.log_std.exp(), torch.full((2,), 0.25))


def test_a_policy_held_to_the_end_is_put_back(demonstrations: Demonstrations) -> None:
    agent = GAIL(point_envs(), demonstrations, seed=0, config=BRIEF)
    snapshots = Snapshots()
    agent.learn(ROLLOUT, snapshots)
    now = {name: tensor.detach() for name, tensor in agent.policy.named_parameters()}
    assert all("value" in name for name in changed(snapshots.taken[0], now))


def test_only_the_first_updates_are_taken_back(demonstrations: Demonstrations) -> None:
    agent = GAIL(point_envs(), demonstrations, seed=0, config=replace(SMALL, bc_warm_start=False))
    snapshots = Snapshots()
    agent.learn(2 * ROLLOUT, snapshots)
    agent.learn(3 * ROLLOUT, [HoldPolicy(3), snapshots], reset_num_timesteps=False)
    of_policy = [name for name in snapshots.taken[0] if "policy" in name]
    assert set(of_policy) & changed(snapshots.taken[0], snapshots.taken[1])
    assert not set(of_policy) & changed(snapshots.taken[2], snapshots.taken[3])
    assert set(of_policy) & changed(snapshots.taken[3], snapshots.taken[4])


@pytest.mark.parametrize("without", ["bc_warm_start", "zero_demonstrations", "state_only"])
def test_no_clone_where_none_is_wanted(demonstrations: Demonstrations, without: str) -> None:
    config = replace(BRIEF, **{without: without != "bc_warm_start"})
    agent = GAIL(point_envs(), demonstrations, seed=0, config=config)
    before = {name: tensor.detach().clone() for name, tensor in agent.policy.named_parameters()}
    snapshots = Snapshots()
    agent.learn(ROLLOUT, snapshots)
    assert not changed(before, snapshots.taken[0])


def test_it_is_not_cloned_again(demonstrations: Demonstrations, tmp_path: Any) -> None:
    agent = GAIL(point_envs(), demonstrations, seed=0, config=BRIEF)
    agent.learn(4 * ROLLOUT)
    agent.save(tmp_path / "agent")
    loaded = GAIL.load(tmp_path / "agent", env=point_envs(), demonstrations=demonstrations)
    for again in (agent, loaded):
        before = {name: tensor.detach().clone() for name, tensor in again.policy.named_parameters()}
        snapshots = Snapshots()
        again.learn(ROLLOUT, snapshots, reset_num_timesteps=False)
        assert not changed(before, snapshots.taken[0])


def that_fall() -> Demonstrations:
    """They last, but what is cloned from them (here: another's actions) does not."""
    walks = play(WalkToGoal(), 4)
    falls = [replace(walk, actions=np.tile(np.float32([-1, 0]), (len(walk.actions), 1))) for walk in walks]
    return Demonstrations.from_trajectories(falls)


@pytest.mark.parametrize("teacher_pairs", [0, 4000])
def test_a_clone_that_falls_at_once_is_no_start(teacher_pairs: int) -> None:
    settings = replace(SMALL.warm_start, least_length=0.6, teacher_pairs=teacher_pairs)
    config = replace(SMALL, warm_start=settings)
    agent = GAIL(point_envs(), that_fall(), seed=0, config=config)
    before = {name: tensor.detach().clone() for name, tensor in agent.policy.named_parameters()}
    agent.prepare()
    assert agent.start == "noise"
    assert not changed(before, dict(agent.policy.named_parameters()))


def test_the_end_of_the_time_is_no_fall(demonstrations: Demonstrations) -> None:
    config = replace(BRIEF, warm_start=replace(BRIEF.warm_start, least_length=0.6))
    agent = GAIL(point_envs(horizon=3), demonstrations, seed=0, config=config)
    agent.prepare()
    assert agent.start == "clone"


def test_a_clone_is_in_the_demonstrations_units(demonstrations: Demonstrations) -> None:
    agent = GAIL(point_envs(), demonstrations, seed=0, config=BRIEF)
    agent.prepare()
    own = demonstrations.transitions(agent.env.action_space).observations
    torch.testing.assert_close(agent.standardisers.observations.mean, own.mean(0), atol=2e-3, rtol=0)
    noisy = GAIL(point_envs(), demonstrations, seed=0, config=replace(BRIEF, bc_warm_start=False))
    assert not torch.allclose(noisy.standardisers.observations.mean, own.mean(0), atol=0.1)


@pytest.mark.parametrize("absorbing", [False, True])
def test_where_the_clone_falls_all_networks_go_over_to_the_units_of_both_sides(absorbing: bool) -> None:
    settings = replace(BRIEF.warm_start, least_length=0.6)
    config = replace(BRIEF, absorbing=absorbing, warm_start=settings)
    agent = GAIL(point_envs(), that_fall(), seed=0, config=config)
    from_noise = GAIL(point_envs(), that_fall(), seed=0, config=replace(config, bc_warm_start=False))
    raw = torch.randn(20, 2)
    before = agent.policy.extract_features(raw)
    agent.prepare()
    now, wanted = agent.policy.extract_features(raw), from_noise.policy.extract_features(raw)
    assert not torch.allclose(now, before, atol=0.2)
    torch.testing.assert_close(now, wanted)
    statistics = [name for name in from_noise.reward_model.state_dict() if name.endswith((".mean", ".std"))]
    assert len(statistics) >= 4
    for name in statistics:
        mine, other = (one.reward_model.state_dict()[name] for one in (agent, from_noise))
        torch.testing.assert_close(mine, other)


def test_units_that_were_given_stay(demonstrations: Demonstrations) -> None:
    expert = that_fall().transitions(point_envs(4).action_space)
    given = fit_standardisers(expert, random_steps(point_envs(4), 100, 5))
    mean = given.observations.mean.clone()
    config = replace(BRIEF, warm_start=replace(BRIEF.warm_start, least_length=0.6))
    agent = GAIL(point_envs(), that_fall(), seed=0, config=config, standardisers=given)
    agent.prepare()
    assert agent.start == "noise"
    assert torch.equal(agent.standardisers.observations.mean, mean)


def test_saved_before_its_start_it_still_finds_its_units(tmp_path: Any) -> None:
    config = replace(BRIEF, warm_start=replace(BRIEF.warm_start, least_length=0.6))
    agent = GAIL(point_envs(), that_fall(), seed=0, config=config)
    agent.save(tmp_path / "agent")
    watched = GAIL.load(tmp_path / "agent", env=point_envs())
    rows = np.zeros((3, 2), np.float32)
    np.testing.assert_array_equal(watched.predict(rows)[0], agent.predict(rows)[0])
    loaded = GAIL.load(tmp_path / "agent", env=point_envs(), demonstrations=that_fall())
    for one in (agent, loaded):
        one.prepare()
    means = [one.standardisers.observations.mean for one in (agent, loaded)]
    torch.testing.assert_close(means[0], means[1])
    assert not torch.allclose(means[0], that_fall().transitions(agent.env.action_space).observations.mean(0), atol=0.1)


def test_what_learning_starts_from_is_known_and_saved(demonstrations: Demonstrations, tmp_path: Any) -> None:
    agent = GAIL(point_envs(), demonstrations, seed=0, config=BRIEF)
    assert agent.start is None
    shown: list[tuple[str, int, int]] = []
    agent.prepare(progress=lambda *stage: shown.append(stage))
    assert agent.start == "clone"
    stages = list(dict.fromkeys(what for what, _, _ in shown))
    assert len(stages) == 7
    assert stages[0] == "fitting a Gaussian process to 250 demonstrated pairs"
    assert stages[-1] == "trial rollouts of the cloned policy"
    assert all(0 <= done <= planned for _, done, planned in shown)
    for what in stages:
        counts = [done for stage, done, _ in shown if stage == what]
        assert counts == sorted(counts)
    agent.save(tmp_path / "agent")
    assert GAIL.load(tmp_path / "agent", env=point_envs()).start == "clone"


class Interrupted(Exception):
    """As Ctrl-C, at a moment that a test chooses."""


def outcome(agent: GAIL) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in agent.policy.state_dict().items()}


@pytest.mark.parametrize("stage", ["fitting", "trial rollouts of the cloned"])
def test_an_interrupted_pretraining_leaves_the_policy_as_it_was_and_begins_again(
    demonstrations: Demonstrations, stage: str, tmp_path: Any
) -> None:
    config = replace(SMALL, warm_start=replace(SMALL.warm_start, updates=40))
    agent = GAIL(point_envs(), demonstrations, seed=0, config=config)
    untrained = outcome(agent)
    agent.save(tmp_path / "agent")

    def interrupt(what: str, done: int, planned: int) -> None:
        if what.startswith(stage):
            raise Interrupted

    with pytest.raises(Interrupted):
        agent.prepare(progress=interrupt)
    assert agent.start is None
    assert not changed(untrained, outcome(agent))
    whole = GAIL(point_envs(), demonstrations, seed=0, config=config).learn(2 * ROLLOUT)
    loaded = GAIL.load(tmp_path / "agent", env=point_envs(), demonstrations=demonstrations).learn(2 * ROLLOUT)
    assert loaded.start == whole.start == "clone"
    assert not changed(outcome(whole), outcome(loaded))


def test_the_cost_is_bounded_by_the_budget_of_the_run() -> None:
    config = WarmStartConfig()
    for total in (1_000_000, 20_000_000):
        full = PretrainingLimits.within(total, config, 64)
        assert (full.updates, full.visited_steps) == (config.updates, 200)
        assert full.pairs is not None
        assert full.rows is not None
        assert full.trial_steps is not None
        assert full.pairs >= config.teacher_pairs
        assert full.rows >= config.updates * 256
        assert full.trial_steps >= 1000
    short = PretrainingLimits.within(3_000, config, 64)
    assert short == PretrainingLimits(updates=30, rows=30 * 256, pairs=219, visited_steps=1, trial_steps=4)
    assert PretrainingLimits.within(None, config, 64).updates == config.updates


def test_a_short_run_spends_a_share_of_its_steps_on_pretraining(
    demonstrations: Demonstrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(SMALL, warm_start=replace(SMALL.warm_start, updates=10_000, budget_share=0.01))
    agent = GAIL(point_envs(), demonstrations, seed=0, config=config)
    counted = {"gradient steps": 0, "steps": 0}

    def counting(name: str, method: Any) -> Any:
        def count(*arguments: Any, **keywords: Any) -> Any:
            counted[name] += 1
            return method(*arguments, **keywords)

        return count

    monkeypatch.setattr(torch.optim.Adam, "step", counting("gradient steps", torch.optim.Adam.step))
    monkeypatch.setattr(agent.env, "step_async", counting("steps", agent.env.step_async))
    agent.prepare(2000)
    assert 0 < counted["gradient steps"] <= 2 * 20
    assert 8 * counted["steps"] <= 0.4 * 2000


@pytest.mark.parametrize(
    "wrong",
    [
        {"updates": 0},
        {"teacher_pairs": -1},
        {"std": 0.0},
        {"held_rollouts": -1},
        {"budget_share": 0.0},
        {"least_length": 1.5},
        {"untrained_share": 0.0},
        {"untrained_share": 1.0},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="warm start"):
        WarmStartConfig(**wrong)
