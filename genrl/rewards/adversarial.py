"""A discriminator as reward: trained against the learner, paid out through a reward form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genrl.errors import InputError, NotFiniteError
from genrl.gans.losses import DiscriminatorLoss, bernoulli_entropy
from genrl.gans.penalties import GradientPenalty
from genrl.rewards.discriminator import Discriminator
from genrl.rewards.forms import RewardForm
from genrl.rewards.replay import TransitionReplay
from genrl.rewards.score_discriminator import ScoreDiscriminator
from genrl.rewards.variational_discriminator import VariationalDiscriminator
from genrl.transitions import Transitions

__all__ = ["AdversarialReward", "AdversarialTraining"]


@dataclass(frozen=True, kw_only=True)
class AdversarialTraining:
    """How a discriminator is trained.

    Raises:
        InputError: a number is out of its range.
    """

    learning_rate: float = 2e-3
    """Adam's step size."""
    steps: int = 8
    """Gradient steps an update."""
    batch_size: int = 512
    """Rows of each side in a step."""
    penalty_weight: float = 0.3
    """Weight of the gradient penalty; 0 leaves it out."""
    entropy_weight: float = 0.0
    """Weight of the entropy bonus, which keeps D unsure; the 2016 paper has 0.001."""
    weight_decay: float = 0.0
    """Decoupled decay of the weights (AdamW)."""
    label_smoothing: float = 0.0
    """The expert's target is 1 - label_smoothing; below one half, where it would turn round."""
    mixup: float = 0.0
    """Parameter alpha of Mixup's Beta(alpha, alpha); 0 leaves it out."""
    replay_size: int = 0
    """Past transitions of the learner kept as further negatives; 0 shows only the newest rollout."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1:
            raise InputError(f"steps and batch_size must be 1 or more, not {self.steps} and {self.batch_size}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, not {self.learning_rate}")
        if not 0 <= self.label_smoothing < 0.5:
            raise InputError(f"label_smoothing must be at least 0 and below 0.5, not {self.label_smoothing}")
        for name in ("penalty_weight", "entropy_weight", "weight_decay", "mixup", "replay_size"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must be 0 or more, not {getattr(self, name)}")


class AdversarialReward(nn.Module):
    """The reward of generative adversarial imitation learning (Ho & Ermon 2016, algorithm 1).

    Args:
        discriminator: trained in place; a `VariationalDiscriminator` makes it VAIL (Peng et al. 2019), a
            `ScoreDiscriminator` DiffAIL (Wang et al. 2024).
        loss: objective of the discriminator, one of `genrl.gans.losses`.
        penalty: on its input gradient, one of `genrl.gans.penalties`.
        form: how a logit is paid out, one of `genrl.rewards.forms`.
        training: numbers of the optimisation.
    """

    def __init__(
        self,
        discriminator: Discriminator | VariationalDiscriminator | ScoreDiscriminator,
        *,
        loss: DiscriminatorLoss,
        penalty: GradientPenalty,
        form: RewardForm,
        training: AdversarialTraining,
    ) -> None:
        super().__init__()
        # In training mode spectral norm would take a power iteration whenever a reward is asked for, and change it.
        self.discriminator = discriminator.eval()
        self.training_config = training
        self._loss = loss
        self._penalty = penalty
        self._form = form
        inputs = discriminator.inputs
        self.replay = TransitionReplay(
            training.replay_size, inputs.observations.in_features, inputs.actions.in_features
        )
        self.optimizer = torch.optim.AdamW(
            discriminator.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
        )

    @torch.no_grad()
    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,) the form's value of each logit, with the discriminator as it is now."""
        return self._form(self.discriminator(transitions))

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Take the configured number of gradient steps on random batches of both sides.

        Returns:
            Means over the steps: loss, accuracy on each side, entropy, gradient penalty, mean logits, and what else
            the discriminator reports.
        """
        batch_size = self.training_config.batch_size
        negatives = self.replay.extend(learner)
        sums: dict[str, float] = {}
        steps = self.training_config.steps
        self.discriminator.train()
        for _ in range(steps):
            metrics = self._step(_draw(expert, batch_size), _draw(negatives, batch_size))
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value / steps
        self.discriminator.eval()
        return sums

    def _step(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        config = self.training_config
        with torch.no_grad():  # statistics are fixed, so the inputs carry no gradient
            real, fake = self.discriminator.inputs(expert), self.discriminator.inputs(learner)
        rows = torch.cat([real, fake])
        targets = torch.cat([real.new_full((len(real),), 1 - config.label_smoothing), fake.new_zeros(len(fake))])
        mixed_rows, mixed_targets = _mixup(rows, targets, config.mixup) if config.mixup > 0 else (rows, targets)

        judged = self.discriminator.judge(mixed_rows)
        logits = judged.logits
        classification = self._loss(logits, mixed_targets)
        entropy = bernoulli_entropy(logits)
        penalty = logits.new_zeros(())
        if config.penalty_weight > 0:
            penalty = self._penalty(self.discriminator.logits_of_inputs, real, fake)
        loss = classification - config.entropy_weight * entropy + config.penalty_weight * penalty + judged.cost
        if not loss.isfinite():
            raise NotFiniteError(
                f"the loss of the discriminator is {loss.item()} (classification {classification.item():.3g}, gradient "
                f"penalty {penalty.item():.3g}): a smaller learning rate of it often helps"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.discriminator.after_step(judged)

        if config.mixup > 0:
            with torch.no_grad():
                logits = self.discriminator.logits_of_inputs(rows)
        of_expert, of_learner = logits.detach().split([len(real), len(fake)])
        return {
            "loss": classification.item(),
            "accuracy_expert": (of_expert > 0).float().mean().item(),
            "accuracy_learner": (of_learner < 0).float().mean().item(),
            "entropy": entropy.item(),
            "gradient_penalty": penalty.item(),
            "logit_expert": of_expert.mean().item(),
            "logit_learner": of_learner.mean().item(),
            **judged.metrics,
        }


def _draw(transitions: Transitions, batch_size: int) -> Transitions:
    return transitions[torch.randint(len(transitions), (batch_size,), device=transitions.observations.device)]


def _mixup(rows: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Convex combinations of pairs of rows and of their targets (Zhang et al. 2018, section 1)."""
    concentration = rows.new_tensor(alpha)
    share = torch.distributions.Beta(concentration, concentration).sample((len(rows),))
    partner = torch.randperm(len(rows), device=rows.device)
    mixed_rows = share[:, None] * rows + (1 - share[:, None]) * rows[partner]
    return mixed_rows, share * targets + (1 - share) * targets[partner]
