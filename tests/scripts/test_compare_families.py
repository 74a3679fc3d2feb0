import csv
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrl.errors import InputError
from genrl.mixtures import GaussianMixture

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import compare_families

    return compare_families


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import family_report

    return family_report


def compare(script: ModuleType, folder: Path, **settings: Any) -> str:
    options: dict[str, Any] = {
        "models": ("gaussian_mixture", "bayes_classifier"),
        "data": ("two_moons", "8gaussians"),
        "seeds": 2,
        "rows": 500,
        **settings,
    }
    script.main(script.CompareConfig(folder=folder / "cells", out=folder / "out" / "families.md", **options))
    return (folder / "out" / "families.md").read_text()


def test_a_comparison(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = compare(script, tmp_path)
    with (tmp_path / "out" / "families.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 8
    assert {cell["density"] for cell in cells} == {"exact"}
    mixture = [float(cell["nll"]) for cell in cells if cell["model"] == "gaussian_mixture"]
    assert max(mixture) < 2.5
    assert "| `gaussian_mixture` | mixtures | exact |" in text
    assert "| `bayes_classifier` | bayes | exact |" in text
    assert "| model | two_moons | 8gaussians |" in text
    assert "![Samples, a row for a model, a column for a distribution](families.png)" in text
    assert (tmp_path / "out" / "families.png").stat().st_size > 10_000
    assert "8/8 bayes_classifier on 8gaussians, seed 1: NLL" in capsys.readouterr().out


def test_it_goes_on_where_it_was_stopped(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = script.measured
    fitted: list[tuple[Any, ...]] = []

    def interrupted(cell: Any, samples: Path | None) -> Any:
        if len(fitted) == 3:
            raise KeyboardInterrupt
        fitted.append(cell.key)
        return measured(cell, samples)

    monkeypatch.setattr(script, "measured", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(script, tmp_path)
    assert (tmp_path / "out" / "families.md").is_file(), "what is done is reported"
    first, fitted[:] = list(fitted), []
    monkeypatch.setattr(script, "measured", lambda cell, samples: fitted.append(cell.key) or measured(cell, samples))
    compare(script, tmp_path)
    assert len(fitted) == 5
    assert not set(first) & set(fitted)
    fitted.clear()
    compare(script, tmp_path)
    assert fitted == []
    compare(script, tmp_path, rows=600, seeds=1, data=("two_moons",))
    assert len(fitted) == 2, "other settings are other cells"


def test_a_model_that_does_not_fit_is_reported_and_tried_again(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: GaussianMixture, *_: Any) -> None:
        raise InputError("not today")

    with monkeypatch.context() as patched:
        patched.setattr(GaussianMixture, "_fit", refuse)
        text = compare(script, tmp_path, seeds=1)
    assert "- `gaussian_mixture` on two_moons, seed 0: not today" in text
    assert "| `bayes_classifier` | bayes | exact |" in text
    assert "not today" not in compare(script, tmp_path, seeds=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"models": ("nothing",)}, "there is no model 'nothing'"),
        ({"data": ("digits",)}, "--data takes names among two_moons"),
        ({"data": ()}, "--data takes names among two_moons"),
        ({"seeds": 0}, "--seeds must be 1 or more"),
        ({"updates": 0}, "--updates must be 1 or more"),
    ],
)
def test_bad_input(script: ModuleType, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(script, tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def cell(tables: ModuleType, **figures: Any) -> Any:
    return tables.Cell(**{"model": "gaussian_mixture", "data": "a", "seed": 0, "rows": 10, "updates": None, **figures})


def test_figures_by_hand(tables: ModuleType) -> None:
    exact = {"density": "exact", "sliced_wasserstein": 0.5, "fit_seconds": 2.0, "sample_rate": 1e4}
    cells = [
        cell(tables, data="a", seed=0, nll=1.0, log_prob_rate=1000.0, **exact),
        cell(tables, data="a", seed=1, nll=3.0, log_prob_rate=3000.0, **exact),
        cell(tables, data="b", seed=0, nll=5.0, **exact),
        cell(tables, data="b", seed=1, error="broken"),
    ]
    text = tables.report(cells, {"gaussian_mixture": GaussianMixture}, heading="Heading.", figure="it.png")
    # Means 3 over the fits; the deviation of 1 and 3 is sqrt(2), of a single value there is none.
    architecture = getattr(GaussianMixture, "architecture", "-")
    expected = (
        f"| `gaussian_mixture` | mixtures | exact | {architecture} | 3.00 | 0.50 | 1.414 | 2.00 | 2,000 | 10,000 |"
    )
    assert expected in text
    assert "| `gaussian_mixture` | 2.00 ± 1.41 | 5.00 |" in text
    assert "- `gaussian_mixture` on b, seed 1: broken" in text


def test_models_without_an_exact_density_are_compared_by_their_samples(tables: ModuleType) -> None:
    cells = [
        cell(tables, seed=0, density="lower_bound", nll=9.0, sliced_wasserstein=0.25),
        cell(tables, seed=1, density="lower_bound", nll=9.0, sliced_wasserstein=0.75),
    ]
    text = tables.report(cells, {"gaussian_mixture": GaussianMixture}, heading="", figure="")
    assert "| lower bound |" in text
    assert "| `gaussian_mixture` | 0.50 ± 0.35 (W) |" in text
    assert "0.354 (W)" in text


def test_the_phrase_on_architecture_is_the_models_own(tables: ModuleType) -> None:
    kind = type("Kind", (GaussianMixture,), {"architecture": "none", "__module__": "genrl.gans.kind"})
    text = tables.report([cell(tables, error="x")], {"gaussian_mixture": kind}, heading="", figure="")
    assert "| `gaussian_mixture` | gans | - | none |" in text


def test_cells_survive_the_disk(tables: ModuleType, tmp_path: Path) -> None:
    cells = [cell(tables, nll=1 / 3, density="exact"), cell(tables, seed=1, updates=5, error='a, "b"')]
    tables.write_cells(cells, tmp_path / "new" / "cells.csv")
    assert tables.read_cells(tmp_path / "new" / "cells.csv") == cells
    assert tables.read_cells(tmp_path / "none.csv") == []
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no table of this comparison"):
        tables.read_cells(tmp_path / "other.csv")


def test_maps_between_two_domains_are_not_compared(script: ModuleType) -> None:
    names = script.comparable().keys()
    assert {"gan", "gaussian_mixture"} <= names
    assert not {"cycle_gan", "pose_guided_gan"} & names


def test_models_that_no_points_in_the_plane_can_be_given_to_are_left_out(script: ModuleType) -> None:
    names = script.comparable().keys()
    assert {"gan", "real_nvp", "bayes_classifier"} <= names
    assert not {"dcgan", "style_gan", "conditional_gan", "cycle_gan"} & names
