"""What `sample` promises for every model."""

import pytest
import torch
from family_cases import CLASSES, Case, fitted, fitted_to_context, fitted_to_labels, gaussian, labelled, moved
from torch import Tensor

from genrl.evaluation import same_distribution

SHAPES: dict[int | tuple[int, ...], tuple[int, ...]] = {(): (), 5: (5,), 1: (1,), 0: (0,), (4,): (4,), (2, 3): (2, 3)}
"""What `sample` is asked for, and the shape of that."""


def check(samples: Tensor, shape: tuple[int, ...]) -> None:
    assert tuple(samples.shape) == shape
    assert samples.dtype == torch.float32
    assert torch.isfinite(samples).all()
    assert not samples.requires_grad


def test_shapes(free_case: Case) -> None:
    for asked, shape in SHAPES.items():
        check(fitted(free_case).sample(asked), (*shape, 2))


def test_shapes_with_a_context(context_case: Case) -> None:
    context = torch.linspace(-1, 1, 7)[:, None]
    for asked, shape in SHAPES.items():
        check(fitted_to_context(context_case).sample(asked, context), (*shape, 7, 2))


def test_shapes_with_labels(labels_case: Case) -> None:
    model, labels = fitted_to_labels(labels_case), torch.tensor(CLASSES)
    check(model.sample(context=labels), (2, 2))
    check(model.sample((4, 3), context=labels), (4, 3, 2, 2))


def test_a_seed_repeats_the_samples(free_case: Case) -> None:
    model = fitted(free_case)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model.sample(20))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_samples_are_not_each_others_copies(context_case: Case) -> None:
    torch.manual_seed(0)
    samples = fitted_to_context(context_case).sample((5,), torch.zeros(4, 1)).reshape(20, 2)
    assert len(samples.unique(dim=0)) == 20


def test_samples_of_a_gaussian_pass_the_two_sample_test(free_case: Case) -> None:
    torch.manual_seed(0)
    assert same_distribution(fitted(free_case).sample(400), gaussian(400, 1), permutations=299) > 0.01


def test_samples_given_labels_pass_the_two_sample_test(labels_case: Case) -> None:
    torch.manual_seed(0)
    x, y = labelled(400, 1)
    samples = fitted_to_labels(labels_case).sample(context=y)
    assert same_distribution(samples, x, permutations=299) > 0.01


def test_samples_follow_the_label(labels_case: Case) -> None:
    torch.manual_seed(0)
    samples = fitted_to_labels(labels_case).sample((200,), torch.tensor(CLASSES))
    assert samples.mean(0)[:, 0] == pytest.approx([-2.0, 2.0], abs=0.5)
    assert samples.mean(0)[:, 1] == pytest.approx([0.0, 0.0], abs=0.5)


def test_samples_follow_the_context(context_case: Case) -> None:
    torch.manual_seed(0)
    context = torch.tensor([[-0.8], [0.0], [0.8]])
    means = fitted_to_context(context_case).sample((300,), context).mean(0)
    assert means[:, 0] == pytest.approx([-1.6, 0.0, 1.6], abs=0.3)
    assert means[:, 1] == pytest.approx([0.8, 0.0, -0.8], abs=0.3)


def test_pairs_of_sample_and_context_pass_the_two_sample_test(context_case: Case) -> None:
    torch.manual_seed(0)
    x, context = moved(300, 1)
    samples = fitted_to_context(context_case).sample(context=context)
    pairs, truth = torch.cat([samples, context], 1), torch.cat([x, context], 1)
    assert same_distribution(pairs, truth, permutations=299) > 0.01


def test_pairs_of_row_and_label_pass_the_two_sample_test(joint_case: Case) -> None:
    torch.manual_seed(0)
    x, y = labelled(400, 1)
    samples, labels = fitted_to_labels(joint_case).sample_joint(400)
    check(samples, (400, 2))
    assert set(labels.tolist()) == set(CLASSES)
    pairs, truth = torch.cat([samples, labels[:, None]], 1), torch.cat([x, y[:, None]], 1)
    assert same_distribution(pairs, truth, permutations=299) > 0.01
