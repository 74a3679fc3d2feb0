"""The loop for everything trained by a loss: what it reaches, keeps, refuses and repeats."""

import copy
import itertools

import pytest
import torch
from torch import nn

from genrl.errors import InputError, NotFiniteError
from genrl.training.fit import FitEpoch, fit


class Regression(nn.Module):
    """Linear least squares, whose solution is known."""

    def __init__(self, features: int = 2) -> None:
        super().__init__()
        self.layer = nn.Linear(features, 1)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def loss(self, x: torch.Tensor, context: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        assert context is not None
        return {"loss": (self.layer(x) - context).square().mean(), "rows": torch.tensor(float(len(x)))}


class Noisy(nn.Module):
    """Its loss draws from the global generator, as a VAE's does."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))

    def loss(self, x: torch.Tensor, context: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        return {"loss": (self.mean + torch.randn_like(x) - x).square().mean()}


def linear_data(rows: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 2, generator=generator)
    return x, x @ torch.tensor([[2.0], [-1.0]]) + 0.5


def adam(model: nn.Module, step: float = 0.05) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), step)


def test_finds_the_least_squares_solution() -> None:
    model = Regression()
    history = fit(model, *linear_data(), optimizer=adam(model), epochs=60, batch_size=50)
    assert torch.allclose(model.layer.weight, torch.tensor([[2.0, -1.0]]), atol=1e-2)
    assert model.layer.bias.item() == pytest.approx(0.5, abs=1e-2)
    assert history.stopped == "epochs"
    assert [epoch.number for epoch in history.epochs] == list(range(1, 61))
    assert history.epochs[-1].validation["loss"] < 1e-3 < history.epochs[0].validation["loss"]


def test_metrics_are_means_over_rows() -> None:
    # 100 rows in batches of 60 and 40: the mean over rows of the batch's size is 52, over batches 50.
    x, y = linear_data(100)
    history = fit(Regression(), x, y, epochs=1, batch_size=60, validation=0)
    assert history.epochs[0].train["rows"] == pytest.approx(52.0)
    assert history.epochs[0].validation == {}


def test_the_same_seed_gives_the_same_result_whatever_the_global_state() -> None:
    x = torch.linspace(0, 1, 300)[:, None]
    results = []
    for state, seed in ((1, 7), (2, 7), (2, 8)):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        model = Noisy()
        history = fit(model, x, epochs=5, optimizer=adam(model), seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        results.append((model.mean.item(), [epoch.validation for epoch in history.epochs]))
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_validation_noise_is_the_same_each_epoch() -> None:
    model = Noisy()
    frozen = torch.optim.SGD(model.parameters(), 0.0)
    history = fit(model, torch.zeros(100, 1), optimizer=frozen, epochs=3)
    assert len({epoch.validation["loss"] for epoch in history.epochs}) == 1
    assert len({epoch.train["loss"] for epoch in history.epochs}) == 3


def test_early_stopping_restores_the_best_weights() -> None:
    # The rows held out want the opposite of the others: the first weights are the best, each epoch is worse.
    x, y = linear_data(100)
    held_out = torch.arange(10)
    y[held_out] = -y[held_out]
    model = Regression()
    after = {}

    def note(epoch: FitEpoch) -> None:
        after[epoch.number] = copy.deepcopy(model.state_dict())

    history = fit(model, x, y, optimizer=adam(model), validation=held_out, patience=4, progress=note, epochs=50)
    losses = [epoch.validation["loss"] for epoch in history.epochs]
    assert history.stopped == "patience"
    assert history.kept == 1 + losses.index(min(losses))
    assert len(losses) == history.kept + 4
    assert all(torch.equal(tensor, after[history.kept][name]) for name, tensor in model.state_dict().items())


def test_rows_held_out_are_not_trained_on() -> None:
    x, y = linear_data(50)
    y[:20] = 1e6
    model = Regression()
    fit(model, x, y, optimizer=adam(model), epochs=60, batch_size=10, validation=torch.arange(20))
    assert model.layer.weight.abs().max() < 3


def test_a_loss_that_is_not_finite_keeps_the_last_good_weights() -> None:
    model = Regression()
    calls = itertools.count()

    def loss(x: torch.Tensor, context: torch.Tensor | None) -> dict[str, torch.Tensor]:
        factor = float("nan") if next(calls) == 25 else 1.0
        return {"loss": model.loss(x, context)["loss"] * factor}

    with pytest.raises(NotFiniteError, match=r"epoch 3, batch 6: the loss is nan; the weights of epoch 2 are kept"):
        fit(model, *linear_data(100), loss=loss, optimizer=adam(model), batch_size=10, validation=0)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert model.layer.weight.abs().max() > 0


def test_the_gradient_that_is_not_finite_is_named() -> None:
    model = Regression()

    def loss(x: torch.Tensor, context: torch.Tensor | None) -> dict[str, torch.Tensor]:
        # Zero, but its derivative is that of the square root: infinite.
        return {"loss": model.loss(x, context)["loss"] + (0.0 * model.layer.bias).sum().sqrt()}

    with pytest.raises(NotFiniteError, match=r"epoch 1, batch 1: the gradient of layer.bias is not finite .*as they w"):
        fit(model, *linear_data(100), loss=loss, optimizer=adam(model), max_grad_norm=1.0)


def test_a_loss_of_the_rows_held_out_that_is_infinite_ends_the_fit() -> None:
    model = Regression()

    def loss(x: torch.Tensor, context: torch.Tensor | None) -> dict[str, torch.Tensor]:
        return {"loss": model.loss(x, context)["loss"] + (0.0 if model.training else torch.inf)}

    with pytest.raises(NotFiniteError, match=r"epoch 1, the loss of the rows held out is inf"):
        fit(model, *linear_data(100), loss=loss, optimizer=adam(model))


def test_weights_that_overflow_in_the_last_step_are_not_kept() -> None:
    model = Regression()
    before = copy.deepcopy(model.state_dict())
    huge = torch.optim.SGD(model.parameters(), 3e38)
    with pytest.raises(NotFiniteError, match=r"epoch 1, the parameter layer.weight is not finite"):
        fit(model, *linear_data(100), optimizer=huge, batch_size=100, validation=0, epochs=1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_an_exception_passes_and_leaves_the_best_weights() -> None:
    x, y = linear_data(100)
    model = Regression()
    seen = []

    def interrupt(epoch: FitEpoch) -> None:
        seen.append(copy.deepcopy(model.layer.weight))
        if epoch.number == 3:
            with torch.no_grad():
                model.layer.weight.fill_(99.0)  # as if in the middle of the next epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, x, y, optimizer=adam(model), progress=interrupt)
    assert torch.equal(model.layer.weight, seen[2])


def test_progress_can_end_the_training() -> None:
    model = Regression()
    history = fit(model, *linear_data(), progress=lambda epoch: epoch.number < 2)
    assert (history.stopped, len(history.epochs)) == ("asked", 2)


def test_the_gradient_norm_is_limited() -> None:
    x, y = linear_data(50)
    model = Regression()
    fit(
        model,
        x,
        1000 * y,
        optimizer=torch.optim.SGD(model.parameters(), 1.0),
        epochs=1,
        batch_size=50,
        validation=0,
        max_grad_norm=0.5,
    )
    norm = torch.cat([parameter.detach().flatten() for parameter in model.parameters()]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-4)


def test_the_mode_of_the_model_is_put_back() -> None:
    model = nn.Sequential(Regression(), nn.Dropout()).eval()
    modes = []

    def loss(x: torch.Tensor, context: torch.Tensor | None) -> dict[str, torch.Tensor]:
        modes.append(model.training)
        return {"loss": model(x).square().mean() + sum(p.sum() for p in model.parameters())}

    model[0].forward = model[0].layer.forward  # type: ignore[method-assign]
    fit(model, linear_data(40)[0], loss=loss, epochs=1, batch_size=40)
    assert modes == [True, False]
    assert not model.training


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"batch_size": 0}, "batch_size must be 1 or more"),
        ({"validation": 1.0}, "within 0 .. 1"),
        ({"validation": 0, "patience": 3}, "patience needs validation"),
        ({"validation": torch.arange(20)}, "none is left to train on"),
    ],
)
def test_settings_out_of_range(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(Regression(), *linear_data(20), **settings)


def test_what_does_not_fit_together() -> None:
    x, y = linear_data(20)
    with pytest.raises(InputError, match="20 rows, its context 19"):
        fit(Regression(), x, y[1:])
    with pytest.raises(InputError, match=r"Linear has no method loss"):
        fit(nn.Linear(2, 1), x)


def test_the_average_of_the_weights_is_what_is_seen_and_kept() -> None:
    """With a constant gradient the weight goes 0, -1, -2, ...; the averages lag behind."""

    class Slide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.place = nn.Parameter(torch.zeros(1))

        def loss(self, x: torch.Tensor, context: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
            return {"loss": self.place.sum()}

    def end(average: float) -> tuple[float, list[float]]:
        model, seen = Slide(), []
        fit(
            model,
            torch.zeros(4, 1),
            optimizer=torch.optim.SGD(model.parameters(), 1.0),
            epochs=2,
            validation=0.0,
            average=average,
            progress=lambda epoch: seen.append(model.place.item()),
        )
        return model.place.item(), seen

    assert end(0.0) == (-2.0, [-1.0, -2.0])
    last, seen = end(0.9)
    assert seen == pytest.approx([-0.9, 2 / 11 * -0.9 + 9 / 11 * -2])
    assert last == seen[-1]
    with pytest.raises(InputError, match="average"):
        end(1.0)
