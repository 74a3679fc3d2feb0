import json
import pickle
import sys
from types import ModuleType

import numpy as np
import pytest

from experts.imitation_library import read_imitation
from genrl.errors import InputError


class TrajectoryWithRew:
    """Pickles like the library's own class."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


TrajectoryWithRew.__module__ = "imitation.data.types"


@pytest.fixture
def episodes():
    rng = np.random.default_rng(0)
    return [
        {
            "obs": rng.normal(size=(length + 1, 11)),
            "acts": rng.uniform(-1, 1, size=(length, 3)).astype(np.float32),
            "infos": np.array([{}] * (length - 1) + [{"TimeLimit.truncated": length == 7}]),
            "terminal": length != 4,
            "rews": rng.normal(size=length),
        }
        for length in (5, 7, 4)
    ]


def save_npz(path, episodes):
    joined = {name: np.concatenate([e[name] for e in episodes]) for name in ("obs", "acts", "infos", "rews")}
    terminal = np.array([e["terminal"] for e in episodes])
    indices = np.cumsum([len(e["acts"]) for e in episodes])[:-1]
    np.savez_compressed(path, **joined, terminal=terminal, indices=indices)


def save_pickle(path, episodes, monkeypatch):
    module = ModuleType("imitation.data.types")
    module.TrajectoryWithRew = TrajectoryWithRew
    for name in ("imitation", "imitation.data"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "imitation.data.types", module)
    path.write_bytes(pickle.dumps([TrajectoryWithRew(**e) for e in episodes]))
    for name in ("imitation.data.types", "imitation.data", "imitation"):
        monkeypatch.delitem(sys.modules, name)


def save_arrow(folder, episodes):
    import pyarrow

    folder.mkdir()
    columns = {name: [e[name].tolist() for e in episodes] for name in ("obs", "acts", "rews")}
    columns["terminal"] = [e["terminal"] for e in episodes]
    columns["infos"] = [[json.dumps(info) for info in e["infos"]] for e in episodes]
    table = pyarrow.table(columns)
    with pyarrow.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))


def check(demonstrations, episodes):
    assert demonstrations.episode_lengths.tolist() == [5, 7, 4]
    for trajectory, episode in zip(demonstrations.trajectories(), episodes, strict=True):
        np.testing.assert_allclose(trajectory.observations, episode["obs"], rtol=1e-6)
        np.testing.assert_allclose(trajectory.actions, episode["acts"], rtol=1e-6)
        np.testing.assert_allclose(trajectory.rewards, episode["rews"], rtol=1e-6)


def test_npz_is_read_without_its_pickled_infos(tmp_path, episodes):
    save_npz(tmp_path / "a.npz", episodes)
    read = read_imitation(tmp_path / "a.npz")
    check(read, episodes)
    assert [t.terminated for t in read.trajectories()] == [True, True, False]
    assert read.env_id is None


def test_the_time_limit_of_the_task_tells_truncations(tmp_path, episodes, monkeypatch):
    import gymnasium as gym

    monkeypatch.setattr(gym.spec("Hopper-v4"), "max_episode_steps", 7)
    save_npz(tmp_path / "a.npz", episodes)
    read = read_imitation(tmp_path / "a.npz", env_id="Hopper-v4")
    assert [t.terminated for t in read.trajectories()] == [True, False, False]
    assert [t.truncated for t in read.trajectories()] == [False, True, True]


def test_a_pickle_opens_only_when_trusted(tmp_path, episodes, monkeypatch):
    save_pickle(tmp_path / "a.pkl", episodes, monkeypatch)
    with pytest.raises(InputError, match="--trust"):
        read_imitation(tmp_path / "a.pkl")
    read = read_imitation(tmp_path / "a.pkl", trust=True)
    check(read, episodes)
    assert [t.terminated for t in read.trajectories()] == [True, False, False]


def test_an_arrow_folder(tmp_path, episodes):
    save_arrow(tmp_path / "set", episodes)
    read = read_imitation(tmp_path / "set")
    check(read, episodes)
    assert [t.terminated for t in read.trajectories()] == [True, False, False]


def test_an_arrow_folder_without_pyarrow_says_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="pip install pyarrow"):
        read_imitation(tmp_path)


def test_missing_rewards_read_as_zero(tmp_path, episodes):
    save_npz(tmp_path / "a.npz", episodes)
    arrays = {name: a for name, a in np.load(tmp_path / "a.npz", allow_pickle=True).items() if name != "rews"}
    np.savez(tmp_path / "b.npz", **arrays)
    assert np.all(read_imitation(tmp_path / "b.npz").rewards == 0)


@pytest.mark.parametrize(
    ("name", "content", "trust", "message"),
    [
        ("none.npz", None, False, "does not exist"),
        ("a.npz", b"PK half a zip", False, "cut short"),
        ("a.pkl", b"\x80\x04 nonsense", True, "no pickled list"),
        ("a.pkl", b"", True, "no pickled list"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, name, content, trust, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_imitation(tmp_path / name, trust=trust)


def test_another_npz_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", other=np.zeros(2))
    with pytest.raises(InputError, match="it lacks acts"):
        read_imitation(tmp_path / "a.npz")
