import pytest
import torch
from learned import Learned

from genrl.errors import InputError
from genrl.flows import InverseAutoregressiveFlow, MaskedAutoregressiveFlow, RealNVP, distil
from genrl.generative_model import GenerativeModel
from genrl.training.gradient_fitting import GradientFitting

TEACHING = GradientFitting(updates=120, learning_rate=1e-2, max_grad_norm=1.0)


def energy_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


def teacher(context_features: int = 0, seed: int = 0) -> MaskedAutoregressiveFlow:
    """Half a banana, moved by its context if it has one."""
    torch.manual_seed(seed)
    context = torch.randn(3000, context_features) if context_features else None
    x = torch.randn(3000, 2)
    x[:, 1] = 0.5 * x[:, 1] + 0.4 * x[:, 0] ** 2
    if context is not None:
        x = x + 3 * context[:, :1]
    fitting = GradientFitting(updates=120, learning_rate=1e-2)
    return MaskedAutoregressiveFlow(transforms=2, hidden=(32,), fitting=fitting).fit(x, context=context)


def test_divergence_falls_and_samples_pass_for_the_teachers(seed: int, learned: Learned) -> None:
    slow = teacher(seed=seed)
    weights = [parameter.clone() for parameter in slow.parameters()]
    student = InverseAutoregressiveFlow(transforms=2, hidden=(32,))
    history = distil(slow, student, samples=4000, fitting=TEACHING)
    divergence = [epoch.validation["loss"] for epoch in history.epochs]
    learned("divergence", divergence[-1], below=0.08, baseline=divergence[0])
    learned("energy distance", energy_distance(slow.sample(600), student.sample(600)), below=0.06, baseline=0.2)
    assert all(torch.equal(now, before) for now, before in zip(slow.parameters(), weights, strict=True))
    assert all(parameter.requires_grad for parameter in slow.parameters())


def test_a_conditional_teacher_is_followed(seed: int, learned: Learned) -> None:
    slow = teacher(1, seed)
    student = RealNVP(transforms=4, hidden=(32,))
    history = distil(slow, student, context=torch.randn(500, 1), samples=4000, fitting=TEACHING)
    divergence = [epoch.validation["loss"] for epoch in history.epochs]
    learned("divergence", divergence[-1], below=0.1, baseline=divergence[0])
    low, high = student.sample(500, torch.tensor([[-1.0], [1.0]])).mean(0)[:, 0]
    learned("error of the difference of means", abs(high - low - 6.0), below=1.0, baseline=6.0)


def test_the_same_seed_teaches_the_same() -> None:
    slow = RealNVP(transforms=2, hidden=(8,)).build(2)
    samples = []
    for _ in range(2):
        torch.manual_seed(0)
        student = InverseAutoregressiveFlow(transforms=2, hidden=(8,))
        distil(slow, student, samples=100, fitting=GradientFitting(updates=5))
        samples.append(student.sample(3))
    assert torch.equal(*samples)


def test_teachers_that_cannot_teach_are_refused() -> None:
    class Mute(GenerativeModel):
        pass

    with pytest.raises(InputError, match="teacher"):
        distil(Mute(), RealNVP())
    with pytest.raises(InputError, match="fit first"):
        distil(RealNVP(), RealNVP())
    with pytest.raises(InputError, match="samples"):
        distil(RealNVP().build(2), RealNVP(), samples=1)
    with pytest.raises(InputError, match="context"):
        distil(RealNVP().build(2, 1), RealNVP())
