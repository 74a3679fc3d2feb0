"""The peer of the ensemble: mbrl-lib's Gaussian networks, trained by its own trainer, as a forecaster like ours."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.world_models import Experience
from genrl.world_models.dreamt import DreamState, Dreamt

__all__ = ["PeerEnsemble"]


def mbrl_models() -> Any:
    """The peer's modules.

    Raises:
        InputError: it is not installed.
    """
    try:
        import mbrl.models
        import mbrl.types
        import mbrl.util.replay_buffer
    except ImportError as error:
        raise InputError(f"mbrl-lib cannot be imported ({error}): run make bench-install") from error
    return mbrl


class PeerEnsemble:
    """`mbrl.models.GaussianMLP` of the shape of ours, inputs normalised, changes and rewards learned.

    Args:
        observations: columns.
        actions: columns.
        hidden: width of three hidden layers.
        members: networks.
        elites: of them.
        seed: of weights and batches.
    """

    device = torch.device("cpu")

    def __init__(self, observations: int, actions: int, *, hidden: int, members: int, elites: int, seed: int) -> None:
        self.mbrl, self.members, self.seed = mbrl_models(), members, seed
        torch.manual_seed(seed)
        network = self.mbrl.models.GaussianMLP(
            observations + actions,
            observations + 1,
            self.device,
            num_layers=3,
            ensemble_size=members,
            hid_size=hidden,
            propagation_method="fixed_model",
            learn_logvar_bounds=True,
            activation_fn_cfg={"_target_": "torch.nn.SiLU"},
        )
        self.model = self.mbrl.models.OneDTransitionRewardModel(
            network, target_is_delta=True, normalize=True, learned_rewards=True, num_elites=elites
        )

    def parameters(self) -> int:
        """How many."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def fit(self, trained: Experience, held_out: Experience, *, updates: int, batch_size: int, rate: float) -> None:
        """As `mbrl.models.ModelTrainer` does, for so many updates."""
        buffers = self.mbrl.util.replay_buffer
        self.model.update_normalizer(self._batch(trained))
        rng = np.random.default_rng(self.seed)
        draws = buffers.BootstrapIterator(
            self._batch(trained), batch_size, self.members, shuffle_each_epoch=True, permute_indices=False, rng=rng
        )
        judged = buffers.TransitionIterator(self._batch(held_out), batch_size, rng=rng)
        self.model.set_propagation_method(None)
        trainer = self.mbrl.models.ModelTrainer(self.model, optim_lr=rate)
        epochs = -(-updates // -(-len(trained) // batch_size))
        trainer.train(draws, judged, num_epochs=epochs, silent=True)
        self.model.set_propagation_method("fixed_model")

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """Each forecast with a member of its own; the number of rows must be a multiple of the elites."""
        return self.model.reset(observations, rng=generator or torch.Generator())

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each."""
        observations, rewards, _, following = self.model.sample(actions, state, rng=generator)
        return Dreamt(
            state=following,
            observations=observations,
            rewards=rewards[:, 0],
            termination_logits=None,
            disagreement=torch.zeros(len(observations)),
        )

    def _batch(self, experience: Experience) -> Any:
        rows = {name: tensor.numpy() for name, tensor in experience.to_tensors().items()}
        return self.mbrl.types.TransitionBatch(
            rows["observations"],
            rows["actions"],
            rows["next_observations"],
            rows["rewards"],
            rows["terminations"],
            rows["ends"] & ~rows["terminations"],
        )
