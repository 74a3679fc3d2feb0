import itertools

import pytest

from experts.hyperparameters import PER_TASK, SETTINGS, expert_settings
from experts.learner import ALGORITHMS, build_learner


def test_a_task_changes_only_what_is_its_own():
    plain, humanoid = expert_settings("ppo", "Ant-v4"), expert_settings("ppo", "Humanoid-v4")
    assert plain == SETTINGS["ppo"]
    assert humanoid.policy["log_std_init"] == -1.0
    assert humanoid.arguments == plain.arguments


def test_mappings_are_merged():
    hopper = expert_settings("tqc", "Hopper-v5").arguments
    assert hopper == {**SETTINGS["tqc"].arguments, "top_quantiles_to_drop_per_net": 5}


def test_the_command_line_has_the_last_word():
    settings = expert_settings("sac", "Ant-v4", num_envs=3, n_timesteps=7)
    assert (settings.num_envs, settings.n_timesteps) == (3, 7)
    assert settings.hidden == SETTINGS["sac"].hidden


@pytest.mark.parametrize(("algorithm", "family"), [*itertools.product(ALGORITHMS, ["Walker2d"]), *PER_TASK])
def test_every_setting_is_one_that_its_algorithm_knows(algorithm, family):
    settings = expert_settings(algorithm, f"{family}-v4", num_envs=1)
    learner = build_learner(algorithm, f"{family}-v4", settings, seed=0)
    assert isinstance(learner, ALGORITHMS[algorithm])
    assert (learner.get_vec_normalize_env() is not None) == settings.normalise


def test_the_rate_falls_in_a_straight_line():
    learner = build_learner("ppo", "Hopper-v4", expert_settings("ppo", "Hopper-v4", num_envs=1), seed=0)
    rates = [learner.lr_schedule(remaining) for remaining in (1.0, 0.5, 0.0)]
    assert rates == pytest.approx([5e-4, 2.75e-4, 5e-5])
