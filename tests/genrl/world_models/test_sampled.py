"""World models of any conditional model: what is taken and refused, what the model meets, how densities are told."""

from typing import Any

import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from genrl.autoregressive import Recurrent, SequenceModel
from genrl.discretised import Discretised
from genrl.errors import InputError
from genrl.gans import GAN
from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import Dynamics, SamplerWorldModel

SHORT = GradientFitting(updates=20, batch_size=64)


class Remembering(GenerativeModel):
    """Draws the middle of what it was fitted to, and keeps that to be looked at."""

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        self.register_buffer("middle", torch.zeros(event_shape))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Any) -> None:
        self.met = x, context
        self.middle = x.mean(0)

    def sample(self, sample_shape: tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        assert context is not None
        return self.middle.expand(*sample_shape, len(context), -1)


def test_the_sampler_meets_outcomes_and_contexts_in_units(system: Any) -> None:
    model = SamplerWorldModel(Remembering(), noise=0.0, hidden=(8,), fitting=SHORT)
    experience = system.experience(20, 20, seed=0)
    history = model.fit(experience)
    assert (history.epochs, history.kept) == ((), 0)
    x, context = model.sampler.met  # type: ignore[misc]
    assert x.shape[1] == 3  # the change of two columns, and the reward
    assert context.shape == (len(x), 3)
    for part in (x, context):
        torch.testing.assert_close(part.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(part.std(0, correction=0), torch.ones(3), atol=1e-5, rtol=0)
    trained, _ = experience.split(0.1, SHORT.seed)
    assert len(x) == len(trained)  # what is held out is never shown to it
    dreamt = model.advance(model.begin(torch.ones(4, 2)), torch.zeros(4, 1))
    changes = trained.next_observations - trained.observations
    torch.testing.assert_close(dreamt.observations, (1 + changes.mean(0)).expand(4, 2))
    torch.testing.assert_close(dreamt.rewards, trained.rewards.mean().expand(4))


def test_noise_is_added_to_outcomes_alone(system: Any) -> None:
    met = []
    for noise in (0.0, 0.5):
        model = SamplerWorldModel(Remembering(), noise=noise, hidden=(8,), fitting=SHORT)
        model.fit(system.experience(50, 40, seed=0))
        met.append(model.sampler.met)
    assert torch.equal(met[0][1], met[1][1])  # type: ignore[index]
    assert float((met[1][0] - met[0][0]).std()) == pytest.approx(0.5, rel=0.05)  # type: ignore[index]


def test_a_column_that_never_changes_is_not_dreamt_to_change(system: Any) -> None:
    experience = system.experience(10, 20, seed=0)
    constant = torch.full((len(experience), 1), 7.0)
    for name in ("observations", "next_observations"):
        object.__setattr__(experience, name, torch.cat([getattr(experience, name), constant], 1))
    model = SamplerWorldModel(GaussianMixture(1), hidden=(8,), fitting=SHORT)
    model.fit(experience)
    dreamt = model.advance(model.begin(experience.observations), experience.actions)
    assert torch.equal(dreamt.observations[:, 2:], constant)
    log_prob = model.predict(experience.observations, experience.actions).log_prob(
        torch.cat([experience.next_observations, experience.rewards[:, None]], 1)
    )
    assert torch.isfinite(log_prob).all()


@pytest.mark.parametrize(
    "sampler",
    [
        GaussianMixture(2),
        GAN(hidden=(16,), discriminator_hidden=(16,), fitting=AdversarialFitting(updates=10)),
        Discretised(SequenceModel(core=Recurrent(width=8), levels=8, fitting=SHORT), bins=8),
    ],
)
def test_whatever_can_be_sampled_will_do(system: Any, sampler: GenerativeModel) -> None:
    model: Dynamics = SamplerWorldModel(sampler, hidden=(8,), fitting=SHORT)
    model.fit(system.experience(10, 20, seed=0))
    env = model.as_vec_env(16, horizon=3)
    env.reset()
    for _ in range(4):
        assert env.step([env.action_space.sample() for _ in range(16)])[0].shape == (16, 2)


def test_a_mixture_fitted_in_closed_form_is_the_linear_system(system: Any) -> None:
    """One Gaussian of all columns knows the regression exactly, and its density to the nat."""
    model = SamplerWorldModel(GaussianMixture(1), noise=0.0, hidden=(8,), fitting=SHORT)
    x = system.experience(200, 50, seed=0)
    object.__setattr__(x, "rewards", torch.randn(len(x), generator=torch.Generator().manual_seed(0)))
    model.fit(x)
    fresh = system.experience(20, 50, seed=1)
    rewards = torch.randn(len(fresh), generator=torch.Generator().manual_seed(1))
    expected = system.following(fresh.observations, fresh.actions)
    true = torch.distributions.Normal(expected, system.std).log_prob(fresh.next_observations).sum(1)
    true = true + torch.distributions.Normal(0.0, 1.0).log_prob(rewards)
    found = model.predict(fresh.observations, fresh.actions)
    value = torch.cat([fresh.next_observations, rewards[:, None]], 1)
    torch.testing.assert_close(found.log_prob(value), true, atol=0.5, rtol=0)
    assert (found.log_prob(value) - true).abs().mean() < 0.05
    torch.manual_seed(0)
    torch.testing.assert_close(found.mean[:, :2], expected, atol=0.15, rtol=0)  # of 64 draws
    several = value.expand(3, *value.shape)
    torch.testing.assert_close(found.log_prob(several), found.log_prob(value).expand(3, -1))
    assert found.sample((5,)).shape == (5, len(fresh), 3)
    with pytest.raises(InputError, match="value must have the shape"):
        found.log_prob(value[:, :2])


def test_a_fit_that_is_gone_on_with_fits_the_sampler_anew(system: Any) -> None:
    assert not SamplerWorldModel.goes_on
    model = SamplerWorldModel(Remembering(), noise=0.0, hidden=(8,), fitting=SHORT)
    model.fit(system.experience(10, 20, seed=0))
    first = model.sampler.met  # type: ignore[misc]
    model.learn(system.experience(10, 20, seed=1))
    assert not torch.equal(first[0], model.sampler.met[0])  # type: ignore[index]


def test_what_cannot_dream_is_refused() -> None:
    with pytest.raises(InputError, match=r"GenerativeModel cannot be sampled.*genrl\.flows"):
        SamplerWorldModel(GenerativeModel())
    with pytest.raises(InputError, match=r"SequenceModel is of integers.*Discretised"):
        SamplerWorldModel(SequenceModel(levels=8))
    with pytest.raises(InputError, match="noise must be 0 or more"):
        SamplerWorldModel(GaussianMixture(), noise=-1.0)
    gan = SamplerWorldModel(GAN(), hidden=(8,)).build(2, spaces.Box(-1, 1, (1,)), False)
    with pytest.raises(InputError, match="GAN has no density"):
        gan.predict(torch.zeros(1, 2), torch.zeros(1, 1)).log_prob(torch.zeros(1, 3))
