"""The soak benchmark reads memory and files of a training, and tells growth from a peak."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrl.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import soak

    return soak


def row(soak: ModuleType, readings: list[Any]) -> dict[str, str]:
    config = soak.SoakConfig(n_timesteps=1000)
    return {name: str(value) for name, value in soak.row_of(config, readings, 1.0).items()}


def test_growth_is_counted_from_the_first_tenth(soak: ModuleType) -> None:
    steady = [soak.Reading(step, 100.0 if step > 20 else 50.0, 6) for step in range(0, 1000, 5)]
    assert float(row(soak, steady)["growth_percent"]) == 0
    assert soak.is_steady(row(soak, steady))
    leaking = [soak.Reading(step, 100.0 + 0.01 * step, 6) for step in range(0, 1000, 5)]
    assert float(row(soak, leaking)["growth_percent"]) == pytest.approx(9.0, abs=0.1)
    assert not soak.is_steady(row(soak, leaking))


def test_a_moments_peak_is_no_growth_but_a_file_that_stays_open_is_seen(soak: ModuleType) -> None:
    peaks = [soak.Reading(step, 300.0 if step % 100 == 95 else 100.0, 6) for step in range(0, 1000, 5)]
    assert soak.is_steady(row(soak, peaks))
    open_files = [soak.Reading(step, 100.0, 6 + (step > 700)) for step in range(0, 1000, 5)]
    assert not soak.is_steady(row(soak, open_files))


def test_too_few_readings_are_refused(soak: ModuleType) -> None:
    with pytest.raises(InputError, match="no reading within tenth 2"):
        soak.at_tenths([soak.Reading(70, 1.0, 1)], 1000)


@pytest.mark.slow
def test_a_short_run_is_watched_once(soak: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = soak.SoakConfig(
        learner="sac",
        n_timesteps=16_000,
        every_seconds=0.05,
        log_folder=tmp_path / "runs",
        out=tmp_path / "soak.csv",
    )
    soak.main(config)
    before = config.out.read_text()
    (found,) = soak.read_rows(config.out)
    assert float(found["megabytes_1"]) > 50
    assert int(found["files_10"]) >= 3
    soak.main(config)
    assert config.out.read_text() == before
    assert "Hopper-v4" in capsys.readouterr().out
