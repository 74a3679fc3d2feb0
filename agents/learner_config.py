"""What GAIL asks of a reinforcement learner's settings, on-policy and off-policy alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork, check_action_density
from genrl.protocols import RewardModel
from genrl.rewards import AdversarialTraining
from genrl.transitions import Transitions

__all__ = ["LearnerConfig", "check_at_least", "check_weight"]


class LearnerConfig(ABC):
    """The settings of one learner of stable-baselines3, which build it and pay it by a reward model.

    Raises:
        InputError: a number is out of its range.
    """

    algorithm: ClassVar[Callable[..., BaseAlgorithm]]
    """The class of the learner."""
    run_steps: ClassVar[int] = 20_000_000
    """Environment steps of a run that is told nothing else: about an hour on two cores."""
    eval_freq: ClassVar[int] = 250_000
    """Environment steps between two of its evaluations: a few minutes at most."""
    checkpoint_seconds: ClassVar[float] = 60.0
    """Between two checkpoints of a run."""
    writes_log: ClassVar[bool] = False
    """Whether its callbacks write the lines of the log, so that stable-baselines3 should not."""

    gamma: float
    learning_rate: float

    def __post_init__(self) -> None:
        if not 0 < self.gamma <= 1:
            raise InputError(f"gamma must be above 0 and at most 1, not {self.gamma}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, not {self.learning_rate}")

    def build(
        self,
        env: VecEnv,
        standardise: Standardise,
        network: ActorCriticNetwork,
        reward_model: RewardModel,
        *,
        seed: int,
        device: str,
        action_density: GenerativeModel | None = None,
    ) -> Any:
        """The learner, an `algorithm` on `env`.

        Args:
            env: with observations that `standardise` takes.
            standardise: of the observations; policy and value functions share it.
            network: of an on-policy learner; the others state their own.
            reward_model: that will pay it, on `device`.
            seed: of networks, exploration and environments.
            device: "cpu", "cuda" or "auto".
            action_density: not fitted, which actions follow given the observation, in place of a Gaussian.

        Raises:
            InputError: it cannot act in the environment's action space, or by such a density.
        """
        policy_class, of_policy = self.policy(action_density, network)
        return type(self).algorithm(
            policy_class,
            env,
            gamma=self.gamma,
            learning_rate=self.learning_rate,
            policy_kwargs={**self.policy_kwargs(standardise, network), **of_policy},
            seed=seed,
            device=device,
            **self.arguments(env, reward_model),
        )

    def policy(
        self, action_density: GenerativeModel | None, network: ActorCriticNetwork
    ) -> tuple[str | type[BasePolicy], dict[str, Any]]:
        """The class of the policy, and keywords of its own.

        Raises:
            InputError: this learner cannot train a policy of such a density.
        """
        if action_density is not None:
            check_action_density(action_density)  # what no learner can train must not be sent on to PPO
            raise InputError(
                f"only PPO can train a policy whose actions follow a {type(action_density).__name__}, by its exact "
                f"log-probability; {type(self).__name__.removesuffix('Config')} needs a Gaussian one: take the learner "
                "ppo, or the policy gaussian"
            )
        return "MlpPolicy", {}

    @abstractmethod
    def policy_kwargs(self, standardise: Standardise, network: ActorCriticNetwork) -> dict[str, Any]:
        """Of the algorithm's "MlpPolicy"."""

    @abstractmethod
    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """The algorithm's own constructor keywords, beyond those that all of them take."""

    @abstractmethod
    def callbacks(self, reward_model: RewardModel, expert: Transitions, *, log_interval: int) -> list[BaseCallback]:
        """What trains the reward model on `expert` and pays the learner; to be passed to `learn`.

        Args:
            reward_model: learns, and pays.
            expert: the demonstrations' transitions.
            log_interval: iterations between two lines of the log, where a callback writes them.
        """

    @abstractmethod
    def describe(self, policy: BasePolicy, network: ActorCriticNetwork, env_id: str | None) -> dict[str, Any]:
        """The policy as `genrl.policies.load_policy` needs it beside the tensors."""

    def without_demonstrations(self) -> LearnerConfig:
        """These settings for a learner that must not see, or cannot use, what the expert did; only its reward may."""
        return self

    def discriminator_training(self, configured: AdversarialTraining) -> AdversarialTraining:
        """How the discriminator is trained beside this learner; as configured, unless it needs another pace."""
        return configured

    @property
    def statistics_momentum(self) -> float:
        """Weight of the newest statistics that standardise the reward (see `StandardisedReward`)."""
        return 1.0


def check_at_least(least: int, config: LearnerConfig, *names: str) -> None:
    """Refuse counts and sizes that are too small.

    Raises:
        InputError: one of the settings named is below `least`.
    """
    for name in names:
        if not getattr(config, name) >= least:
            raise InputError(f"{name} must be {least} or more, not {getattr(config, name)}")


def check_weight(config: LearnerConfig, *names: str) -> None:
    """Refuse weights of the newest in a moving average that are none.

    Raises:
        InputError: one of the settings named is not above 0 and at most 1.
    """
    for name in names:
        if not 0 < getattr(config, name) <= 1:
            raise InputError(f"{name} must be above 0 and at most 1, not {getattr(config, name)}")
