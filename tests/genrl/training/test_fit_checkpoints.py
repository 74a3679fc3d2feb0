"""Fits that are interrupted anywhere and gone on with end as those that are not, to the bit."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genrl.autoencoders import VAE, VQVAE
from genrl.errors import InputError
from genrl.gans import GAN, AdversarialFitting, ProgressiveGAN
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, VariationalGaussianMixture
from genrl.score import ScoreModel
from genrl.score.distilled_score import DistilledScore
from genrl.stop_signals import StopSignals
from genrl.training import fit_checkpoints
from genrl.training.checkpoint import CheckpointParts, read_checkpoint, write_checkpoint
from genrl.training.fit import FitEpoch, FitHistory, fit
from genrl.training.fit_checkpoints import FitCheckpoints, begin_stage, stop_requested
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=12, batch_size=50, average=0.9)
GAME = AdversarialFitting(updates=7, batch_size=20, report_every=2)


def rows() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.cat([torch.randn(60, 2, generator=generator), 5 + torch.randn(60, 2, generator=generator)])


KINDS: dict[str, Callable[[], GenerativeModel]] = {
    "gradient descent": lambda: VAE(latents=2, hidden=(8,), warm_up=0.5, fitting=BRIEF),
    "two stages": lambda: VQVAE(4, code_width=2, positions=2, hidden=(8,), fitting=BRIEF),
    "teacher and student": lambda: DistilledScore(
        teacher=ScoreModel(hidden=(8,), evaluations=20, fitting=BRIEF), steps=2, ways=60, fitting=BRIEF
    ),
    "a game": lambda: GAN(hidden=(8,), discriminator_hidden=(8,), weight_clip=0.1, fitting=GAME),
    "a growing game": lambda: ProgressiveGAN(channels=2, fitting=GAME),
    "expectation-maximisation": lambda: GaussianMixture(4, n_init=2, max_iter=5, tol=0, random_state=0),
    "variational inference": lambda: VariationalGaussianMixture(4, max_iter=6, random_state=0),
}


QUICK = ("gradient descent", "two stages", "a growing game", "variational inference")
SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind not in QUICK]


@dataclass
class Attempt:
    """One process: what it left, and what it did."""

    model: GenerativeModel
    saved: CheckpointParts | None
    epochs: int
    polls: int


@pytest.fixture(autouse=True)
def stored_at_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_checkpoints, "SECONDS_BETWEEN_COPIES", 0.0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def attempt(
    make: Callable[[], GenerativeModel],
    saved: CheckpointParts | None = None,
    *,
    end_at: int | None = None,
    stop_at: int | None = None,
) -> Attempt:
    """Fit from `saved`, until the so manyth epoch, or until the so manyth time that it is asked whether to stop."""
    torch.manual_seed(0)
    model, written, epochs, polls = make(), list[CheckpointParts](), 0, 0

    def note(epoch: FitEpoch) -> bool:
        nonlocal epochs
        epochs += 1
        torch.rand(3)  # what watches a fit may draw, too
        return epochs != end_at

    def stop() -> bool:
        nonlocal polls
        polls += 1
        return stop_at is not None and polls >= stop_at

    x = rows()
    with FitCheckpoints(saved, save=written.append, stop=stop):
        model.fit(x[:, :, None, None].expand(-1, -1, 8, 8) if isinstance(model, ProgressiveGAN) else x, progress=note)
    return Attempt(model, written[-1] if written else None, epochs, polls)


def same(one: GenerativeModel, other: GenerativeModel) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def on_disk(saved: CheckpointParts | None, folder: Path) -> CheckpointParts | None:
    if saved is None:
        return None
    write_checkpoint(folder, tensors=saved.tensors, documents=saved.documents, arrays=saved.arrays)
    return read_checkpoint(folder)


@pytest.mark.parametrize("kind", [*QUICK, *SLOW])
def test_interrupted_at_any_epoch_it_ends_as_if_it_had_not_been(kind: str, tmp_path: Path) -> None:
    whole = attempt(KINDS[kind])
    assert whole.epochs > 2
    for epoch in range(1, whole.epochs):
        half = attempt(KINDS[kind], end_at=epoch)
        again = attempt(KINDS[kind], on_disk(half.saved, tmp_path / str(epoch)))
        assert same(again.model, whole.model), f"interrupted after epoch {epoch}"
        assert again.epochs == whole.epochs  # those of before are reported again


@pytest.mark.parametrize("kind", [*QUICK, *SLOW])
def test_stopped_within_any_epoch_it_ends_as_if_it_had_not_been(kind: str, tmp_path: Path) -> None:
    whole = attempt(KINDS[kind])
    for poll in {1, 3, whole.polls - 1}:
        half = attempt(KINDS[kind], stop_at=poll)
        assert half.epochs < whole.epochs or poll == whole.polls - 1
        again = attempt(KINDS[kind], on_disk(half.saved, tmp_path / str(poll)))
        assert same(again.model, whole.model), f"stopped at poll {poll}"


def test_parameters_of_many_columns_go_on_with_the_same_rounding(tmp_path: Path) -> None:
    def fitted(saved: CheckpointParts | None, end_at: int) -> tuple[GenerativeModel, CheckpointParts | None]:
        x = torch.randn(300, 20, generator=torch.Generator().manual_seed(2)).cumsum(1)
        model, written = GaussianMixture(3, max_iter=4, tol=0, random_state=0), list[CheckpointParts]()
        with FitCheckpoints(saved, save=written.append):
            model.fit(x, progress=lambda epoch: epoch.number != end_at)
        return model, written[-1] if written else None

    _, half = fitted(None, 2)
    assert same(fitted(on_disk(half, tmp_path / "half"), 0)[0], fitted(None, 0)[0])


def test_an_interruption_of_what_was_resumed_is_resumed_too() -> None:
    kind = KINDS["two stages"]
    whole, saved = attempt(kind), None
    for epoch in range(1, whole.epochs):
        saved = attempt(kind, saved, end_at=epoch).saved
    assert same(attempt(kind, saved).model, whole.model)


def test_what_was_completed_is_not_done_again() -> None:
    kind = KINDS["teacher and student"]
    whole = attempt(kind)
    again = attempt(kind, whole.saved)
    assert same(again.model, whole.model)
    assert again.epochs == whole.epochs
    assert again.polls < 5  # no batch of either fit; the model asks between the two


def test_nothing_changes_without_checkpoints() -> None:
    torch.manual_seed(0)
    alone = KINDS["gradient descent"]().fit(rows(), progress=lambda epoch: bool(torch.rand(3).sum()))
    assert same(alone, attempt(KINDS["gradient descent"]).model)
    assert not stop_requested()
    assert begin_stage("gradient descent").saved is None


def regression() -> tuple[torch.nn.Linear, Callable[..., dict[str, Tensor]]]:
    model = torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(model.weight)
    return model, lambda x, context: {
        "loss": (model(x) - x.sum(1, keepdim=True) + torch.randn(len(x), 1)).square().mean()
    }


def fitted(
    saved: CheckpointParts | None = None, *, end_at: int = 0, step: float = 0.1, **settings: Any
) -> tuple[FitHistory, CheckpointParts | None]:
    torch.manual_seed(0)
    model, loss = regression()
    written: list[CheckpointParts] = []
    with FitCheckpoints(saved, save=written.append):
        optimizer = torch.optim.SGD(model.parameters(), step)
        history = fit(
            model, rows(), loss=loss, optimizer=optimizer, progress=lambda epoch: epoch.number != end_at, **settings
        )
    return history, written[-1] if written else saved


def test_patience_counts_on() -> None:
    settings: dict[str, Any] = {"epochs": 60, "patience": 3, "batch_size": 30, "step": 0.02}
    whole, _ = fitted(**settings)
    assert whole.stopped == "patience"
    for epoch in {whole.kept, whole.kept + 1, whole.kept + 2}:
        half, saved = fitted(end_at=epoch, **settings)
        assert half.stopped == "asked"
        assert fitted(saved, **settings)[0] == whole
    assert fitted(fitted(**settings)[1], **settings)[0] == whole


def test_global_random_states_go_on() -> None:
    def drawn(saved: CheckpointParts | None, end_at: int) -> tuple[list[float], CheckpointParts | None]:
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        model, loss = regression()
        written: list[CheckpointParts] = []
        with FitCheckpoints(saved, save=written.append) as checkpoints:

            def note(epoch: FitEpoch) -> bool:
                if not checkpoints.replaying:
                    np.random.rand()  # noqa: NPY002
                return epoch.number != end_at

            fit(model, rows(), loss=loss, epochs=4, progress=note)
        return [np.random.rand(), torch.rand(()).item()], written[-1] if written else saved  # noqa: NPY002

    whole, completed = drawn(None, 0)
    _, saved = drawn(None, 2)
    assert drawn(saved, 0)[0] == whole
    assert drawn(completed, 0)[0] == whole


def test_a_checkpoint_of_another_fit_is_refused() -> None:
    game, mixture = attempt(KINDS["a game"], end_at=1).saved, attempt(KINDS["expectation-maximisation"], end_at=1).saved
    _, saved = fitted(end_at=1)
    with pytest.raises(InputError, match="of another fit: its stage 1 is a fit by an adversarial game"):
        fitted(game)
    with pytest.raises(InputError, match="other shapes"):
        attempt(lambda: GaussianMixture(3, random_state=0), mixture)
    with (
        pytest.raises(InputError, match="the fit is damaged or of another version"),
        FitCheckpoints(saved),
    ):
        fit(torch.nn.Linear(3, 1), rows(), loss=lambda x, context: {})
    with pytest.raises(InputError, match="of one to 120 rows, not to 50"), FitCheckpoints(saved):
        fit(torch.nn.Linear(2, 1), rows()[:50], loss=lambda x, context: {})


def test_a_damaged_state_is_refused() -> None:
    _, saved = fitted(end_at=1)
    assert saved is not None
    del saved.tensors["fit"]["0.epochs.numbers"]
    with pytest.raises(InputError, match="is missing"):
        FitCheckpoints(saved)
    with pytest.raises(InputError, match="is missing"):
        FitCheckpoints(CheckpointParts(tensors={}, documents={}, arrays={}))


def test_an_error_keeps_the_last_epoch() -> None:
    for error in (RuntimeError, KeyboardInterrupt):
        model, loss = regression()
        written: list[CheckpointParts] = []

        def note(epoch: FitEpoch, error: type[BaseException] = error) -> None:
            if epoch.number == 3:
                raise error

        with pytest.raises(error), FitCheckpoints(save=written.append):
            fit(model, rows(), loss=loss, epochs=5, progress=note)
        (saved,) = written
        assert [len(record["0.epochs.numbers"]) for record in saved.tensors.values()] == [2]


def test_a_signal_stops_between_two_batches() -> None:
    model, loss = regression()
    batches, written = count(1), list[CheckpointParts]()

    def signalled(x: Tensor, context: Tensor | None) -> dict[str, Tensor]:
        if next(batches) == 5:
            signal.raise_signal(signal.SIGTERM)
        return loss(x, context)

    with StopSignals(), FitCheckpoints(save=written.append):
        history = fit(model, rows(), loss=signalled, batch_size=10, epochs=3)
    assert (history.stopped, history.epochs, next(batches)) == ("asked", (), 6)
    assert written == []  # there is nothing to go on from but the beginning


def test_checkpoints_are_written_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    model, loss = regression()
    done: list[int] = []
    with FitCheckpoints(save=lambda parts: done.append(checkpoints.epochs_done), every_seconds=0) as checkpoints:
        fit(model, rows(), loss=loss, epochs=4)
    assert done == [1, 2, 3, 4, 4]  # the last is the final state
    monkeypatch.setattr(fit_checkpoints, "SECONDS_BETWEEN_COPIES", 1000.0)
    done.clear()
    with FitCheckpoints(save=lambda parts: done.append(checkpoints.epochs_done), every_seconds=0) as checkpoints:
        fit(model, rows(), loss=loss, epochs=4)
    assert done == [4]
