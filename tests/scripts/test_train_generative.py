"""The command line that fits generative models: what a run leaves on disk, and what it says."""

import json
import os
import re
import signal
import warnings
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from learned import Learned

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.mixtures import VariationalGaussianMixture
from genrl.training import RunDirectory


def train(script: ModuleType, folder: Path, **settings: Any) -> tuple[RunDirectory, dict[str, float]]:
    script.main(script.TrainConfig(log_folder=folder / "runs", rows=400, **settings))
    (path,) = (folder / "runs").iterdir()
    return RunDirectory.open(path), json.loads((path / "evaluation.json").read_text())


def test_a_run(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int, learned: Learned
) -> None:
    run, figures = train(
        script, tmp_path, model="gaussian_mixture", data="8gaussians", set=("n_components=8", "n_init=3"), seed=2 + seed
    )
    assert run.path.name.startswith(f"gaussian_mixture-8gaussians-{2 + seed}-")
    assert run.config["settings"]["set"] == ["n_components=8", "n_init=3"]
    # Eight Gaussians of deviation 0.2: the entropy is ln 8 + ln(2 pi e 0.2^2).
    learned("error of the likelihood", abs(figures["held_out_nll"] - 1.698), below=0.9, baseline=2.0)  # of one Gaussian
    assert figures["held_out_bits_per_dim"] == pytest.approx(figures["held_out_nll"] / 2 / np.log(2))
    assert 0 < figures["two_sample_p"] <= 1
    learned("distance", figures["sliced_wasserstein"], below=1.0, baseline=1.4)  # of samples from a single point
    assert (run.path / "samples.png").stat().st_size > 1000
    model = GenerativeModel.load(run.path / "model")
    assert model.hyperparameters()["random_state"] == 2 + seed
    printed = capsys.readouterr().out
    assert "gaussian_mixture on 8gaussians: 400 rows" in printed
    assert "held out nll: " in printed
    assert "kl nats" not in printed


def test_a_model_with_a_posterior_says_what_it_learned(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, figures = train(
        script, tmp_path, model="variational_gaussian_mixture", data="8gaussians", set=("n_components=12",)
    )
    model = GenerativeModel.load(run.path / "model")
    assert isinstance(model, VariationalGaussianMixture)
    assert figures["kl_nats"] == pytest.approx(model.kl_)
    assert figures["effective_components"] == model.n_effective_
    assert 1 < model.n_effective_ < 12
    printed = capsys.readouterr().out
    assert f"effective components: {model.n_effective_}" in printed
    assert f"kl nats: {model.kl_:.4g}" in printed


@pytest.mark.parametrize("name", ["wgan_gp", "lsgan"])
def test_a_gan_by_the_name_of_its_game(script: ModuleType, tmp_path: Path, name: str) -> None:
    run, figures = train(script, tmp_path, model=name, data="8gaussians", updates=10)
    assert run.path.name.startswith(f"{name}-8gaussians-")
    assert np.isfinite(figures["sliced_wasserstein"])
    objective = GenerativeModel.load(run.path / "model").hyperparameters()["objective"]
    assert objective == {"wgan_gp": "wasserstein", "lsgan": "least_squares"}[name]


def test_a_flow_with_few_updates(script: ModuleType, tmp_path: Path) -> None:
    run, figures = train(script, tmp_path, model="real_nvp", data="two_moons", updates=20)
    assert np.isfinite(figures["held_out_nll"])
    assert GenerativeModel.load(run.path / "model").hyperparameters()["fitting"].updates == 20


@pytest.mark.parametrize("conditional", [False, True])
def test_a_score_and_the_way_from_noise_are_drawn(script: ModuleType, tmp_path: Path, conditional: bool) -> None:
    words = ("hidden=[8]", "evaluations=4")
    run, _ = train(script, tmp_path, model="score", data="two_moons", updates=5, set=words, conditional=conditional)
    for name in ("score_field.png", "langevin_path.png", "langevin_path.gif"):
        assert (run.path / name).stat().st_size > 5000


def test_labels_as_context(script: ModuleType, tmp_path: Path) -> None:
    run, figures = train(script, tmp_path, model="gaussian_conditional", data="25gaussians", conditional=True)
    assert GenerativeModel.load(run.path / "model").classes == tuple(range(25))
    assert figures["held_out_nll"] < 0.5  # given the label it is a single Gaussian: ln(2 pi e 0.2^2) = -0.4


def test_digits_and_the_joint_distribution(script: ModuleType, tmp_path: Path) -> None:
    run, figures = train(
        script,
        tmp_path,
        model="bayes_classifier",
        data="digits",
        show_joint=True,
        set=("conditional=gaussian_conditional",),
    )
    expected = figures["held_out_nll"] / (64 * np.log(2)) + np.log2(17)
    assert figures["held_out_bits_per_dim"] == pytest.approx(expected)
    assert figures["held_out_bits_per_dim"] < np.log2(17)  # better than uniform noise
    assert (run.path / "samples.png").stat().st_size > 5000


@pytest.mark.parametrize("conditional", [False, True])
def test_a_model_of_integers_completes_digits(script: ModuleType, tmp_path: Path, conditional: bool) -> None:
    small = ("width=8", "blocks=1", "kernel=3")
    run, figures = train(
        script, tmp_path, model="pixel_cnn", data="digits", updates=3, set=small, conditional=conditional
    )
    assert figures["held_out_bits_per_dim"] == pytest.approx(figures["held_out_nll"] / (64 * np.log(2)))
    assert figures["held_out_bits_per_dim"] < 6
    assert (run.path / "samples.png").stat().st_size > 5000
    assert (run.path / "completions.png").stat().st_size > 5000
    assert int(GenerativeModel.load(run.path / "model").found_levels) == 17


@pytest.mark.parametrize("conditional", [False, True])
def test_reconstructions_are_drawn_of_models_with_codes(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditional: bool, seed: int, learned: Learned
) -> None:
    import sample_pictures

    drawn: dict[str, Any] = {}
    draw = sample_pictures.draw_images

    def remember(panels: Any, path: Path, **more: Any) -> Path:
        drawn.update(panels)
        return draw(panels, path, **more)

    monkeypatch.setattr(sample_pictures, "draw_images", remember)
    words = ("hidden=[8]", "decoder=bernoulli")
    train(script, tmp_path, model="vae", data="digits", updates=20, set=words, conditional=conditional, seed=seed)
    samples = "samples given a label" if conditional else "samples"
    assert list(drawn) == ["data", "reconstructions", samples]
    assert drawn["reconstructions"].shape == drawn["data"].shape
    of_reconstructions, of_samples = (
        np.square(drawn[name] - drawn["data"]).mean() for name in ("reconstructions", samples)
    )
    learned("error of reconstructions / of samples", of_reconstructions / of_samples, below=0.8, baseline=1.0)


def test_a_collapse_is_said_while_it_happens(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A generator that alone moves runs to where the discriminator is highest, a point, and each line says so."""
    hurried = SimpleNamespace(monotonic=count(0, 20).__next__)  # every look at the clock is 20 seconds later
    monkeypatch.setattr("fit_display.time", hurried)
    settings = ("fitting.discriminator_steps=0", "fitting.report_every=20", "fitting.learning_rate=0.01")
    with pytest.warns(UserWarning, match="the generator has collapsed"):
        train(script, tmp_path, model="gan", data="8gaussians", updates=40, set=("hidden=[32, 32]", *settings))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert lines
    words = r"epoch \d+/2 · loss .*, [0-2] of 8 modes, collapsed or not yet learned: samples reach \d% of the data at"
    assert re.match(words, lines[-1])


def test_images_are_learned_as_images(script: ModuleType, tmp_path: Path) -> None:
    few = ("channels=4", "fitting.batch_size=16", "fitting.report_every=1")
    with pytest.warns(UserWarning, match="the samples reach"):
        run, figures = train(script, tmp_path, model="dcgan", data="digits", updates=2, set=few, conditional=True)
    assert GenerativeModel.load(run.path / "model").event_shape == (1, 8, 8)
    assert np.isfinite(figures["sliced_wasserstein"])


def test_actions_given_states(script: ModuleType, tmp_path: Path) -> None:
    run, figures = train(
        script,
        tmp_path,
        model="mixture_density_network",
        data="demonstrations:Hopper-v4",
        conditional=True,
        updates=30,
    )
    model = GenerativeModel.load(run.path / "model")
    assert (model.event_shape, model.context_features) == ((3,), 11)
    assert np.isfinite(figures["held_out_nll"])


def save_rows(x: np.ndarray, path: Path) -> None:
    """In the format of the suffix; a .csv has a header."""
    if path.suffix == ".csv":
        np.savetxt(path, x, delimiter=",", header=",".join("abcde"), comments="")
    elif path.suffix == ".npz":
        np.savez(path, x=x, y=np.arange(len(x)) % 2)
    else:
        np.save(path, x)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_a_users_file(script: ModuleType, tmp_path: Path, suffix: str) -> None:
    path = (tmp_path / "mine").with_suffix(suffix)
    save_rows(np.random.default_rng(0).normal(size=(200, 5)), path)
    run, figures = train(script, tmp_path, model="gaussian_mixture", data=str(path), conditional=suffix == ".npz")
    assert "-mine-" in run.path.name
    assert figures["held_out_nll"] == pytest.approx(5 * 0.5 * np.log(2 * np.pi * np.e), abs=0.8)


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Figures that are drawn, by the name of their file."""
    from genrl.evaluation import sample_figures

    drawn: dict[str, Any] = {}
    save = sample_figures._save
    monkeypatch.setattr(
        sample_figures, "_save", lambda figure, path: save(drawn.setdefault(Path(path).name, figure), path)
    )
    return drawn


@pytest.mark.parametrize(
    ("settings", "samples", "panels"),
    [
        ({"data": "demonstrations:Ant-v4", "model": "real_nvp", "updates": 2}, "samples", 8),
        ({"data": "digits", "model": "gaussian_conditional", "conditional": True}, "samples given a label", 2),
        ({"data": "digits", "model": "vae", "updates": 2, "set": ("hidden=[8]",)}, "samples", 3),
    ],
)
def test_log_probabilities_of_rows_held_out_and_of_samples_are_drawn_where_there_is_no_plane(
    script: ModuleType, tmp_path: Path, pictures: dict[str, Any], settings: dict[str, Any], samples: str, panels: int
) -> None:
    train(script, tmp_path, **settings)
    *others, axes = pictures["samples.png"].axes
    assert len(others) == panels
    assert axes.get_title() == "log_prob, nats"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["held out", samples]
    assert [sum(bar.get_height() for bar in container) for container in axes.containers] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("model", "data", "last"), [("gan", "digits", "samples"), ("gaussian_mixture", "two_moons", "density")]
)
def test_without_a_density_or_in_the_plane_there_is_no_such_panel(
    script: ModuleType, tmp_path: Path, pictures: dict[str, Any], model: str, data: str, last: str
) -> None:
    settings: dict[str, Any] = {"updates": 2, "set": ("fitting.report_every=2",)} if model == "gan" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so short a game has not got far
        train(script, tmp_path, model=model, data=data, **settings)
    assert pictures["samples.png"].axes[-1].get_title() == last


def test_a_signal_keeps_what_was_learned(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resumable_fit

    shown = resumable_fit.FitDisplay.show

    def interrupt(display: Any, epoch: Any) -> None:
        shown(display, epoch)
        assert epoch.number <= 2
        if epoch.number == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("resumable_fit.FitDisplay.show", interrupt)
    script.main(script.TrainConfig(log_folder=tmp_path, rows=400, model="real_nvp", data="two_moons", updates=5000))
    (run,) = tmp_path.iterdir()
    GenerativeModel.load(run / "model")
    assert not (run / "evaluation.json").exists()  # nor is anything else done that takes long


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "no_model"}, "there is no model 'no_model'"),
        ({"data": "no_data"}, "there are no data"),
        ({"model": "gaussian_mixture", "set": ("n_components=0",)}, "n_components must be 1 or more"),
        ({"model": "real_nvp", "show_joint": True}, "has no joint distribution"),
        ({"model": "bayes_classifier"}, "needs classes: fit it with labels"),
    ],
)
def test_bad_input_leaves_nothing(script: ModuleType, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(script, tmp_path, **settings)
    assert not (tmp_path / "runs").exists()
