from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stable_baselines3.common.logger import CSVOutputFormat

from genrl.errors import InputError
from genrl.evaluation import draw_learning_curve, read_progress
from genrl.training import RunDirectory

STEPS, TRAIN, EVAL = "time/total_timesteps", "rollout/ep_rew_mean", "eval/mean_reward"


def log(run: Path, rows: list[dict[str, float | str]]) -> None:
    """Write rows as stable-baselines3 does."""
    output = CSVOutputFormat(str(run / "progress.csv"))
    for row in rows:
        output.write(dict(row), dict.fromkeys(row, ()))  # type: ignore[arg-type]
    output.close()


def rows(seed: int = 0, start: int = 100, evaluate_from: int = 200) -> list[dict[str, float | str]]:
    made: list[dict[str, float | str]] = []
    for step in range(start, 1001, 100):
        made.append({STEPS: step, TRAIN: step / 10 + seed, "rollout/ep_len_mean": 50.0})
        if step >= evaluate_from and step % 200 == 0:  # a column that comes later, on rows of its own
            made.append({STEPS: step, EVAL: step / 5 + seed, "eval/mean_ep_length": 60.0})
    return made


def make_run(parent: Path, seed: int, agent: str = "gail") -> RunDirectory:
    run = RunDirectory.create(parent, agent, "Ant-v4", seed, {"expert_return": 180.0, "random_return": -10.0})
    log(run.path, rows(seed))
    return run


def test_columns_that_come_late_and_blank_cells(tmp_path: Path) -> None:
    run = make_run(tmp_path, 0)
    progress = read_progress(run.path)
    evaluated = np.isfinite(progress[EVAL])
    np.testing.assert_array_equal(progress[STEPS][evaluated], [200, 400, 600, 800, 1000])
    np.testing.assert_array_equal(progress[EVAL][evaluated], [40, 80, 120, 160, 200])
    np.testing.assert_array_equal(progress[TRAIN][~evaluated], np.arange(100, 1001, 100) / 10)


def test_half_written_last_line_and_text_are_left_out(tmp_path: Path) -> None:
    log(tmp_path, [{STEPS: 100, TRAIN: 1.5, "note": "a, b"}, {STEPS: 200, TRAIN: 2.5, "note": "c"}])
    path = tmp_path / "progress.csv"
    path.write_text(path.read_text() + "3")
    progress = read_progress(tmp_path)
    assert progress[STEPS].tolist() == [100, 200]
    assert progress[TRAIN].tolist() == [1.5, 2.5]
    assert np.isnan(progress["note"]).all()


def test_a_resumed_run_continues_its_curve(tmp_path: Path) -> None:
    run = make_run(tmp_path, 0)
    run.set_aside_progress()
    log(run.path, [{EVAL: 1.0, STEPS: 700, TRAIN: 5.0}, {STEPS: 1200, TRAIN: 6.0}])  # from a checkpoint at 600
    progress = read_progress(run.path)
    trained = np.isfinite(progress[TRAIN])
    assert progress[STEPS][trained].tolist() == [100, 200, 300, 400, 500, 600, 700, 1200]
    assert progress[TRAIN][trained][-3:].tolist() == [60.0, 5.0, 6.0]


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no progress"):
        read_progress(tmp_path)
    (tmp_path / "progress.csv").write_text("")
    with pytest.raises(InputError, match="no progress"):
        read_progress(tmp_path)
    (tmp_path / "progress.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column"):
        read_progress(tmp_path)
    with pytest.raises(InputError, match="no run"):
        draw_learning_curve([], tmp_path / "x.png")


def test_pictures_of_one_run_and_of_several_seeds(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed) for seed in range(3)] + [make_run(tmp_path, 0, agent="bc")]
    one = draw_learning_curve([runs[0].path], tmp_path / "out" / "one.png")
    all_of_them = draw_learning_curve([run.path for run in runs], tmp_path / "all.png")
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in (one, all_of_them)]
    assert pictures[0].shape == pictures[1].shape == (840, 960, 3)
    assert (pictures[0] != pictures[1]).any()
    assert all(picture.std() > 10 for picture in pictures)
