"""A step size that keeps each update of PPO about as large as it should be."""

from __future__ import annotations

from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from genrl.errors import InputError

__all__ = ["AdaptiveLearningRate"]

FACTOR = 1.2
TOLERANCE = 1.5


class AdaptiveLearningRate(BaseCallback):
    """Raises or lowers PPO's learning rate after an update that moved the policy too little or too much.

    A policy that has become sure of itself moves further, in KL divergence, by the same step of Adam: the step that
    suits the first rollouts is far too large for the last ones. The rule is that of the adaptive KL penalty
    (Schulman et al. 2017, section 4), applied to the step size.

    The rate lives in the optimiser, and so is in every checkpoint. Put this callback before one that saves between
    two rollouts.

    Args:
        desired_kl: KL divergence of an update, as PPO measures it in its last epoch, in nats.
        bounds: least and largest learning rate.

    Raises:
        InputError: `desired_kl` is not positive.
    """

    def __init__(self, desired_kl: float, *, bounds: tuple[float, float] = (1e-5, 2e-3)) -> None:
        super().__init__()
        if not desired_kl > 0:
            raise InputError(f"desired_kl must be above 0, not {desired_kl}")
        self.desired_kl = desired_kl
        self.bounds = bounds

    def _on_training_start(self) -> None:
        assert isinstance(self.model, PPO)
        self._seen_updates = self.model._n_updates
        self._set(self._rate)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._adapt()

    def _on_training_end(self) -> None:
        self._adapt()  # before the last checkpoint, which a longer run goes on from

    def _adapt(self) -> None:
        assert isinstance(self.model, PPO)
        kl = self.logger.name_to_value.get("train/approx_kl")
        if kl is None or self.model._n_updates == self._seen_updates:  # no update since
            return
        self._seen_updates = self.model._n_updates
        least, most = self.bounds
        if kl > TOLERANCE * self.desired_kl:
            self._set(max(least, self._rate / FACTOR))
        elif kl < self.desired_kl / TOLERANCE:
            self._set(min(most, self._rate * FACTOR))

    @property
    def _rate(self) -> float:
        return float(self.model.policy.optimizer.param_groups[0]["lr"])

    def _set(self, rate: float) -> None:
        assert isinstance(self.model, PPO)
        for group in self.model.policy.optimizer.param_groups:
            group["lr"] = rate
        # PPO asks its schedule before each update and would put back the rate that it was built with.
        self.model.lr_schedule = lambda _: rate
