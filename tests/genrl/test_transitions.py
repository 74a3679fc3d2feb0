import dataclasses

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from genrl.errors import InputError
from genrl.transitions import Demonstrations, Trajectory, Transitions, encode_actions

LENGTHS = (3, 1, 4)
OBSERVATIONS = spaces.Box(-np.inf, np.inf, (2,), np.float64)
ACTIONS = spaces.Box(np.array([-1.0, -2.0]), np.array([1.0, 2.0]), dtype=np.float64)


def demonstrations(lengths=LENGTHS, **changes):
    """Observation row (e, t) is [10 e + t, -1]: it tells from which episode and step it is."""
    steps, ends = sum(lengths), np.cumsum(lengths) - 1
    fields = {
        "observations": np.array([[10.0 * e + t, -1.0] for e, n in enumerate(lengths) for t in range(n + 1)]),
        "actions": np.linspace(-0.9, 0.9, 2 * steps).reshape(steps, 2),
        "rewards": np.arange(steps, dtype=np.float32),
        "terminations": np.isin(np.arange(steps), ends[:1]),
        "truncations": np.isin(np.arange(steps), ends[1:]),
        "episode_lengths": np.array(lengths),
    }
    return Demonstrations(**{**fields, **changes})


def discrete(actions):
    return demonstrations(lengths=(len(actions),), actions=np.asarray(actions))


# --- Transitions


def batch(rows=4):
    return Transitions(
        observations=torch.arange(2.0 * rows).reshape(rows, 2),
        actions=torch.ones(rows, 1),
        next_observations=torch.zeros(rows, 2),
        terminations=torch.arange(rows) % 2 == 0,
    )


def test_transitions_index_map_and_join():
    whole = batch()
    assert len(whole) == 4
    assert whole[1:3].observations.tolist() == [[2, 3], [4, 5]]
    assert len(whole[whole.terminations]) == 2
    twice = Transitions.concatenate([whole, whole[torch.tensor([3, 0])]])
    assert twice.observations[:, 0].tolist() == [0, 2, 4, 6, 6, 0]
    assert twice.terminations.tolist() == [True, False, True, False, False, True]
    assert whole.map(lambda tensor: tensor[:0]).actions.shape == (0, 1)
    assert whole.to("cpu").terminations.dtype == torch.bool


def test_transitions_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch().actions = torch.zeros(4, 1)


# --- layout


def test_trajectories_are_the_inverse_of_joining():
    demos = demonstrations(env_id="Task-v4", expert_return=7.0)
    again = Demonstrations.from_trajectories(list(demos.trajectories()), env_id="Task-v4", expert_return=7.0)
    for field in dataclasses.fields(demos):
        np.testing.assert_array_equal(getattr(demos, field.name), getattr(again, field.name), err_msg=field.name)
    episodes = list(demos.trajectories())
    assert [len(episode) for episode in episodes] == list(LENGTHS)
    assert [episode.observations[-1, 0] for episode in episodes] == [3.0, 11.0, 24.0]
    assert [(episode.terminated, episode.truncated) for episode in episodes] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_returns_are_sums_by_episode():
    demos = demonstrations()
    assert demos.returns.tolist() == [0 + 1 + 2, 3, 4 + 5 + 6 + 7]
    assert demos.expert_return == pytest.approx((3 + 3 + 22) / 3)
    assert demonstrations(expert_return=99.0).expert_return == 99.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observations": np.zeros((8, 2))}, "T \\+ 1 rows"),
        ({"observations": np.zeros(11)}, "T \\+ 1 rows"),
        ({"observations": np.zeros((11, 2, 2))}, "two dimensions"),
        ({"actions": np.array(1.0)}, "one or two dimensions"),
        ({"actions": np.zeros((8, 2, 2))}, "one or two dimensions"),
        ({"actions": np.zeros((0, 2)), "rewards": np.zeros(0)}, "empty"),
        ({"rewards": np.zeros(7)}, "rewards must have shape"),
        ({"rewards": np.zeros((8, 1))}, "must have one dimension"),
        ({"terminations": np.zeros(9, bool)}, "terminations must have shape"),
        ({"truncations": np.zeros(9, bool)}, "truncations must have shape"),
        ({"episode_lengths": np.array([3, 1, 5])}, "sum to"),
        ({"episode_lengths": np.array([9, 0, -1])}, "positive"),
        ({"episode_lengths": np.array([3.0, 1.0, 4.0])}, "integers"),
        ({"episode_lengths": np.array([[3, 1, 4]])}, "must have one dimension"),
        ({"episode_lengths": np.zeros(0, int)}, "empty"),
        ({"terminations": np.arange(8) == 1}, "step 1 ends an episode"),
        ({"truncations": np.arange(8) == 5}, "step 5 ends an episode"),
        ({"actions": np.full((8, 2), "left")}, "must be numbers"),
        ({"rewards": np.full(8, None, dtype=object)}, "must be numbers"),
        ({"observations": np.zeros((11, 0))}, "T \\+ 1 rows"),
        ({"actions": np.zeros((8, 0))}, "one or two dimensions"),
        ({"episode_lengths": np.array([2**62, 2**62, 2**62, 2**62, 8])}, "sum to"),  # they do, modulo 2**64
        ({"terminations": np.full(8, "no")}, "True or False"),
        ({"truncations": np.full(8, np.nan)}, "True or False"),
        ({"terminations": np.full(8, 2)}, "True or False"),
        ({"observations": np.full((11, 2), 1e39)}, "column 0 of observations of the demonstrations holds 1e[+]39"),
        ({"actions": np.full((8, 2), -1e39)}, "column 0 of actions of the demonstrations holds 1e[+]39"),
        ({"rewards": np.full(8, 1e39)}, "column 0 of rewards of the demonstrations holds 1e[+]39"),
        ({"observations": 1.7e9 + np.arange(22.0).reshape(11, 2)}, "cannot tell apart: subtract an offset"),
        ({"env_id": 4}, "name of a task"),
        ({"env_id": "two\nlines"}, "name of a task"),
    ],
)
def test_a_wrong_layout_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        demonstrations(**changes)


@pytest.mark.parametrize("name", ["observations", "actions", "rewards"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(name, value):
    bad = np.array(getattr(demonstrations(), name), dtype=np.float64)
    bad[5] = value
    with pytest.raises(InputError, match=f"{name} .* row 5"):
        demonstrations(**{name: bad})


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 4), max_size=4),
    st.integers(0, 12),
    st.integers(0, 16),
    st.lists(st.integers(0, 3), max_size=2),
)
def test_any_shapes_give_demonstrations_or_one_clear_line(lengths, steps, rows, columns):
    consistent = bool(lengths) and min(lengths) > 0 and sum(lengths) == steps and rows == steps + len(lengths)
    consistent = consistent and len(columns) == 1 and columns[0] > 0
    fields = {
        "observations": np.zeros((rows, *columns)),
        "actions": np.zeros((steps, 1)),
        "rewards": np.zeros(steps),
        "terminations": np.zeros(steps, bool),
        "truncations": np.zeros(steps, bool),
        "episode_lengths": np.array(lengths, dtype=np.int64),
    }
    if consistent:
        assert len(Demonstrations(**fields).transitions(spaces.Box(-1, 1, (1,)))) == steps
    else:
        with pytest.raises(InputError) as caught:
            Demonstrations(**fields)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [np.uint64, np.int8, np.uint8])
def test_lengths_and_flags_of_any_kind_are_read(dtype):
    plain = demonstrations()
    other = demonstrations(
        episode_lengths=plain.episode_lengths.astype(dtype), terminations=plain.terminations.astype(dtype)
    )
    assert other.episode_lengths.dtype == np.int64
    assert other.terminations.dtype == bool
    assert torch.equal(other.transitions(ACTIONS).observations, plain.transitions(ACTIONS).observations)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observations": np.zeros((5, 2))}, "episode 1 must have T rewards, T actions and T \\+ 1 observations"),
        ({"actions": np.zeros((2, 2))}, "episode 1 must have"),
        ({"rewards": np.zeros((3, 1))}, "episode 1 must have"),
        ({"rewards": np.array(1.0)}, "episode 1 must have"),
        ({"observations": np.zeros((4, 3))}, "observations of episode 1 have rows of shape .3,., those of episode 0"),
        ({"actions": np.zeros((3, 1))}, "actions of episode 1 have rows of shape"),
    ],
)
def test_an_episode_that_does_not_fit_is_named(changes, message):
    first = next(demonstrations().trajectories())
    with pytest.raises(InputError, match=message):
        Demonstrations.from_trajectories([first, dataclasses.replace(first, **changes)])


def test_no_episode_is_refused():
    with pytest.raises(InputError, match="at least one episode"):
        Demonstrations.from_trajectories([])


# --- pairs


def test_transitions_pair_each_step_with_its_own_successor():
    pairs = demonstrations().transitions(ACTIONS)
    assert pairs.observations[:, 0].tolist() == [0, 1, 2, 10, 20, 21, 22, 23]
    assert pairs.next_observations[:, 0].tolist() == [1, 2, 3, 11, 21, 22, 23, 24]
    assert pairs.terminations.tolist() == [False, False, True, False, False, False, False, False]
    assert pairs.observations.dtype == pairs.actions.dtype == torch.float32
    np.testing.assert_allclose(pairs.actions, demonstrations().actions, rtol=1e-6)


def test_first_keeps_whole_episodes_from_the_front():
    two = demonstrations(expert_return=50.0).first(2)
    assert two.episode_lengths.tolist() == [3, 1]
    assert two.observations[:, 0].tolist() == [0, 1, 2, 3, 10, 11]
    assert two.expert_return == 50.0
    assert len(demonstrations().subsample(2, np.random.default_rng(0)).first(1)) == 3
    for count in (0, 4, -1):
        with pytest.raises(InputError, match=f"{count} episodes"):
            demonstrations().first(count)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 2**16))
def test_subsampling_keeps_every_nth_pair_of_each_episode(lengths, every, seed):
    demos = demonstrations(tuple(lengths))
    few = demos.subsample(every, np.random.default_rng(seed))
    starts = np.cumsum(lengths) - lengths
    for start, length in zip(starts, lengths, strict=True):
        kept = few.kept_pairs[(few.kept_pairs >= start) & (few.kept_pairs < start + length)] - start
        assert 0 <= kept[0] < every
        assert (np.diff(kept) == every).all()
        assert kept[-1] + every >= length
    pairs, all_pairs = few.transitions(ACTIONS), demos.transitions(ACTIONS)
    assert len(few) == len(pairs) == len(few.kept_pairs)
    assert torch.equal(pairs.next_observations, all_pairs.next_observations[few.kept_pairs])
    assert torch.equal(pairs.terminations, all_pairs.terminations[few.kept_pairs])
    np.testing.assert_array_equal(few.returns, demos.returns)


def test_the_offset_of_a_subsample_is_random():
    demos = demonstrations((100,))
    offsets = {int(demos.subsample(20, np.random.default_rng(seed)).kept_pairs[0]) for seed in range(40)}
    assert len(offsets) > 10
    with pytest.raises(InputError, match="1 or more"):
        demos.subsample(0, np.random.default_rng(0))


# --- spaces


def test_the_digest_is_of_what_an_imitator_learns_from():
    whole = demonstrations()
    assert whole.digest() == demonstrations().digest()
    thinned = [whole.subsample(2, np.random.default_rng(seed)).digest() for seed in range(8)]
    others = [whole.first(2), demonstrations(rewards=np.ones(8)), demonstrations(actions=None)]
    assert len(set(thinned)) > 1  # by their offsets
    assert len({whole.digest(), thinned[0], *(other.digest() for other in others)}) == 5


def test_fitting_demonstrations_are_accepted():
    demonstrations(env_id="Ant-v4").check_spaces(OBSERVATIONS, ACTIONS, "Ant-v4")
    demonstrations(env_id=None).check_spaces(OBSERVATIONS, ACTIONS, "Ant-v4")
    demonstrations(env_id="Ant-v4").check_spaces(OBSERVATIONS, ACTIONS, None)
    discrete([0, 1, 2]).check_spaces(OBSERVATIONS, spaces.Discrete(3))
    discrete([[0.0], [1.0]]).check_spaces(OBSERVATIONS, spaces.Discrete(3))


@pytest.mark.parametrize("other", ["Ant-v5", "Humanoid-v4"])
def test_another_task_or_version_is_refused(other):
    with pytest.raises(InputError, match=f"Ant-v4.*{other}.*record new"):
        demonstrations(env_id="Ant-v4").check_spaces(OBSERVATIONS, ACTIONS, other)


@pytest.mark.parametrize(
    ("observation_space", "action_space", "message"),
    [
        (spaces.Box(-1, 1, (3,)), ACTIONS, "2 observation columns, the environment has 3"),
        (spaces.Box(-1, 1, (2, 2)), ACTIONS, "Box of one dimension"),
        (spaces.Dict({"a": OBSERVATIONS}), ACTIONS, "Box of one dimension"),
        (OBSERVATIONS, spaces.Box(-1, 1, (3,)), "actions of shape"),
        (OBSERVATIONS, spaces.Box(-1, 1, (1, 2)), "Box of one dimension"),
        (OBSERVATIONS, spaces.MultiDiscrete([2, 2]), "Discrete or a Box"),
        (OBSERVATIONS, spaces.Discrete(2), "not whole numbers"),
        (OBSERVATIONS, spaces.Box(-0.5, 0.5, (2,)), "outside the bounds.* step 0, where -0.5 to 0.5"),
    ],
)
def test_other_spaces_are_refused(observation_space, action_space, message):
    with pytest.raises(InputError, match=message) as caught:
        demonstrations().check_spaces(observation_space, action_space)
    assert "\n" not in str(caught.value)


def test_the_message_stays_one_line_for_many_joints():
    wide = demonstrations(actions=np.full((8, 40), 3.0))
    with pytest.raises(InputError) as caught:
        wide.check_spaces(OBSERVATIONS, spaces.Box(-1, 1, (40,)))
    assert "\n" not in str(caught.value)


def test_bounds_are_met_up_to_rounding():
    edge = demonstrations(actions=np.full((8, 2), np.float32(0.4)))
    edge.check_spaces(OBSERVATIONS, spaces.Box(-0.4, 0.4, (2,), np.float64))


@pytest.mark.parametrize("actions", [[0, 1, 3], [-1, 0, 1], [0.5, 1.0, 1.0]])
def test_discrete_actions_outside_are_refused(actions):
    with pytest.raises(InputError):
        discrete(actions).check_spaces(OBSERVATIONS, spaces.Discrete(3))


def test_discrete_actions_are_one_hot():
    space = spaces.Discrete(3)
    discrete([0, 2]).check_spaces(OBSERVATIONS, space)
    assert encode_actions(space, np.array([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert encode_actions(space, np.array([[1.0]])).tolist() == [[0, 1, 0]]


def test_discrete_actions_that_do_not_start_at_zero_are_refused():
    with pytest.raises(InputError, match="from 0"):
        discrete([5, 7]).check_spaces(OBSERVATIONS, spaces.Discrete(3, start=5))


def test_box_actions_are_clipped_as_the_environment_does():
    encoded = encode_actions(ACTIONS, np.array([[3.0, -3.0], [0.5, 1.5]]))
    assert encoded.tolist() == [[1.0, -2.0], [0.5, 1.5]]
    assert encoded.dtype == np.float32
    with pytest.raises(InputError, match="Discrete or a Box"):
        encode_actions(spaces.MultiBinary(2), np.zeros((1, 2)))


def test_a_trajectory_counts_its_actions():
    episode = Trajectory(
        observations=np.zeros((3, 1)), actions=np.zeros((2, 1)), rewards=np.zeros(2), terminated=False, truncated=True
    )
    assert len(episode) == 2
