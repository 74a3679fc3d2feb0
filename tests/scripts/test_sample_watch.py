"""What is said of samples while a model learns, and that looking at them disturbs nothing."""

from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch


@pytest.mark.parametrize("name", ["neural_spline", "vae", "score", "sequence"])
def test_samples_are_looked_at_while_a_model_learns(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shown = []
    monkeypatch.setattr("fit_display.FitDisplay.show", lambda display, epoch: shown.append(epoch))
    words = {"sequence": ("output=gaussians",), "score": ("hidden=[16]", "evaluations=4")}.get(name, ())
    settings = {"model": name, "data": "8gaussians", "updates": 4, "set": words, "rows": 400}
    script.main(script.TrainConfig(log_folder=tmp_path, **settings))
    assert {epoch.train["modes"] for epoch in shown} == {8.0}
    assert all(epoch.train["sliced_wasserstein"] > 0 for epoch in shown)


def test_looking_at_samples_changes_no_draw_and_takes_a_twentieth_of_the_time(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sample_watch

    clock = 0.0
    monkeypatch.setattr(sample_watch.time, "monotonic", lambda: clock)
    looks: list[float] = []

    def watch(model: Any) -> dict[str, float]:
        nonlocal clock
        torch.randn(3)
        looks.append(clock)
        clock += 1.0
        return {"sliced_wasserstein": float(len(looks))}

    torch.manual_seed(0)
    expected = [torch.randn(()) for _ in range(100)]
    torch.manual_seed(0)
    look = sample_watch.now_and_then(watch)
    for i in range(100):
        figures = look(SimpleNamespace())
        assert figures["sliced_wasserstein"] == len(looks)  # what was seen last is known in between
        assert torch.randn(()) == expected[i]
        clock += 0.5
    assert looks == [0.0, 20.0, 40.0]


RUN_AWAY = ("codebook_size=64", "commitment=0", "restart_below=0", "fitting.max_grad_norm=None")
"""The encoder leaves all but a few codes where it was."""


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        ("vae", ("beta=1000",), "latents collapsed or not yet learned: no unit"),
        ("vq_vae", (*RUN_AWAY, "fitting.learning_rate=0.3"), "codebook collapsed or not yet learned"),
    ],
)
@pytest.mark.filterwarnings("ignore:The codebook has collapsed")
def test_codes_that_collapse_are_said_to_while_it_happens(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: str,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr("fit_display.time", SimpleNamespace(monotonic=count(0, 20).__next__))
    settings = {"model": model, "data": "8gaussians", "updates": 60, "set": words, "rows": 400}
    script.main(script.TrainConfig(log_folder=tmp_path, **settings))
    assert said in capsys.readouterr().out
