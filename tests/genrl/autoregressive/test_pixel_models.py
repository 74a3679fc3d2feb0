"""What every model of images promises."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pixel_cases import QUICK, SMALL, all_images, random_images, small

from genrl.autoregressive import PixelInputs
from genrl.errors import InputError
from genrl.evaluation import density_report
from genrl.generative_model import GenerativeModel

pytestmark = pytest.mark.parametrize("name", SMALL)
SHAPES = [(1, 4, 5), (3, 3, 4), (1, 1, 6), (2, 5, 1)]


@pytest.mark.parametrize("output", ["categorical", "logistics"])
def test_all_small_images_sum_to_one(name, output):
    model, images = small(name, levels=4, output=output).build((1, 2, 2)), all_images(4, (1, 2, 2))
    assert len(images) == 256
    assert model.log_prob(images).exp().sum().item() == pytest.approx(1.0, abs=1e-4)


def test_all_small_images_sum_to_one_given_a_context(name):
    model, images = small(name, levels=4).build((1, 2, 2), 3), all_images(4, (1, 2, 2))
    for context in torch.randn(2, 1, 3):
        total = model.log_prob(images, context.expand(256, -1)).exp().sum()
        assert total.item() == pytest.approx(1.0, abs=1e-4)


def test_all_images_of_two_channels_sum_to_one(name):
    model, images = small(name, levels=2).build((2, 2, 2)), all_images(2, (2, 2, 2))
    assert model.log_prob(images).exp().sum().item() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("embedding", [None, 3])
def test_cached_samples_are_those_of_full_passes(name, shape, embedding):
    model = small(name, levels=5, inputs=PixelInputs(embedding=embedding)).build(shape)
    torch.manual_seed(1)
    cached = model.sample(6)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_by_full_passes(6))
    assert len(cached.unique()) == 5


def test_samples_can_be_learned_from(name):
    model = small(name, levels=4, inputs=PixelInputs(embedding=3)).build((1, 3, 4))
    model.loss(model.sample(5))["loss"].backward()  # what was drawn is an ordinary tensor
    assert any(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("output", ["categorical", "logistics"])
@pytest.mark.parametrize("grid", [False, True])
def test_cached_samples_are_those_of_full_passes_given_a_context(name, output, grid):
    inputs = PixelInputs(context_shape=(1, 2, 3), context_levels=4) if grid else PixelInputs()
    model = small(name, levels=9, output=output, inputs=inputs).build((1, 4, 5), 6)
    context = torch.randint(4, (7, 6)).float()
    torch.manual_seed(1)
    cached = model.sample((), context)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_by_full_passes(7, context))


def test_a_sampler_in_the_middle_goes_on_as_if_it_had_drawn_the_beginning(name):
    model = small(name, levels=5).build((1, 4, 5))
    torch.manual_seed(1)
    whole = model.sample(6)
    for given in (0, 3, 5, 12, 20):
        torch.manual_seed(1)
        completed = model.complete(whole, (torch.arange(20) < given).reshape(1, 4, 5))
        assert torch.equal(completed, whole)


def test_completions_keep_what_is_given_and_ignore_what_is_not(name):
    model, x = small(name, levels=5).build((2, 4, 5)), random_images(8, 5, (2, 4, 5))
    known = torch.rand(8, 2, 4, 5, generator=torch.Generator().manual_seed(1)) < 0.5
    torch.manual_seed(0)
    completed = model.complete(x, known)
    assert torch.equal(completed[known], x[known])
    assert not torch.equal(completed, x)
    torch.manual_seed(0)
    assert torch.equal(model.complete(torch.where(known, x, 99.0), known), completed)
    torch.manual_seed(0)
    alone = torch.cat([model.complete(x[:1], known[:1]), model.complete(x[1:2], known[1:2])])
    assert torch.equal(alone[known[:2]], x[:2][known[:2]])


def test_a_fit_finds_the_levels_and_saves_them(name, tmp_path: Path):
    x = random_images(60, 6, (1, 3, 4))
    model = small(name).fit(x)
    assert int(model.found_levels) == 6
    assert model.levels is None
    model.save(tmp_path)
    loaded = GenerativeModel.load(tmp_path)
    assert torch.equal(loaded.log_prob(x), model.log_prob(x))
    again = model.fit(random_images(60, 3, (1, 3, 4)))
    assert int(again.found_levels) == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_lives_on_a_gpu(name):
    model = small(name).to("cuda").fit(random_images(32, 5, (1, 4, 4)), np.arange(32) % 2)
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"cuda"}
    assert model.sample(3, context=torch.tensor([0, 1])).device.type == "cuda"
    assert torch.isfinite(model.log_prob(random_images(2, 5, (1, 4, 4), seed=1).cuda(), torch.tensor([0, 1]))).all()


def test_inputs_and_classes_are_saved(name, tmp_path: Path):
    x = random_images(40, 6, (1, 3, 4))
    model = small(name, levels=6, inputs=PixelInputs(embedding=4)).fit(x, y=torch.arange(40) % 2 + 3)
    model.save(tmp_path)
    loaded = type(model).load(tmp_path)
    assert loaded.hyperparameters() == model.hyperparameters()
    labels = torch.tensor([3, 4, 4])
    torch.manual_seed(0)
    drawn = model.sample((2,), labels)
    torch.manual_seed(0)
    assert torch.equal(loaded.sample((2,), labels), drawn)
    assert drawn.shape == (2, 3, 1, 3, 4)


def test_the_same_seeds_give_the_same_model(name):
    x = random_images(60, 3, (1, 3, 4))
    first, second = (small(name).fit(x).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("asked", [(), 4, 0, (2, 3)])
def test_shapes_of_samples(name, asked):
    model = small(name, levels=3).build((2, 3, 4))
    shape = (asked,) if isinstance(asked, int) else asked
    drawn = model.sample(asked)
    assert drawn.shape == (*shape, 2, 3, 4)
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn, drawn.round())


def test_bits_are_those_of_the_report(name):
    x = random_images(40, 4, (1, 3, 4))
    model = small(name).fit(x)
    report = density_report(model, x.numpy())
    assert model.bits_per_dim(x) == pytest.approx(report.bits_per_dim, abs=1e-5)
    assert model.loss(x)["bits_per_dim"].item() == pytest.approx(report.bits_per_dim, abs=1e-5)


def test_dropout_is_of_the_training_alone(name):
    if name in ("row", "diagonal"):
        pytest.skip("PixelRNN has no dropout")
    model, x = small(name, levels=4, dropout=0.5).build((1, 3, 4)), random_images(20, 4, (1, 3, 4))
    model.train()
    assert not torch.equal(model.loss(x)["loss"], model.loss(x)["loss"])
    assert model.bits_per_dim(x) == model.bits_per_dim(x)
    torch.manual_seed(1)
    cached = model.sample(4)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_by_full_passes(4))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 4)), r"X must hold images \(rows, channels, height, width\)"),
        (np.full((5, 1, 2, 2), 0.5), "X must hold integers from 0 upwards"),
        (np.full((5, 1, 2, 2), -1), "X must hold integers from 0 upwards"),
        (np.full((5, 1, 2, 2), np.nan), "X must be finite"),
    ],
)
def test_what_are_no_images_of_levels(name, x, message):
    with pytest.raises(InputError, match=message):
        small(name).fit(x)


def test_other_levels_than_those_of_the_model(name):
    model = small(name, levels=4)
    with pytest.raises(InputError, match=r"X must hold the integers 0 \.\. 3: .* levels="):
        model.fit(np.full((5, 1, 2, 2), 4))
    model.fit(random_images(5, 4, (1, 2, 2)))
    with pytest.raises(InputError, match=r"integers 0 \.\. 3.*probabilities of integers, not a density"):
        model.score_samples(np.full((5, 1, 2, 2), 0.5))


def test_wrong_settings_are_refused(name):
    for settings in ({"levels": 1}, {"mixtures": 0}, {"output": "gaussian"}, {"width": 0}, {"kernel": 4}):
        with pytest.raises(InputError, match=next(iter(settings))):
            small(name, **settings)
    with pytest.raises(InputError, match="context must have 4 columns, a flattened grid"):
        small(name, inputs=PixelInputs(context_shape=(1, 2, 2))).build((1, 2, 2), 3)
    with pytest.raises(InputError, match="context_levels"):
        PixelInputs(context_levels=3)
    model = small(name, levels=4).build((1, 2, 2))
    for known in (torch.zeros(2, 2), torch.zeros(3, dtype=torch.bool)):
        with pytest.raises(InputError, match="mask must hold truth values"):
            model.complete(torch.zeros(1, 1, 2, 2), known)
    with pytest.raises(InputError, match="candidates"):
        model.complete(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2).bool(), candidates=0)


def test_a_context_of_other_codes_is_refused(name):
    inputs = PixelInputs(context_shape=(1, 2, 2), context_levels=3)
    with pytest.raises(InputError, match=r"context must hold the integers 0 \.\. 2"):
        small(name, inputs=inputs, fitting=QUICK).fit(random_images(9, 3, (1, 2, 2)), context=torch.full((9, 4), 3.0))
