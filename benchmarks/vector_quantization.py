"""A quantised autoencoder of digits with this package's codebook, and with that of vector-quantize-pytorch.

Encoder, decoder, batches, steps, codebook size and code positions are the same; only what stands between encoder and
decoder differs. The peer comes as its constructor makes it, and with the k-means start and the dead-code threshold that
its manual recommends. Each row is written when it is done, and a second call goes on with what is missing.

    python benchmarks/vector_quantization.py --out vector_quantization.csv
    python benchmarks/vector_quantization.py --out vector_quantization.csv --list
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import tyro
from resumable_csv import append_row, read_rows
from sklearn.datasets import load_digits
from torch import Tensor, nn

from genrl.autoencoders import VQVAE
from genrl.autoencoders.vector_quantizer import Quantised, VectorQuantizer, perplexity
from genrl.errors import InputError
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

FIELDS = ("measure", "library", "size", "seed", "updates", "value", "perplexity")
HELD_OUT = 397
BATCH = 128
SPEED_SIZES = {128: (512, 8), 512: (2048, 32), 1024: (4096, 64)}
"""Vectors of a batch and their width, by codebook size."""

Cell = tuple[str, str, int, int]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Squared error at equal bits, and milliseconds of CPU time a batch."""

    sizes: tuple[int, ...] = (32, 128, 512)
    """Of the codebook; four positions a digit, so 20, 28 and 36 bits."""
    libraries: tuple[str, ...] = ("genrl", "peer", "peer_kmeans")
    """Which."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of weights, batches and restarts."""
    updates: int = 600
    """Gradient steps of 128 rows."""
    rounds: int = 15
    """Of the interleaved timing."""
    out: Path = Path("vector_quantization.csv")
    """The table, of which only missing cells are computed."""
    list: bool = False
    """Only say which cells are missing."""


class PeerQuantizer(nn.Module):
    """vector-quantize-pytorch's layer behind the interface of `VectorQuantizer`."""

    def __init__(self, size: int, width: int, **settings: Any) -> None:
        super().__init__()
        try:
            from vector_quantize_pytorch import VectorQuantize
        except ImportError:
            raise InputError("vector-quantize-pytorch is not installed: make bench-install") from None
        self.layer = VectorQuantize(dim=width, codebook_size=size, **settings)
        self.perplexity = self.used = torch.zeros(())

    def forward(self, x: Tensor) -> Quantised:
        """Quantise (rows, *grid, width)."""
        vectors, codes, loss = self.layer(x.flatten(1, -2))
        return Quantised(vectors.reshape(x.shape), codes.reshape(x.shape[:-1]), loss.sum())

    def codes(self, x: Tensor) -> Tensor:
        """The codes, from which nothing is learned."""
        training = self.layer.training
        self.layer.eval()
        codes: Tensor = self.layer(x.flatten(1, -2))[1].reshape(x.shape[:-1])
        self.layer.train(training)
        return codes

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors of codes."""
        vectors: Tensor = self.layer.get_codes_from_indices(codes.flatten(1))
        return vectors.reshape(*codes.shape, -1)


PEERS: dict[str, dict[str, Any]] = {"peer": {}, "peer_kmeans": {"kmeans_init": True, "threshold_ema_dead_code": 2}}


def digits() -> tuple[Tensor, Tensor]:
    """Images to learn from, and held out, 0 to 1."""
    x = torch.from_numpy(load_digits().images / 16).float()[:, None]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order[HELD_OUT:]], x[order[:HELD_OUT]]


def autoencoder(library: str, size: int) -> VQVAE:
    """Built for digits, with the codebook of that library."""
    hidden = (32, 32)
    if library == "genrl":
        return VQVAE(size, hidden=hidden).build((1, 8, 8))
    model = VQVAE(size, hidden=hidden, commitment=1.0).build((1, 8, 8))  # the peer's loss has its own weight
    model.quantizer = PeerQuantizer(size, model.code_width, **PEERS[library])  # type: ignore[assignment]
    return model


def restored(library: str, size: int, seed: int, updates: int) -> tuple[float, float]:
    """The squared error of digits held out, and the perplexity of their codes."""
    torch.manual_seed(seed)
    model = autoencoder(library, size)
    train, test = digits()
    model.units.measure_together(train)
    fit_by_gradient(model, train, None, GradientFitting(updates=updates, batch_size=BATCH, validation=0, seed=seed))
    with torch.no_grad():
        codes = model.codes(test)
        error = float((model.decode_codes(codes) - test).square().mean())
    return error, float(perplexity(codes.flatten().bincount(minlength=size).float()))


def milliseconds(size: int, rounds: int) -> dict[str, float]:
    """CPU time of a forward and a backward pass in training, medians of interleaved rounds."""
    vectors, width = SPEED_SIZES[size]
    torch.manual_seed(0)
    layers: dict[str, nn.Module] = {"genrl": VectorQuantizer(size, width)}
    layers |= {name: PeerQuantizer(size, width, **settings) for name, settings in PEERS.items()}
    taken: dict[str, list[float]] = {name: [] for name in layers}
    for number in range(rounds + 2):
        x = torch.randn(vectors // 4, 4, width, requires_grad=True)
        for name, layer in layers.items():
            seconds = _timed(lambda layer=layer, x=x: layer(x))  # type: ignore[misc]
            if number >= 2:
                taken[name].append(1000 * seconds)
    return {name: median(values) for name, values in taken.items()}


def _timed(quantise: Callable[[], Quantised]) -> float:
    began = time.process_time()
    found = quantise()
    (found.vectors.sum() + found.commitment).backward()
    return time.process_time() - began


def missing(config: Config) -> list[Cell]:
    """What is still to be computed."""
    finished = {
        (row["measure"], row["library"], int(row["size"]), int(row["seed"]))
        for row in read_rows(config.out)
        if row["measure"] != "mse" or int(row["updates"]) == config.updates
    }
    cells = [
        ("mse", library, size, seed) for size in config.sizes for seed in config.seeds for library in config.libraries
    ]
    cells += [("milliseconds", "genrl", size, 0) for size in SPEED_SIZES]
    return [cell for cell in cells if cell not in finished]


def main(config: Config) -> None:
    """Compute or list what is missing."""
    torch.set_num_threads(1)
    for measure, library, size, seed in missing(config):
        if config.list:
            print(measure, library, size, seed)
            continue
        shared = {"measure": measure, "size": size, "seed": seed, "updates": config.updates}
        if measure == "mse":
            error, codes = restored(library, size, seed, config.updates)
            rows = [{**shared, "library": library, "value": round(error, 5), "perplexity": round(codes, 1)}]
        else:
            times = milliseconds(size, config.rounds)
            # The row by which the cell counts as done comes last.
            rows = [
                {**shared, "library": name, "value": round(times[name], 3), "perplexity": ""}
                for name in reversed(times)
            ]
        for row in rows:
            print(row, flush=True)
            append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config))
