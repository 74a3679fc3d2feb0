"""A variational autoencoder of digits beside pythae's: held-out bounds after as many epochs, and the time of an epoch.

Both have the same layers, batches and epochs, and coins for pixels (decoder="bernoulli", pythae's "bce"). The bounds of
both are computed by the same code from the same noise. The peer is trained with the same step size, constant as it
comes, and along the same cosine; which step size is best may differ between them. Each row is written when it is
done, and a second call goes on with what is missing.

    python benchmarks/vae.py --out vae.csv
    python benchmarks/vae.py --out vae.csv --list
"""

import logging
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
import tyro
from resumable_csv import append_row, read_rows
from sklearn.datasets import load_digits
from torch import Tensor, nn

from genrl.autoencoders import VAE
from genrl.autoencoders.gaussians import log_normal, log_standard_normal
from genrl.errors import InputError
from genrl.nn import mlp
from genrl.training.fit import fit
from genrl.training.gradient_fitting import GradientFitting

FIELDS = ("measure", "library", "step_size", "seed", "epochs", "elbo", "importance", "milliseconds")
LATENTS, HIDDEN = 8, 128
BATCH = 128
HELD_OUT = 397
ELBO_DRAWS, IMPORTANCE_DRAWS = 64, 200

Codes = Callable[[Tensor], tuple[Tensor, Tensor]]
LogLikelihood = Callable[[Tensor, Tensor], Tensor]
Cell = tuple[str, str, float, int]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Held-out bounds in nats, and milliseconds of CPU time an epoch."""

    libraries: tuple[str, ...] = ("genrl", "pythae", "pythae_cosine")
    """Which."""
    step_sizes: tuple[float, ...] = (2e-3, 5e-3, 1e-2)
    """Of Adam."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of weights, batches and noise."""
    epochs: int = 100
    """Passes over 1,400 digits."""
    rounds: int = 20
    """Epochs of each in the interleaved timing."""
    out: Path = Path("vae.csv")
    """The table, of which only missing cells are computed."""
    list: bool = False
    """Only say which cells are missing."""


def digits() -> tuple[Tensor, Tensor]:
    """Flat rows to learn from, and held out, 0 to 1."""
    x = torch.from_numpy(load_digits().data / 16).float()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order[HELD_OUT:]], x[order[:HELD_OUT]]


def own(step_size: float, seed: int, epochs: int) -> VAE:
    """This package's, untrained."""
    torch.manual_seed(seed)
    updates = epochs * -(-len(digits()[0]) // BATCH)
    fitting = GradientFitting(
        updates=updates, batch_size=BATCH, learning_rate=step_size, validation=0, max_grad_norm=None, seed=seed
    )
    return VAE(LATENTS, decoder="bernoulli", hidden=(HIDDEN,), fitting=fitting)


def peer_trainer(step_size: float, seed: int, epochs: int, folder: str, *, cosine: bool) -> Any:
    """Pythae's model with layers of the same widths, in its trainer."""
    try:
        from pythae.data.datasets import BaseDataset
        from pythae.models import VAE as PeerVAE
        from pythae.models import VAEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from pythae.trainers import BaseTrainer, BaseTrainerConfig
    except ImportError:
        raise InputError("pythae is not installed: make bench-install") from None
    logging.getLogger("pythae").setLevel(logging.ERROR)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.layers = mlp([64, HIDDEN, 2 * LATENTS], activation="relu")

        def forward(self, x: Tensor) -> Any:
            mean, log_variance = self.layers(x).chunk(2, 1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.layers = mlp([LATENTS, HIDDEN, 64], activation="relu")

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.layers(z).sigmoid())

    torch.manual_seed(seed)
    settings = VAEConfig(input_dim=(64,), latent_dim=LATENTS, reconstruction_loss="bce")
    x = digits()[0]
    schedule = {"scheduler_cls": "CosineAnnealingLR", "scheduler_params": {"T_max": epochs}} if cosine else {}
    return BaseTrainer(
        model=PeerVAE(settings, Encoder(), Decoder()),
        train_dataset=BaseDataset(x, torch.zeros(len(x))),
        training_config=BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=step_size,
            seed=seed,
            no_cuda=True,
            **schedule,
        ),
    )


@torch.no_grad()
def bounds(codes: Codes, log_likelihood: LogLikelihood) -> tuple[float, float]:
    """Of the rows held out: the evidence lower bound, and the importance-weighted one, in nats."""
    x = digits()[1]
    mean, log_std = codes(x)
    generator = torch.Generator().manual_seed(1)
    weights, likelihoods = [], []
    for _ in range(IMPORTANCE_DRAWS):
        z = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
        likelihoods.append(log_likelihood(x, z))
        weights.append(likelihoods[-1] + log_standard_normal(z) - log_normal(z, mean, log_std).sum(1))
    elbo = torch.stack(weights[:ELBO_DRAWS]).mean()
    importance = (torch.stack(weights).logsumexp(0) - math.log(IMPORTANCE_DRAWS)).mean()
    return float(elbo), float(importance)


def trained(library: str, step_size: float, seed: int, epochs: int) -> tuple[float, float]:
    """The bounds after a whole training."""
    if library == "genrl":
        model = own(step_size, seed, epochs).fit(digits()[0])

        def own_codes(x: Tensor) -> tuple[Tensor, Tensor]:
            q = model._encoded(x, None)
            return q.mean, q.log_std  # type: ignore[attr-defined]

        return bounds(own_codes, lambda x, z: model.likelihood(z, None).log_prob(x))
    with tempfile.TemporaryDirectory() as folder:
        trainer = peer_trainer(step_size, seed, epochs, folder, cosine=library == "pythae_cosine")
        trainer.train()
    peer = trainer.model.eval()

    def peer_codes(x: Tensor) -> tuple[Tensor, Tensor]:
        found = peer.encoder(x)
        return found.embedding, 0.5 * found.log_covariance

    def peer_log_likelihood(x: Tensor, z: Tensor) -> Tensor:
        return -F.binary_cross_entropy(peer.decoder(z)["reconstruction"], x, reduction="none").sum(1)

    return bounds(peer_codes, peer_log_likelihood)


def epoch_times(rounds: int) -> dict[str, float]:
    """Milliseconds of CPU time an epoch, medians of interleaved ones; the peer's without what surrounds it."""
    x = digits()[0]
    model = own(2e-3, 0, rounds).build(64)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    taken: dict[str, list[float]] = {"genrl": [], "pythae": []}
    with tempfile.TemporaryDirectory() as folder:
        trainer = peer_trainer(2e-3, 0, rounds, folder, cosine=False)
        trainer.prepare_training()
        trainer.callback_handler.on_train_begin(training_config=trainer.training_config)
        for number in range(rounds + 2):
            began = time.process_time()
            fit(model, x, optimizer=optimizer, epochs=1, batch_size=BATCH, validation=0.0, seed=number)
            half = time.process_time()
            trainer.train_step(number + 1)
            ended = time.process_time()
            if number >= 2:
                taken["genrl"].append(1000 * (half - began))
                taken["pythae"].append(1000 * (ended - half))
    return {name: median(values) for name, values in taken.items()}


def missing(config: Config) -> list[Cell]:
    """What is still to be computed."""
    finished = {
        (row["measure"], row["library"], float(row["step_size"]), int(row["seed"]))
        for row in read_rows(config.out)
        if row["measure"] != "bounds" or int(row["epochs"]) == config.epochs
    }
    cells = [
        ("bounds", library, step_size, seed)
        for seed in config.seeds
        for step_size in config.step_sizes
        for library in config.libraries
    ]
    return [cell for cell in [*cells, ("epoch", "genrl", 2e-3, 0)] if cell not in finished]


def main(config: Config) -> None:
    """Compute or list what is missing."""
    torch.set_num_threads(1)
    for measure, library, step_size, seed in missing(config):
        if config.list:
            print(measure, library, step_size, seed)
            continue
        shared = {"measure": measure, "step_size": step_size, "seed": seed, "epochs": config.epochs}
        if measure == "bounds":
            elbo, importance = trained(library, step_size, seed, config.epochs)
            rows = [{**shared, "library": library, "elbo": round(elbo, 3), "importance": round(importance, 3)}]
        else:
            times = epoch_times(config.rounds)
            # The row by which the cell counts as done comes last.
            rows = [{**shared, "library": name, "milliseconds": round(times[name], 2)} for name in ("pythae", "genrl")]
        for row in rows:
            print(row, flush=True)
            append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config))
