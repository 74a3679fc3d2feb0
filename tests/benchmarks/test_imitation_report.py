"""The suite's table as it is: its report counts right, and the scripts take its flags."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def result(row: str, seed: int, fraction: float, **more: str) -> dict[str, str]:
    line = {"row": row, "seed": str(seed), "expert_fraction": str(fraction), "mean": str(8808.09 * fraction)}
    return {**line, "steps": "2000000", "minutes": "60.0", "expert_return": "8808.09", "stability": "0.9", **more}


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The modules with the table as it is."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import imitation_cells
    import imitation_figures
    import imitation_report

    return SimpleNamespace(cells=imitation_cells, figures=imitation_figures, report=imitation_report)


def test_the_report_counts_over_seeds(full: SimpleNamespace, tmp_path: Path) -> None:
    quick = {"minutes_to_60": "8.0", "minutes_to_80": "20.0"}
    late = {"minutes_to_60": "11.0", "minutes_to_80": "20.0"}
    lines = [result("ant-shipped-25", seed, value, **quick) for seed, value in enumerate([0.2, 0.9, 1.0, 1.0, 5.0])]
    lines += [result("control-ant", 0, 0.05), result("bc-ant-shipped-25", 0, 0.1), result("gone", 0, 0.1)]
    lines += [result("ablation-recipe", 0, 0.6), result("ablation-bare-logit", 0, 0.2)]
    row = full.report.summarise(full.cells.CELLS["ant-shipped-25"], lines)
    assert row.iqm == pytest.approx(2.9 / 3)
    assert row.low < row.iqm < row.high
    assert row.is_met
    assert full.report.baselines(row, lines) == {"control": pytest.approx(0.05), "bc": pytest.approx(0.1)}
    one_late = [*lines[:4], result("ant-shipped-25", 4, 5.0, **late)]
    assert full.report.summarise(row.cell, one_late).is_met is False  # every seed crosses all marks
    weak = full.report.summarise(row.cell, [result("ant-shipped-25", 0, 0.89, **quick)])
    assert (weak.iqm, weak.is_met) == (0.89, False)
    fell = full.report.summarise(row.cell, [result("ant-shipped-25", 0, 0.95, **quick, stability="0.49")])
    assert (fell.stability, fell.is_met) == (0.49, False)
    text = full.report.markdown(lines)
    assert "| ant-shipped-25 | 5 | 2.0M | 60 |" in text
    assert "60%: 8.0 min (within 10); 80%: 20.0 min (within 25) | yes | 0.90 | 0.05 | 0.10 |" in text
    assert "| bare logit | `--reward-form airl` |" in text
    assert "-0.40 |" in text
    assert "Not in the table any more: gone." in text
    for draw, name in ((full.figures.draw_suite, "suite.png"), (full.figures.draw_ablation, "ablation.png")):
        assert draw(lines, tmp_path / name).stat().st_size > 5000
        assert draw([], tmp_path / "none.png") is None
    assert full.report.markdown([]) == "Nothing is finished yet."


def test_the_scripts_take_every_flag_of_the_table(full: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    import tyro

    monkeypatch.syspath_prepend(ROOT / "scripts")
    import train_bc
    import train_gail

    parsers = {"gail": train_gail.TrainConfig, "bc": train_bc.TrainConfig}
    seen = set()
    for cell in full.cells.CELLS.values():
        if cell.kind == "random" or (cell.kind, cell.flags, cell.subsample) in seen:
            continue
        seen.add((cell.kind, cell.flags, cell.subsample))
        config: Any = tyro.cli(parsers[cell.kind], args=list(cell.arguments(3)))
        assert (config.env, config.seed, config.episodes) == (cell.env, 3, cell.episodes)
        assert (config.tier, config.subsample) == (cell.tier, cell.subsample)
    assert len(seen) > 10
