"""What models of images learn from few updates."""

import pytest
import torch
from learned import Learned
from pixel_cases import random_images, small

from genrl.autoregressive import PixelInputs
from genrl.training.gradient_fitting import GradientFitting

RECURRENT = [pytest.param(name, marks=pytest.mark.slow) for name in ("row", "diagonal")]
pytestmark = pytest.mark.parametrize("name", ["pixel_cnn", "gated_pixel_cnn", *RECURRENT])


def test_completions_are_likelier_than_random_fill(name, seed: int, learned: Learned):
    columns = torch.randint(4, (300, 1, 1, 4), generator=torch.Generator().manual_seed(seed)).expand(-1, -1, 4, -1)
    torch.manual_seed(seed)
    fitting = GradientFitting(updates=60, batch_size=32, learning_rate=0.01)
    model = small(name, fitting=fitting).fit(columns[:200])
    x, known = columns[200:].float(), (torch.arange(4) < 2)[None, :, None].expand(1, 4, 4)
    torch.manual_seed(seed)
    completed = model.complete(x, known)
    filled = torch.where(known, x, random_images(100, 4, (1, 4, 4)))
    with torch.no_grad():
        more = model.log_prob(completed).mean() - model.log_prob(filled).mean()
    learned("log-likelihood above a random fill's", more, above=10.0, baseline=0.0)
    learned("right pixels", (completed == x).float().mean(), above=0.75, baseline=0.625)


def test_candidates_make_later_pixels_count(name, seed: int, learned: Learned):
    pairs = torch.randint(2, (400, 1, 1, 1), generator=torch.Generator().manual_seed(seed)).expand(-1, -1, 1, 2)
    torch.manual_seed(seed)
    model = small(name, fitting=GradientFitting(updates=60, batch_size=64, learning_rate=0.01)).fit(pairs)
    x, known = torch.ones(200, 1, 1, 2), torch.tensor([[[False, True]]])
    torch.manual_seed(seed)
    blind, weighted = model.complete(x, known), model.complete(x, known, candidates=16)
    miss = (blind[..., 0].mean() - 0.5).abs()  # the pixel that is given comes too late
    learned("effect on the first pixel without candidates", miss, below=0.2, baseline=0.5)
    with torch.no_grad():
        posterior = model.log_prob(torch.tensor([[[[0.0, 1.0]]], [[[1.0, 1.0]]]])).softmax(0)[1].item()
    learned("posterior", posterior, above=0.8, baseline=0.5)
    miss = (weighted[..., 0].mean() - posterior).abs()
    learned("difference to the posterior", miss, below=0.1, baseline=posterior - 0.5)
    assert torch.equal(weighted[..., 1], x[..., 1])


def test_classes_are_learned(name, seed: int, learned: Learned):
    torch.manual_seed(seed)
    labels = torch.arange(200) % 2
    x = labels.float()[:, None, None, None].expand(-1, 1, 3, 3) * 3
    fitting = GradientFitting(updates=60, batch_size=64, learning_rate=0.01)
    model = small(name, fitting=fitting).fit(x, y=labels)
    torch.manual_seed(seed)
    means = model.sample((50,), torch.tensor([0, 1])).mean((0, 2, 3, 4))
    error = (means - torch.tensor([0.0, 3.0])).abs().max()
    learned("error of the means", error, below=0.3, baseline=1.5)
    assert model.mode(torch.tensor([0, 1])).flatten(1).mean(1).tolist() == [0.0, 3.0]


def test_a_grid_tells_each_pixel_its_own(name, seed: int, learned: Learned):
    torch.manual_seed(seed)
    context = random_images(300, 3, (1, 2, 2))
    x = context.repeat_interleave(2, 2).repeat_interleave(2, 3)
    inputs = PixelInputs(context_shape=(1, 2, 2), context_levels=3)
    fitting = GradientFitting(updates=70, batch_size=64, learning_rate=0.01)
    model = small(name, inputs=inputs, fitting=fitting).fit(x, context=context.flatten(1))
    torch.manual_seed(seed)
    right = (model.sample((), context.flatten(1)) == x).float().mean()
    learned("right pixels", right, above=0.9, baseline=1 / 3)
