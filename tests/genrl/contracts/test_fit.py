"""What `fit` promises for every model."""

import math
from typing import Any

import pytest
import torch
from family_cases import CLASSES, FEW, Case, gaussian, labelled, labels_for, moved
from torch import Tensor

from genrl.errors import InputError, NotFiniteError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Trainable
from genrl.training.fit import FitEpoch


def test_fit_returns_the_model_and_takes_its_shapes_from_the_data(free_case: Case) -> None:
    model = free_case.make(FEW)
    assert model.fit(gaussian(60, 0)) is model
    assert (model.event_shape, model.context_features, model.classes) == ((2,), 0, None)


def test_labels_are_remembered(labels_case: Case) -> None:
    x, y = labelled(60, 0)
    model = labels_case.fit(x, updates=FEW, y=y)
    assert (model.event_shape, model.context_features, model.classes) == ((2,), 2, CLASSES)


def test_context_columns_are_counted(context_case: Case) -> None:
    x, context = moved(60, 0)
    model = context_case.fit(x, updates=FEW, context=context)
    assert (model.event_shape, model.context_features, model.classes) == ((2,), 1, None)


def test_the_same_seeds_give_the_same_model(case: Case) -> None:
    first, second = (case.fit(gaussian(100, 0), updates=FEW).state_dict() for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_second_fit_forgets_the_first(free_case: Case) -> None:
    model = free_case.fit(gaussian(100, 1) * 3 + 5, updates=FEW)
    torch.manual_seed(0)
    once = free_case.make(FEW).fit(gaussian(100, 0)).state_dict()
    torch.manual_seed(0)
    twice = model.fit(gaussian(100, 0)).state_dict()
    assert all(torch.allclose(once[name], twice[name]) for name in once)


def test_progress_is_told_and_can_end_the_fit(case: Case) -> None:
    told: list[FitEpoch] = []

    def stop_after_two(epoch: FitEpoch) -> bool:
        told.append(epoch)
        return len(told) < 2

    case.fit(gaussian(100, 0), progress=stop_after_two, **labels_for(case, 100))
    assert len(told) <= 2
    assert told or not isinstance(case.make(), Trainable), "only a fit in closed form has nothing to tell"
    assert [epoch.number for epoch in told] == list(range(1, len(told) + 1))
    assert all(math.isfinite(epoch.train["loss"]) for epoch in told)


def test_data_and_weights_of_the_global_generator_are_left(case: Case) -> None:
    x = gaussian(100, 0)
    before = x.clone()
    case.fit(x, updates=FEW)
    assert torch.equal(x, before)


def test_a_loss_that_turns_nan_leaves_the_last_good_weights(gradient_case: Case) -> None:
    model = gradient_case.make(100)
    after: list[dict[str, Tensor]] = []
    good_loss = model.loss

    def remember(epoch: FitEpoch) -> None:
        after.append({name: tensor.detach().clone() for name, tensor in model.named_parameters()})

    def loss(x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        metrics = dict(good_loss(x, context))
        return {**metrics, "loss": metrics["loss"] * math.nan} if len(after) == 3 else metrics

    model.loss = loss
    with pytest.raises(NotFiniteError, match="the loss is nan"):
        model.fit(gaussian(600, 0), progress=remember, **labels_for(gradient_case, 600))
    left = dict(model.named_parameters())  # what a fit measures after the last epoch is no weight
    inner = [name for name, module in model.named_modules() if name and isinstance(module, GenerativeModel)]
    assert len(after) >= 3 if inner else len(after) == 3
    for name in list(left):
        if name.startswith(tuple(inner)):
            del left[name]  # a model inside, such as the prior of a code, may be fitted afterwards
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values() if tensor.is_floating_point())
    assert left
    assert any(all(torch.equal(weights[name], tensor) for name, tensor in left.items()) for weights in after[:3])


def asks_for_a_fit(model: GenerativeModel, verb: str, argument: Any) -> None:
    with pytest.raises(InputError, match="not been fitted: call fit"):
        getattr(model, verb)(argument)


def test_nothing_is_asked_of_a_model_that_was_not_fitted(case: Case, tmp_path: Any) -> None:
    model = case.make()
    asks_for_a_fit(model, "sample", 3)
    asks_for_a_fit(model, "save", tmp_path)
    if hasattr(model, "log_prob"):
        asks_for_a_fit(model, "log_prob", gaussian(3, 0))
        asks_for_a_fit(model, "score_samples", gaussian(3, 0))
