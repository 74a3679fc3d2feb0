import pytest
import torch
from learned import Learned

from genrl.errors import InputError
from genrl.evaluation import sliced_wasserstein
from genrl.generative_model import GenerativeModel
from genrl.score import FewStepSampler, ScoreModel, VarianceExploding, distil
from genrl.score.distillation import Lesson, ways
from genrl.score.distilled_score import DistilledScore
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=300, learning_rate=5e-3, average=0.99)


def teacher(seed: int = 0, **given) -> ScoreModel:
    torch.manual_seed(seed)
    side = torch.randint(2, (3000, 1))
    x = 10.0 + 3.0 * (2 * side - 1) + torch.randn(3000, 2)
    return ScoreModel(hidden=(32, 32), fitting=BRIEF).fit(x, y=side[:, 0] if given else None)


def test_the_student_lands_where_the_teacher_does(seed: int, learned: Learned) -> None:
    slow = teacher(seed)
    before = [parameter.clone() for parameter in slow.parameters()]
    student = distil(slow, steps=4, samples=2000, fitting=BRIEF)
    assert all(torch.equal(*pair) for pair in zip(before, slow.parameters(), strict=True))
    torch.manual_seed(1)
    with torch.no_grad():
        places = ways(slow, student.levels, 1000, None)
        there = student.walk(places[:, 0])
        untaught = FewStepSampler(4, noise=slow.noise, hidden=(32, 32), activation="silu").build(2)
        untaught.start_from(slow)
        error = (there - places[:, -1]).square().mean()
        error_untaught = (untaught.walk(places[:, 0]) - places[:, -1]).square().mean()
    learned("error in deviations", error.sqrt(), below=0.15, baseline=error_untaught.sqrt())
    distance = sliced_wasserstein(student.sample(2000), slow.sample(2000))
    learned("distance", distance, below=0.4, baseline=3.0)  # of samples from a point at the mean


def test_a_student_of_labels_keeps_them_and_survives_on_disk(tmp_path, seed: int, learned: Learned) -> None:
    slow = teacher(seed, labels=True)
    student = distil(slow, steps=3, context=torch.tensor([0, 1]), samples=1500, fitting=BRIEF)
    means = student.sample((500,), torch.tensor([0, 1])).mean((0, 2))
    learned("error of the means", (means - torch.tensor([7.0, 13.0])).abs().max(), below=0.6, baseline=3.0)
    student.save(tmp_path)
    loaded = GenerativeModel.load(tmp_path)
    assert isinstance(loaded, FewStepSampler)
    draws = []
    for each in (student, loaded):
        torch.manual_seed(0)
        draws.append(each.sample((2, 3), torch.tensor([1, 0])))
    assert draws[0].shape == (2, 3, 2, 2)
    assert torch.equal(*draws)


def test_the_mode_is_a_function_of_the_context_between_the_ways(seed: int, learned: Learned) -> None:
    slow = teacher(seed, labels=True)
    student = distil(slow, steps=3, context=torch.tensor([0, 1]), samples=1500, fitting=BRIEF)
    modes = student.mode(torch.tensor([0, 1, 1]))
    assert modes.shape == (3, 2)
    error = (modes.mean(1) - torch.tensor([7.0, 13.0, 13.0])).abs().max()
    learned("error of the modes", error, below=0.8, baseline=3.0)  # between the labels
    assert torch.equal(modes, student.mode(torch.tensor([0, 1, 1])))
    flat = FewStepSampler(2, noise=VarianceExploding(), hidden=(4,), activation="silu").build((3, 2))
    assert flat.mode().shape == (3, 2)


def test_teacher_and_student_are_fitted_as_one(tmp_path, seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    y = torch.randint(2, (2000,))
    x = 10.0 + 3.0 * (2 * y[:, None] - 1) + torch.randn(2000, 2)
    brief, told = GradientFitting(updates=150, learning_rate=5e-3, average=0.98), []
    model = DistilledScore(teacher=ScoreModel(hidden=(32, 32)), steps=3, ways=1500, fitting=brief)
    model.fit(x, y, progress=told.append)
    assert [epoch.number for epoch in told] == list(range(1, told[-1].planned + 1))
    assert model.teacher.fitting == brief
    error = (model.sample((500,), torch.tensor([0, 1])).mean((0, 2)) - torch.tensor([7.0, 13.0])).abs().max()
    learned("error of the means", error, below=1.0, baseline=3.0)  # between the labels
    model.save(tmp_path)
    assert torch.equal(GenerativeModel.load(tmp_path).mode(torch.tensor([0, 1])), model.mode(torch.tensor([0, 1])))
    stopped = DistilledScore(teacher=ScoreModel(hidden=(32, 32)), steps=3, fitting=brief)
    stopped.fit(x, y, progress=lambda epoch: epoch.number < 2)
    assert torch.isfinite(stopped.sample((), torch.tensor([1]))).all()


def test_the_lesson_of_a_gaussian_by_hand() -> None:
    """For N(0, 1) an untaught network is exact, and so is the flow: a straight step misses it by a known share."""
    levels = torch.tensor([2.0, 1.0])
    student = FewStepSampler(1, noise=VarianceExploding(least=1.0, most=2.0), hidden=(4,), activation="silu").build(1)
    places = torch.tensor([[[5.0], [5.0 * (2 / 5) ** 0.5]]])
    denoised = 5.0 / (1 + 4)
    step = denoised + 0.5 * (5.0 - denoised)
    with torch.no_grad():
        loss = Lesson(student.denoiser, levels).loss(places)["loss"]
    assert float(loss) == pytest.approx((step - 5.0 * 0.4**0.5) ** 2, rel=1e-4)


def test_what_cannot_be_taught_is_refused() -> None:
    with pytest.raises(InputError, match="fit first"):
        distil(ScoreModel())
    with pytest.raises(InputError, match="steps"):
        distil(ScoreModel().build(2), steps=0)
    with pytest.raises(InputError, match="context"):
        distil(ScoreModel().build(2, 1))
    one = ScoreModel(noise=VarianceExploding(least=1.0, most=1.0), sampler="annealed_langevin")
    with pytest.raises(InputError, match="one noise level"):
        distil(one.build(2))
    student = FewStepSampler(2, noise=VarianceExploding(), hidden=(4,), activation="silu")
    with pytest.raises(InputError, match="distil"):
        student.fit(torch.randn(20, 2))
    with pytest.raises(InputError, match="has no density"):
        student.build(2).score_samples(torch.randn(20, 2))
