"""A reward from a generative classifier of transitions into the learner's and the expert's."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.nn import Standardise
from genrl.protocols import Classifier
from genrl.rewards.following_density import DensityTraining
from genrl.rewards.inputs import InputParts, TransitionInputs, rows_of
from genrl.transitions import Transitions

__all__ = ["ClassifierReward"]

LEARNER, EXPERT = 0, 1


class ClassifierReward(nn.Module):
    """log p(expert | transition) - log p(learner | transition), by a classifier that is fitted anew at each update.

    The logit of a discriminator that is not trained but computed: with a Gaussian for each class, in closed form.

    Args:
        classifier: fitted from labelled rows, with the posterior of the class; such as `BayesClassifier`.
        parts: what of a transition it sees.
        training: `fitted_rows` of each side are drawn for an update, with `noise`.

    Raises:
        InputError: the model is no classifier.
    """

    unscaled: Literal[True] = True

    def __init__(
        self,
        classifier: GenerativeModel,
        *,
        parts: InputParts = "state-action",
        training: DensityTraining | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(classifier, Classifier):
            raise InputError(
                f"{type(classifier).__name__} does not tell classes apart: take genrl.bayes.BayesClassifier, or one "
                "density for each side with DensityRatioReward"
            )
        self.parts: InputParts = parts
        self.classifier = classifier
        self.training_config = training or DensityTraining()
        self.inputs: TransitionInputs | None = None

    def take_standardisers(self, observations: Standardise, actions: Standardise) -> None:
        """See transitions in these units from now on; the classifier's shape follows."""
        self.inputs = TransitionInputs(self.parts, observations, actions)
        self.classifier.build(self.inputs.out_features, 2)
        self.classifier.classes = (LEARNER, EXPERT)

    @torch.no_grad()
    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,) in nats."""
        rows = rows_of(self.inputs, transitions)
        assert isinstance(self.classifier, Classifier)
        log_posterior = self.classifier.log_posterior(rows)
        limit = self.training_config.limit * rows.shape[1]
        return (log_posterior[:, EXPERT] - log_posterior[:, LEARNER]).nan_to_num(nan=0.0).clamp(-limit, limit).float()

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Fit the classifier to as many rows of either side."""
        sides = [self._draw(rows_of(self.inputs, side)) for side in (learner, expert)]
        labels = torch.tensor([LEARNER, EXPERT]).repeat_interleave(self.training_config.fitted_rows)
        self.classifier.fit(torch.cat(sides), labels)
        logits = [self.reward(side) for side in (learner, expert)]
        return {
            "accuracy_learner": float((logits[LEARNER] < 0).float().mean()),
            "accuracy_expert": float((logits[EXPERT] > 0).float().mean()),
            "logit_learner": float(logits[LEARNER].mean()),
            "logit_expert": float(logits[EXPERT].mean()),
        }

    def _draw(self, rows: Tensor) -> Tensor:
        drawn = rows[torch.randint(len(rows), (self.training_config.fitted_rows,), device=rows.device)]
        return drawn + self.training_config.noise * torch.randn_like(drawn)
