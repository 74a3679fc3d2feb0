from pathlib import Path
from types import ModuleType

import pytest

from genrl.errors import InputError
from genrl.training import RunDirectory

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def plot(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import plot

    return plot


def make_run(parent: Path, seed: int) -> Path:
    run = RunDirectory.create(parent, "gail", "Ant-v4", seed, {})
    (run.path / "progress.csv").write_text(
        "time/total_timesteps,rollout/ep_rew_mean,eval/mean_reward\n100,1.0,\n200,2.0,3.0\n300,4"
    )
    return run.path


def test_one_run_keeps_its_picture(plot: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path, 0)
    plot.main(plot.PlotConfig(runs=(run,)))
    assert (run / "learning_curve.png").stat().st_size > 1000
    assert f"wrote {run / 'learning_curve.png'}" in capsys.readouterr().out


def test_several_runs(plot: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = tuple(make_run(tmp_path / "runs", seed) for seed in range(2))
    plot.main(plot.PlotConfig(runs=runs))
    assert (tmp_path / "learning_curve.png").is_file()
    plot.main(plot.PlotConfig(runs=runs, out=tmp_path / "two.svg"))
    assert "<svg" in (tmp_path / "two.svg").read_text()
    with pytest.raises(InputError, match="no run"):
        plot.main(plot.PlotConfig(runs=()))
