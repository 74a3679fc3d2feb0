import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from gymnasium import spaces
from learned import Learned

from genrl.errors import InputError
from genrl.training.fit import FitEpoch
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import EnsembleWorldModel


def test_a_linear_system_is_recovered(
    system: Any, small_ensemble: EnsembleWorldModel, seed: int, learned: Learned
) -> None:
    fresh = system.experience(20, 50, seed=1)
    with torch.no_grad():
        predicted = small_ensemble.predict(fresh.observations, fresh.actions)
    expected = system.following(fresh.observations, fresh.actions)
    error = (predicted.mean[:, :2] - expected).square().mean().sqrt()
    learned("error of the mean", error, below=0.06, baseline=expected.std())  # where the noise is 0.2
    deviation = predicted.variance[:, :2].sqrt().mean() / system.std
    learned("relative error of the deviation", abs(deviation - 1), below=0.15, baseline=1.0)
    reward_error = (predicted.mean[:, 2] - expected @ system.costs).square().mean().sqrt()
    learned("error of the reward", reward_error, below=0.08, baseline=(expected @ system.costs).std())
    # The entropy of the noise is the least mean negative log-likelihood of the observation alone.
    x, spread = fresh.next_observations, predicted.variance[:, :2].sqrt()
    nll = -torch.distributions.Normal(predicted.mean[:, :2], spread).log_prob(x).sum(1).mean()
    entropy = 2 * (0.5 + 0.5 * math.log(2 * math.pi) + math.log(system.std))
    # A normal distribution of the observations' own mean and deviation has the deviation of the system's states more.
    untrained = entropy + 2 * math.log(float(x.std()) / system.std)
    learned("negative log-likelihood", nll, below=entropy + 0.15, baseline=untrained)


def test_a_dream_stays_with_its_elite(small_ensemble: EnsembleWorldModel) -> None:
    state = small_ensemble.begin(torch.zeros(50, 2))
    dreamt = small_ensemble.advance(state, torch.zeros(50, 1))
    assert torch.equal(dreamt.state["elite"], state["elite"])
    assert set(state["elite"].tolist()) <= set(range(small_ensemble.elites))
    assert len(set(state["elite"].tolist())) > 1


def test_elites_are_the_best_on_held_out_steps(system: Any) -> None:
    settings = GradientFitting(updates=30, batch_size=64)
    model = EnsembleWorldModel(members=4, elites=2, hidden=(8,), fitting=settings)
    experience = system.experience(10, 20, seed=0)
    model.fit(experience)
    _, held = experience.split(0.1, settings.seed)
    with torch.no_grad():
        means, _, _ = model.members_given(held.observations, held.actions)
    targets = torch.cat([held.next_observations - held.observations, held.rewards[:, None]], 1)
    errors = (means - model.target_units.remove(targets)).square().mean((1, 2))
    assert model.elite_members.tolist() == errors.argsort()[:2].tolist()


def test_each_member_learns_from_its_own_draws(system: Any) -> None:
    model = EnsembleWorldModel(members=2, elites=1, hidden=(8,)).build(2, spaces.Box(-1, 1, (1,)), False)
    batch = torch.cat([torch.randn(6, 2 + 1 + 3), torch.zeros(6, 1), torch.zeros(6, 2)], 1)
    batch[:3, -2], batch[3:, -1] = 1.0, 1.0
    model.eval()
    whole = model.loss(batch)["loss"]
    alone = []
    for member, rows in ((0, slice(0, 3)), (1, slice(3, 6))):
        means, log_variances, _ = model.members_given(batch[rows, :2], batch[rows, 2:3])
        wanted = batch[rows, 3:6]
        gaussian = torch.distributions.Normal(means[member], (0.5 * log_variances[member]).exp())
        alone.append(-gaussian.log_prob(wanted).sum(1).mean())
    torch.testing.assert_close(whole, torch.stack(alone).mean())


def test_dreams_stay_near_what_was_seen(small_ensemble: EnsembleWorldModel) -> None:
    state = small_ensemble.begin(torch.full((4, 2), 1e6))
    with torch.no_grad():
        for _ in range(30):
            dreamt = small_ensemble.advance(state, torch.ones(4, 1))
            state = dreamt.state
    assert (dreamt.observations >= small_ensemble.bounds[0]).all()
    assert (dreamt.observations <= small_ensemble.bounds[1]).all()


class Killed(Exception):
    pass


def test_a_killed_fit_leaves_the_best_so_far(system: Any) -> None:
    experience = system.experience(10, 40, seed=0)
    model = EnsembleWorldModel(members=2, elites=1, hidden=(8,), fitting=GradientFitting(updates=1000, batch_size=64))
    losses: list[float] = []

    def die(epoch: FitEpoch) -> None:
        losses.append(epoch.validation["loss"])
        if epoch.number == 5:
            raise Killed

    with pytest.raises(Killed):
        model.fit(experience, progress=die)
    shorter = EnsembleWorldModel(members=2, elites=1, hidden=(8,), fitting=GradientFitting(updates=1000, batch_size=64))
    shorter.fit(experience, progress=lambda epoch: epoch.number < 1 + losses.index(min(losses)))
    for mine, other in zip(model.parameters(), shorter.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_learning_goes_on_from_what_was_learned(system: Any, seed: int, learned: Learned) -> None:
    model = EnsembleWorldModel(
        members=2, elites=1, hidden=(16,), fitting=GradientFitting(updates=60, batch_size=64, seed=seed)
    )
    experience = system.experience(20, 40, seed=seed)
    first = model.fit(experience)
    second = model.learn(experience)
    begun = first.epochs[0].validation["loss"]
    end, begun_again, end_again = (
        first.epochs[first.kept - 1].validation["loss"],
        second.epochs[0].validation["loss"],
        second.epochs[second.kept - 1].validation["loss"],
    )
    learned("first loss, as a share of the way back", (begun_again - end) / (begun - end), below=0.5, baseline=1.0)
    learned("last loss above that before", end_again - end, below=0.02, baseline=begun - end)


def test_new_terminations_are_learned_from_scratch(system: Any) -> None:
    model = EnsembleWorldModel(members=2, elites=1, hidden=(8,), fitting=GradientFitting(updates=5, batch_size=64))
    model.fit(system.experience(20, 10, seed=0))
    assert not model.learns_terminations
    model.learn(system.experience(20, 10, seed=0, termination_above=0.5))
    assert model.learns_terminations


def test_a_model_is_moved_before_it_is_fitted() -> None:
    model = EnsembleWorldModel(hidden=(4,)).to("meta").build(2, spaces.Box(-1, 1, (1,)), False)
    assert model.device.type == "meta"
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_bad_input(system: Any, small_ensemble: EnsembleWorldModel) -> None:
    with pytest.raises(InputError, match="no more than members"):
        EnsembleWorldModel(members=2, elites=3)
    with pytest.raises(InputError, match="has not been fitted"):
        EnsembleWorldModel().as_vec_env(4)
    other = system.experience(4, 10, seed=0)
    wide = torch.zeros(len(other), 3)
    with pytest.raises(InputError, match="another task"):
        small_ensemble.learn(replace(other, observations=wide, next_observations=wide))
    with pytest.raises(InputError, match=r"within 0 \.\. 1"):
        small_ensemble.disagreement_quantile(1.5)
