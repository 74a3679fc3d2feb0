import pytest
import torch
from learned import Learned

from genrl.errors import InputError
from genrl.evaluation import lopsided_samples, map_error, mapped
from genrl.gans import AdversarialFitting, CycleGAN

SMALL = {"hidden": (16,), "discriminator_hidden": (16,)}


def cycle_gan(updates=5, **settings):
    torch.manual_seed(0)
    return CycleGAN(**{**SMALL, **settings}, fitting=AdversarialFitting(updates=updates, batch_size=32))


def test_the_cycle_loss_is_that_of_the_paper():
    model = cycle_gan(cycle_weight=10.0).build(2, 2)
    x, y = torch.randn(6, 2), torch.randn(6, 2)
    there, back = model.generators
    by_hand = (back(there(x)) - x).abs().mean() + (there(back(y)) - y).abs().mean()
    torch.testing.assert_close(model._made(x, y)["cycle"], by_hand)
    judge_y, judge_x = model.discriminators
    fooled = ((judge_y(there(x)) - 1).square().mean() + (judge_x(back(y)) - 1).square().mean()) / 2
    torch.testing.assert_close(model._made(x, y)["loss"], fooled + 10.0 * by_hand)


def test_the_identity_loss_compares_in_the_units_of_the_data():
    """A row of the target that looks like one of the source is to be left alone, whatever the units of each domain."""
    model = cycle_gan(identity_weight=2.0).build(2, 2)
    model.units.measure(torch.tensor([[0.0, 0.0], [2.0, 4.0]]))
    model.source_units.measure(torch.tensor([[0.0, 0.0], [2.0, 4.0]]))
    for generator in model.generators:
        for parameter in generator.network.parameters():
            torch.nn.init.zeros_(parameter)
    x, y = torch.randn(6, 2), torch.randn(6, 2)
    assert model._moved(x, y).item() == pytest.approx(0.0, abs=1e-6)
    model.units.measure(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))  # a deviation further along the first column
    assert model._moved(x, y).item() == pytest.approx(1.0, abs=1e-5)  # half of the numbers, both ways


def test_the_discriminators_lose_to_their_own_domains_alone():
    """The gradient of one game does not reach the discriminator of the other."""
    model = cycle_gan(penalty_weight=0.0).build(2, 1)
    x, y = torch.randn(6, 1), torch.randn(6, 2)
    judge_y, judge_x = model.discriminators
    with torch.no_grad():
        fake = model.generators[0](x)
    alone = 0.25 * ((judge_y(y) - 1).square().mean() + (judge_y(fake) + 1).square().mean())
    (expected,) = torch.autograd.grad(alone, [judge_y.network[0].weight])
    (found,) = torch.autograd.grad(model._judged(x, y)["loss"], [judge_y.network[0].weight])
    torch.testing.assert_close(found, expected)
    assert judge_x.network[0].in_features == 1


def test_domains_may_differ_in_shape_and_size():
    told = []
    model = cycle_gan().fit(torch.randn(30, 3), torch.randn(20, 1, 4, 4), progress=told.append)
    assert model.transfer(torch.randn(7, 3)).shape == (7, 1, 4, 4)
    assert model.inverse_transfer(torch.randn(7, 1, 4, 4)).shape == (7, 3)
    assert model.sample(2, torch.randn(7, 3)).shape == (2, 7, 1, 4, 4)
    assert told[-1].train["cycle_error"] > 0
    with pytest.raises(InputError, match="identity_weight needs two domains of one shape"):
        cycle_gan(identity_weight=1.0).fit(torch.randn(30, 3), torch.randn(20, 2))
    with pytest.raises(InputError, match="y must have the shape"):
        model.inverse_transfer(torch.randn(7, 3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cycle_weight": -1.0}, "cycle_weight must be 0 or more"),
        ({"identity_weight": float("nan")}, "identity_weight must be 0 or more"),
        ({"objective": "wasserstein"}, "objective cannot be wasserstein"),
        ({"objective": "none"}, "no objective 'none'"),
        ({"hidden": (0,)}, "hidden must be 1 or more"),
    ],
)
def test_hyperparameters_out_of_range(settings, message):
    with pytest.raises(InputError, match=message):
        cycle_gan(**settings)


@pytest.mark.slow
def test_a_known_map_of_the_plane_is_found_without_a_pair(seed: int, learned: Learned):
    """The domain has no symmetry; turned by 60 degrees and more, training ends at another map."""
    torch.manual_seed(seed)
    x, y = lopsided_samples(10_000, 2 * seed), mapped(lopsided_samples(10_000, 2 * seed + 1), "bent")
    model = CycleGAN(fitting=AdversarialFitting(updates=1500, batch_size=128)).fit(x, y)
    held_out = lopsided_samples(2000, 99)
    with torch.no_grad():
        there, back = model.transfer(held_out), model.inverse_transfer(mapped(held_out, "bent"))
        unmoved = map_error(held_out, mapped(held_out, "bent"))
        learned("error there", map_error(there, mapped(held_out, "bent")), below=0.1, baseline=unmoved)
        learned("error back", map_error(back, held_out), below=0.1, baseline=unmoved)
        learned(
            "error there and back", map_error(model.inverse_transfer(there), held_out), below=0.01, baseline=unmoved
        )
