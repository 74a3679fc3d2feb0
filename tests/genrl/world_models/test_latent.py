from typing import Any

import pytest
import torch
from gymnasium import spaces

from genrl.errors import InputError
from genrl.protocols import WorldModel
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import LatentWorldModel
from genrl.world_models.latent import _steps, _windows
from genrl.world_models.losses import gaussian_kl, gaussian_nll


def small(**settings: Any) -> LatentWorldModel:
    torch.manual_seed(0)
    model = LatentWorldModel(remembered=8, drawn=2, hidden=8, window=3, **settings)
    return model.build(2, spaces.Box(-1, 1, (1,)), learns_terminations=True)


def test_windows_pair_each_observation_with_the_step_before_it(system: Any) -> None:
    experience = system.experience(1, 4, seed=0)
    windows = _windows(_steps(experience)[None], 2)
    assert windows.shape == (1, 5, 2 + 1 + 2)
    assert torch.equal(windows[0, :4, :2], experience.observations)
    assert torch.equal(windows[0, 4, :2], experience.next_observations[-1])
    assert torch.equal(windows[0, 1:, 2:3], experience.actions)
    assert torch.equal(windows[0, 1:, 3], experience.rewards)


def test_the_loss_is_the_bound_step_by_step() -> None:
    model = small(free_nats=0.0, kl_weight=1.0).eval()
    batch = torch.randn(5, 4, 2 + 1 + 2)
    batch[..., -1] = (batch[..., -1] > 0).float()
    torch.manual_seed(7)
    found = model.loss(batch)["negative_bound"]
    torch.manual_seed(7)
    h, z = torch.zeros(5, 8), torch.zeros(5, 2)
    total, ends = torch.zeros(()), torch.zeros(())
    for step in range(4):
        if step:
            h = model.cell.remember(h, z, batch[:, step, 2:3])
        prior = model.cell.prior(h)
        posterior = model.cell.posterior(h, model.encoder(batch[:, step, :2]))
        z = posterior[0] + posterior[1] * torch.randn(5, 2)
        mean, logits = model._decode(torch.cat([h, z], 1))
        assert logits is not None
        wanted = batch[:, step, [0, 1, 3]]
        columns = slice(0, 2) if step == 0 else slice(0, 3)
        nll = gaussian_nll(wanted[:, columns], mean[:, columns], torch.zeros(3)[columns])
        total = total + nll.mean() + gaussian_kl(*posterior, *prior).mean()
        if step:
            ends = ends - torch.distributions.Bernoulli(logits=logits).log_prob(batch[:, step, -1]).mean()
    torch.testing.assert_close(found, total / 4 + ends / 3)


def test_memory_is_of_use(system: Any, fitted: Any) -> None:
    model = fitted("latent")
    experience = system.experience(1, 5, seed=3)
    with torch.no_grad():
        state = model.begin_after(
            torch.cat([experience.observations, experience.next_observations[-1:]])[None], experience.actions[None]
        )
        fresh = model.begin(experience.next_observations[-1:])
    assert fresh["h"].abs().max() == 0
    assert state["h"].abs().max() > 0


def test_variances_follow_the_errors() -> None:
    model = small()
    for _ in range(400):
        model._keep_variances(torch.tensor([0.1, 2.0, 1e-9]).expand(12, 3))
    assert model.log_variances.exp().tolist() == pytest.approx([0.01, 4.0, 1e-4], rel=1e-3)


def test_short_episodes_shorten_the_window(system: Any) -> None:
    settings = GradientFitting(updates=4, batch_size=16)
    model = LatentWorldModel(remembered=8, drawn=2, hidden=8, window=12, fitting=settings)
    history = model.fit(system.experience(30, 4, seed=0))
    assert history.kept > 0
    assert isinstance(model, WorldModel)


@pytest.mark.parametrize("settings", [{"window": 0}, {"kl_balance": 2.0}, {"free_nats": -1.0}])
def test_bad_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="window must be 1 or more"):
        LatentWorldModel(**settings)
