from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest

from genrl.autoencoders import Autoencoder
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.training.gradient_fitting import GradientFitting

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import families

    return families


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    updates: int = 10
    critic_steps: int = 5


class ToyFlow(GenerativeModel):
    """A model with one argument of each kind."""

    def __init__(
        self,
        width: int = 3,
        *,
        form: Literal["full", "diag"] = "full",
        sizes: tuple[int, ...] = (64, 64),
        rate: float | None = None,
        inner: GenerativeModel | None = None,
        fitting: GradientFitting = GradientFitting(learning_rate=0.5),
        adversarial: Adversarial = Adversarial(),
        random_state: int | None = None,
    ) -> None:
        super().__init__()
        self.width, self.form, self.sizes, self.rate, self.inner = width, form, sizes, rate, inner
        self.fitting, self.adversarial, self.random_state = fitting, adversarial, random_state


class NeedsLayers(GenerativeModel):
    def __init__(self, layers: int) -> None:
        super().__init__()


def test_the_models_of_all_families_are_found(families: ModuleType) -> None:
    found = families.models()
    assert {"bayes_classifier", "gaussian_mixture", "neural_spline", "real_nvp"} <= found.keys()
    assert families.family_of(found["neural_spline"]) == "flows"
    assert "flow" not in found, "it is what flows are made of"
    order = [families.FAMILIES.index(families.family_of(kind)) for kind in found.values()]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ToyFlow", "toy"),
        ("RealNVP", "real_nvp"),
        ("VAE", "vae"),
        ("BetaVAE", "beta_vae"),
        ("PixelCNN", "pixel_cnn"),
        ("MaskedAutoregressiveFlow", "masked_autoregressive"),
        ("FlowMatching", "flow_matching"),
        ("ScoreModel", "score"),
        ("ModelFree", "model_free"),
    ],
)
def test_names(families: ModuleType, name: str, expected: str) -> None:
    assert families.model_name(type(name, (), {})) == expected


def test_special_cases_are_models_with_settings(families: ModuleType) -> None:
    for name in families.SPECIAL_CASES:
        assert name not in families.models()
        kind, words = families.spelled_out(name)
        assert families.make_model(kind, words, updates=7).hyperparameters()["fitting"].updates == 7
    kind, words = families.spelled_out("wgan_gp")
    model = families.make_model(kind, (*words, "penalty_weight=2"))
    assert (model.objective, model.penalty, model.penalty_weight) == ("wasserstein", "interpolation", 2.0)
    assert model.fitting.discriminator_steps == 5
    assert families.make_model(*families.spelled_out("lsgan")).objective == "least_squares"


def test_a_class_that_needs_arguments_is_no_model(families: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import genrl.mixtures

    monkeypatch.setattr(genrl.mixtures, "__all__", ["ToyFlow", "NeedsLayers", "GaussianMixture", "a_function"])
    monkeypatch.setattr(genrl.mixtures, "ToyFlow", ToyFlow, raising=False)
    monkeypatch.setattr(genrl.mixtures, "NeedsLayers", NeedsLayers, raising=False)
    monkeypatch.setattr(genrl.mixtures, "a_function", len, raising=False)
    found = families.models()
    assert found["toy"] is ToyFlow
    assert "needs_layers" not in found


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("width=5", "width", 5),
        ("form=diag", "form", "diag"),
        ('form="diag"', "form", "diag"),
        ("sizes=[8, 8]", "sizes", (8, 8)),
        ("rate=1e-3", "rate", 0.001),
        ("rate=None", "rate", None),
        ("rate=null", "rate", None),
        ("fitting.updates=7", "fitting", GradientFitting(learning_rate=0.5, updates=7)),
        ("fitting.patience=3", "fitting", GradientFitting(learning_rate=0.5, patience=3)),
        ("adversarial.critic_steps=2", "adversarial", Adversarial(critic_steps=2)),
    ],
)
def test_words_become_hyperparameters(families: ModuleType, word: str, name: str, value: Any) -> None:
    model = families.make_model(ToyFlow, [word])
    assert getattr(model, name) == value
    default = ToyFlow().hyperparameters()
    assert {key: each for key, each in model.hyperparameters().items() if key != name} == {
        key: each for key, each in default.items() if key != name
    }


def test_several_words_of_one_group(families: ModuleType) -> None:
    model = families.make_model(ToyFlow, ["fitting.updates=7", "fitting.batch_size=9"], updates=100, seed=4)
    assert model.fitting == GradientFitting(learning_rate=0.5, updates=7, batch_size=9, seed=4)


def test_updates_and_seed_reach_whatever_takes_them(families: ModuleType) -> None:
    model = families.make_model(ToyFlow, updates=8, seed=3)
    assert model.fitting == GradientFitting(learning_rate=0.5, updates=8, seed=3)
    assert model.adversarial == Adversarial(updates=8)
    assert model.random_state == 3
    assert families.make_model(ToyFlow).fitting == GradientFitting(learning_rate=0.5)


def test_a_model_inside_a_model(families: ModuleType) -> None:
    assert families.make_model(ToyFlow, updates=8).inner is None
    inner = families.make_model(ToyFlow, ["inner=real_nvp", "inner.fitting.batch_size=9"], updates=8, seed=3).inner
    assert type(inner).__name__ == "RealNVP"
    assert (inner.fitting.updates, inner.fitting.batch_size, inner.fitting.seed) == (8, 9, 3)
    with pytest.raises(InputError, match="no model 'nothing'"):
        families.make_model(ToyFlow, ["inner=nothing"])
    with pytest.raises(InputError, match=r"--set inner\.width: first name the model, as inner="):
        families.make_model(ToyFlow, ["inner.width=2"])


def test_a_fitted_model_inside_a_model_is_loaded(families: ModuleType, tmp_path: Path) -> None:
    Autoencoder(latents=1, hidden=()).build(2).save(tmp_path / "model")
    kind = families.find_model("domain_transfer_network")
    features = families.make_model(kind, [f"features={tmp_path / 'model'}"]).features
    assert isinstance(features, Autoencoder)
    assert features.event_shape == (2,)


def test_settings_of_the_model_that_is_inside_by_default(families: ModuleType) -> None:
    kind = families.find_model("inverse_conditional_gan")
    model = families.make_model(kind, ["gan.noise_features=3"], updates=8)
    assert (model.gan.noise_features, model.gan.fitting.updates, model.fitting.updates) == (3, 8, 8)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("width", "--set takes key=value words, for toy width=..., form=..."),
        ("depth=3", "not 'depth=3'"),
        ("width=wide", "--set width=wide: input should be a valid integer"),
        ("width=2.5", "--set width=2.5: input should be a valid integer"),
        ("form=round", "--set form=round: input should be 'full' or 'diag'"),
        ("width.x=1", "--set width.x: width is no group of settings"),
        ("fitting.speed=1", "--set fitting.speed: there is updates, .*, but no speed"),
        ("fitting.updates=0", "updates must be 1 or more, not 0"),
    ],
)
def test_words_that_cannot_be(families: ModuleType, word: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        families.make_model(ToyFlow, [word])
