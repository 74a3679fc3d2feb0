"""Every setting of GAIL; the defaults are the recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from genrl.errors import InputError
from genrl.policies import ActorCriticNetwork
from genrl.rewards import AdversarialTraining, Bottleneck

from .discriminator_reward import DiscriminatorConfig, ObjectiveName, RewardFormName
from .generative_choices import PolicyName, RewardName
from .learner_config import LearnerConfig
from .learners import PPOConfig, TRPOConfig
from .off_policy_learners import CrossQConfig, OffPolicyConfig, SACConfig, TD3Config, TQCConfig
from .warm_start import WarmStartConfig

__all__ = ["GAILConfig", "LearnerName", "Start"]

LearnerName = Literal["ppo", "trpo", "sac", "td3", "tqc", "crossq"]

Start = Literal["clone", "noise"]
"""What learning starts from: a clone of the demonstrations, or random weights and large noise."""

DISCRIMINATORS: tuple[RewardName, ...] = ("discriminator", "vail", "score")
"""The rewards that are trained against the learner; the others are densities."""


@dataclass(frozen=True, kw_only=True)
class GAILConfig:
    """Settings of GAIL; the defaults are the recipe that was measured to work.

    Raises:
        InputError: a number is out of its range, or a setting has no meaning beside another.
    """

    learner: LearnerName = "ppo"
    """The reinforcement learner."""
    objective: ObjectiveName = "gan"
    """What a discriminator is trained by: cross-entropy, least squares, Wasserstein or hinge."""
    reward: RewardName = "discriminator"
    """What pays: a discriminator, also one that is kept short of information (vail) or that denoises (score), densities
    of both sides (flow, gmm, bayes), or the expert's alone (density-flow, density-gmm, vae, sequence, pixel-cnn)."""
    policy: PolicyName = "gaussian"
    """What actions follow given the observation; mixture, flow, flow-matching and autoregressive need the learner ppo;
    vae, gan, vq, score and score-student can only be cloned (train_bc.py)."""
    reward_form: RewardFormName = "logit"
    """How the discriminator's logit pays: standardised (logit), as it is (airl), -log(1-D) (gail), log D, FAIRL."""
    reward_offset: float = 1.0
    """Mean of the standardised logit: what an average step is worth, beside an end; no other form has it."""
    reward_scale: float = 0.1
    """Of the standardised logit and its offset, so that values are of the order of 10; no other form has it."""
    absorbing: bool = False
    """Pay for what follows an early end, in an absorbing state; of a discriminator alone."""
    zero_demonstrations: bool = False
    """The control: the reward model is never updated, so demonstrations give the inputs' units and nothing else."""
    state_only: bool = False
    """The discriminator sees no actions, but states and their successors, or what `discriminator.inputs` names without
    actions: for demonstrations that have none."""
    bc_warm_start: bool = True
    """Start from a policy cloned from the demonstrations (with their actions, and PPO or TRPO)."""
    untrained_steps: int = 8192
    """Random steps whose statistics, with the demonstrations', standardise the inputs: one half of each where learning
    starts from noise, `warm_start.untrained_share` for a clone; 0 for the demonstrations alone."""
    time_limit: int | None = None
    """Steps after which an episode of training is cut short, so that starts are met more often; None is the task's
    own. Returns in the log are of such episodes, evaluations of whole ones."""
    network: ActorCriticNetwork = field(default_factory=ActorCriticNetwork)
    """Policy and value function."""
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    """The reward."""
    vail: Bottleneck = field(default_factory=Bottleneck)
    """The discriminator's bottleneck, if the reward is vail."""
    warm_start: WarmStartConfig = field(default_factory=WarmStartConfig)
    """The cloning, if there is any."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    """If the learner is PPO."""
    trpo: TRPOConfig = field(default_factory=TRPOConfig)
    """If the learner is TRPO."""
    sac: SACConfig = field(default_factory=SACConfig)
    """If the learner is SAC."""
    td3: TD3Config = field(default_factory=TD3Config)
    """If the learner is TD3."""
    tqc: TQCConfig = field(default_factory=TQCConfig)
    """If the learner is TQC."""
    crossq: CrossQConfig = field(default_factory=CrossQConfig)
    """If the learner is CrossQ."""

    def __post_init__(self) -> None:
        if not self.reward_scale > 0:
            raise InputError(f"reward_scale must be above 0, not {self.reward_scale}: below, it pays for the opposite")
        if self.untrained_steps < 0:
            raise InputError(f"untrained_steps must be 0 or more, not {self.untrained_steps}")
        if self.time_limit is not None and self.time_limit < 1:
            raise InputError(f"time_limit must be 1 or more, or None, not {self.time_limit}")
        own = self._given("reward_offset", "reward_scale")
        if own and self.reward_form != "logit":
            raise InputError(
                f"{own} of the standardised logit, and the reward form {self.reward_form} pays as it is: leave that "
                "out, or take the reward form logit"
            )
        own = self._given("absorbing", "objective", "reward_form")
        if own and self.reward not in DISCRIMINATORS:
            raise InputError(
                f"{own} of a discriminator, and the reward {self.reward} has none: leave that out, or take one of "
                f"{', '.join(DISCRIMINATORS)}"
            )

    def _given(self, *names: str) -> str:
        """Those that are not at their defaults, and a verb; empty if all are."""
        given = [name for name in names if getattr(self, name) != getattr(type(self), name)]
        return f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'}" if given else ""

    def settings(self, learner: LearnerName) -> LearnerConfig:
        """Those of one learner.

        Raises:
            InputError: they have a pace for the discriminator of their own, and `discriminator.training` was given.
        """
        configs: dict[LearnerName, LearnerConfig] = {
            "ppo": self.ppo,
            "trpo": self.trpo,
            "sac": self.sac,
            "td3": self.td3,
            "tqc": self.tqc,
            "crossq": self.crossq,
        }
        if isinstance(configs[learner], OffPolicyConfig) and self.discriminator.training != AdversarialTraining():
            raise InputError(
                f"discriminator.training is for ppo and trpo: beside {learner} the discriminator is trained as "
                f"{learner}.reward_training says"
            )
        return configs[learner]
