from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from genrl.errors import InputError
from genrl.evaluation import sample_figures
from genrl.evaluation.sample_figures import draw_histograms, draw_images, draw_planes, draw_sample_table

RNG = np.random.default_rng(0)


def size(path: Path) -> tuple[int, int]:
    height, width, _ = matplotlib.image.imread(path).shape
    return height, width


def test_the_density_is_asked_around_the_data(tmp_path: Path) -> None:
    asked: list[np.ndarray] = []

    def log_density(x: np.ndarray) -> np.ndarray:
        asked.append(x)
        return -np.square(x - [5.0, -3.0]).sum(1)

    points = RNG.normal((5.0, -3.0), size=(500, 2))
    path = draw_planes({"data": points, "samples": points + 100}, tmp_path / "new" / "it.png", log_density=log_density)
    (cells,) = asked
    assert cells.dtype == np.float32
    assert cells.mean(0) == pytest.approx([5.0, -3.0], abs=0.5)
    assert np.ptp(cells, axis=0) == pytest.approx(np.ptp(cells, axis=0)[::-1])  # a square
    assert ((cells.min(0) < points.mean(0) - 2) & (cells.max(0) > points.mean(0) + 2)).all()
    height, width = size(path)
    assert width == pytest.approx(3 * height, rel=0.01)


def test_labels_colour_the_points(tmp_path: Path) -> None:
    points = RNG.normal(size=(300, 2))
    labels = {"data": np.arange(300) % 5}
    plain = matplotlib.image.imread(draw_planes({"data": points}, tmp_path / "plain.png"))
    coloured = matplotlib.image.imread(draw_planes({"data": points}, tmp_path / "coloured.png", labels=labels))
    assert len(np.unique(coloured.reshape(-1, 4), axis=0)) > 2 * len(np.unique(plain.reshape(-1, 4), axis=0))


def test_a_table_has_a_place_for_each_pair_and_empty_ones_for_what_is_missing(tmp_path: Path) -> None:
    points = RNG.normal(size=(50, 2))
    rows = {"data": {"a": points, "b": 9 * points, "c": points}, "one": {"b": points}, "two": {}}
    height, width = size(draw_sample_table(rows, tmp_path / "table.png"))
    assert height == pytest.approx(width, rel=0.01)
    with pytest.raises(InputError, match="needs a row with a column"):
        draw_sample_table({}, tmp_path / "none.png")


def test_images_are_laid_out_in_a_grid(tmp_path: Path) -> None:
    images = np.zeros((5, 2, 2))
    images[3] = 1.0
    picture = matplotlib.image.imread(draw_images({"data": images}, tmp_path / "grid.png", across=2))
    black = (picture[..., :3] == 0.0).all(-1)
    # Without the title: three rows of two, the fourth image white and the sixth missing.
    rows = np.flatnonzero(black.mean(1) > 0.2)
    grid = black[rows[0] : rows[-1] + 1]
    columns = np.flatnonzero(grid.mean(0) > 0.2)
    grid = grid[:, columns[0] : columns[-1] + 1]
    heights, widths = (
        (2 * np.arange(count) + 1) * side // (2 * count) for count, side in zip((3, 2), grid.shape, strict=True)
    )
    assert grid[np.ix_(heights, widths)].tolist() == [[True, True], [True, False], [True, False]]


def test_histograms_of_few_columns(tmp_path: Path) -> None:
    data = RNG.normal(size=(200, 6))
    data[:, 3] = 7.0  # constant
    path = draw_histograms({"data": data, "samples": data + 1}, tmp_path / "histograms.svg")
    assert path.read_text().count("<!-- column ") == 6
    assert draw_histograms({"data": data}, path, most=2) == path
    assert path.read_text().count("<!-- column ") == 2


@pytest.mark.parametrize(
    ("draw", "panels"),
    [(draw_histograms, {"data": RNG.normal(size=(50, 3))}), (draw_images, {"data": RNG.normal(size=(9, 4, 4))})],
)
def test_log_probabilities_are_the_last_panel(
    draw: Callable[..., Path], panels: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(sample_figures, "_save", lambda figure, path: drawn.append(figure) or path)
    log_prob = {"held out": np.array([-3.0, -2.0, -np.inf, -2.5]), "samples": np.full(8, -9.0)}
    draw(panels, tmp_path / "picture.png", log_prob=log_prob)
    draw(panels, tmp_path / "picture.png")
    with_it, without = (figure.axes for figure in drawn)
    assert len(with_it) == len(without) + 1
    axes = with_it[-1]
    assert axes.get_title() == "log_prob, nats"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["held out", "samples"]
    for container, values in zip(axes.containers, log_prob.values(), strict=True):
        bars = {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in container}
        assert sum(bars.values()) == pytest.approx(1.0)
        clipped = values.clip(-9.0)  # what is impossible is counted in the last bin
        assert sum(place * height for place, height in bars.items()) == pytest.approx(clipped.mean(), abs=0.1)


@pytest.mark.parametrize(
    ("draw", "panels", "message"),
    [
        (draw_planes, {"data": np.zeros((3, 5))}, "must have two columns"),
        (draw_planes, {"data": np.zeros((0, 2))}, "nothing to draw in the panel 'data'"),
        (draw_images, {"data": np.zeros((3, 4))}, "nothing to draw"),
        (draw_images, {"data": np.zeros((3, 1, 4, 4))}, "images have the shape"),
        (draw_histograms, {"a": np.zeros((3, 4)), "b": np.zeros((3, 5))}, "sets of the same columns"),
    ],
)
def test_what_cannot_be_drawn(draw: Callable[..., Path], panels: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        draw(panels, tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())
