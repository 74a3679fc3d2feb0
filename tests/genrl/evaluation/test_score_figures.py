from pathlib import Path

import imageio
import matplotlib.image
import numpy as np
import pytest
import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.evaluation.score_figures import draw_score_field, draw_ways, film_ways

RNG = np.random.default_rng(0)


class Gaussian:
    """Of variance 1 about the context, or about 0; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Tensor, float, Tensor | None]] = []

    def score_function(self, x: Tensor, noise_level: Tensor, context: Tensor | None = None) -> Tensor:
        self.asked.append((x, float(noise_level), context))
        return ((0.0 if context is None else context) - x) / (1 + noise_level**2)


def test_the_field_is_asked_over_the_data_at_each_level(tmp_path: Path) -> None:
    model, points = Gaussian(), RNG.normal((5.0, -3.0), size=(300, 2))
    path = draw_score_field(model, points, (2.0, 0.5), tmp_path / "new" / "field.png")
    assert [level for _, level, _ in model.asked] == [2.0, 0.5]
    asked = model.asked[0][0]
    assert asked.dtype == torch.float32
    assert asked.min(0).values.tolist() == pytest.approx(points.min(0).tolist(), abs=1e-4)
    assert asked.max(0).values.tolist() == pytest.approx(points.max(0).tolist(), abs=1e-4)
    assert matplotlib.image.imread(path).std() > 0.05


def test_a_context_is_given_with_every_arrow(tmp_path: Path) -> None:
    model = Gaussian()
    draw_score_field(
        model, RNG.normal(size=(50, 2)), (1.0,), tmp_path / "field.png", context=torch.tensor([[4.0, 2.0]])
    )
    x, _, context = model.asked[0]
    assert context is not None
    assert context.shape == x.shape
    assert bool((context == torch.tensor([4.0, 2.0])).all())


def test_ways_are_drawn_and_filmed(tmp_path: Path) -> None:
    ways = np.linspace(10.0, 1.0, 12)[:, None, None] * RNG.normal(size=(1, 400, 2))
    few, many = (matplotlib.image.imread(draw_ways(ways, tmp_path / f"{n}.png", panels=n)) for n in (2, 4))
    assert many.shape[1] == pytest.approx(2 * few.shape[1], rel=0.02)
    film = imageio.mimread(film_ways(ways, tmp_path / "ways.gif", seconds=2.0), memtest=False)
    assert len(film) >= 12
    assert film[0].shape[:2] == (384, 384)
    # the rows come together, so that cells of the last picture are darker
    assert film[-1][..., 0].min() < film[0][..., 0].min()


def test_where_a_row_is_in_the_film(tmp_path: Path) -> None:
    """Up is up: most rows in the upper right corner, one in the lower left."""
    ends = np.concatenate([np.full((500, 2), 1.0), np.full((1, 2), -1.0)])
    film_ways(np.stack([3 * ends, ends]), tmp_path / "corner.gif")
    last = imageio.mimread(tmp_path / "corner.gif")[-1][..., 0]
    rows, columns = np.nonzero(last < 50)
    assert rows.mean() < 192 < columns.mean()


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data must have the shape"):
        draw_score_field(Gaussian(), np.zeros((5, 3)), (1.0,), tmp_path / "field.png")
    with pytest.raises(InputError, match="levels"):
        draw_score_field(Gaussian(), np.zeros((5, 2)), (), tmp_path / "field.png")
    with pytest.raises(InputError, match="places must have the shape"):
        draw_ways(np.zeros((5, 2)), tmp_path / "ways.png")
    with pytest.raises(InputError, match=r"\.mp4 or \.gif"):
        film_ways(np.zeros((5, 4, 2)), tmp_path / "ways.png")
