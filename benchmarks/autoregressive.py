"""Autoregressive models: bits per pixel of digits beside every density family, and the time that samples take.

Quality: each model at its defaults learns 1,438 of scikit-learn's digits and scores the other 359. Models of integers
see the 17 levels; densities see them dequantised, which bounds their bits from above (Theis et al. 2016).

Speed: images of 28 x 28 binary pixels by networks with random weights, once with kept activations and once with a full
pass for each pixel; and by pythae's PixelCNN with a full pass for each pixel, as its sampler does. Of the full passes,
which all cost the same, a few are timed. Times are of the process's CPU, so that other programs count little.

Each row is written when it is done, and a second call goes on with what is missing.

    python benchmarks/autoregressive.py --out autoregressive.csv
    python benchmarks/autoregressive.py --out autoregressive.csv --list
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from resumable_csv import append_row, read_rows
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from families import find_model, make_model
from generative_data import load_data
from train_generative import shaped

from genrl.autoregressive import GatedPixelCNN, PixelCNN, Recurrent, SequenceModel, Transformer
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.errors import InputError
from genrl.evaluation import density_report

FIELDS = ("measure", "model", "seed", "updates", "images", "bits", "parameters", "kept", "passes", "seconds")
SIDE = 28
TIMED_PASSES = 8
TIMED_SAMPLES = 5
DIGITS = (
    "gated_pixel_cnn",
    "pixel_cnn",
    "pixel_rnn",
    "gaussian_mixture",
    "variational_gaussian_mixture",
    "mixture_density_network",
    "planar",
    "radial",
    "real_nvp",
    "masked_autoregressive",
    "inverse_autoregressive",
    "neural_spline",
    "glow",
    "continuous",
    "vae",
    "score",
)

Cell = tuple[str, str, int, int]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Bits per pixel of digits, and seconds of CPU time for samples."""

    digits: tuple[str, ...] = DIGITS
    """Models whose bits are measured, any of `families`."""
    samplers: tuple[str, ...] = ("gated_pixel_cnn", "pixel_cnn", "sequence_gru", "sequence_transformer", "pythae")
    """Samplers that are timed."""
    seeds: tuple[int, ...] = (0,)
    """Of weights and batches."""
    images: tuple[int, ...] = (1, 16)
    """Drawn at once."""
    updates: int | None = None
    """Gradient steps; by default each model's own number."""
    out: Path = Path("autoregressive.csv")
    """The table, of which only missing cells are computed."""
    list: bool = False
    """Only say which cells are missing."""


def bits(config: Config, name: str, seed: int) -> dict[str, object]:
    """Fit a model to digits and score those held out; the rows that are held out are always the same."""
    kind = find_model(name)
    data = shaped(load_data("digits"), make_model(kind))
    torch.manual_seed(seed)
    model = make_model(kind, updates=config.updates, seed=seed)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(data.train)
    seconds = time.process_time() - start
    report = density_report(model.eval(), data.test, levels=data.levels)
    return {"bits": round(report.bits_per_dim, 4), "parameters": _size(model), "seconds": round(seconds, 1)}


def speed(name: str, images: int) -> dict[str, object]:
    """Seconds for so many images, with kept activations and with full passes."""
    torch.manual_seed(0)
    if name == "pythae":
        network = _pythae()
        x = torch.zeros(images, 1, SIDE, SIDE)
        passes = _seconds(lambda: _pythae_pass(network, x), TIMED_PASSES) * SIDE**2
        return {"passes": round(passes, 3), "parameters": _size(network)}
    model = _samplers()[name]()
    model.build(SIDE**2 if isinstance(model, SequenceModel) else (1, SIDE, SIDE)).eval()
    values = torch.zeros(images, SIDE**2)
    passes = _seconds(lambda: model.network(values, None), TIMED_PASSES) * SIDE**2
    kept = _seconds(lambda: model.sample(images), TIMED_SAMPLES)
    return {"kept": round(kept, 3), "passes": round(passes, 3), "parameters": _size(model)}


def _samplers() -> dict[str, Callable[[], AutoregressiveModel]]:
    return {
        "gated_pixel_cnn": lambda: GatedPixelCNN(levels=2),
        "pixel_cnn": lambda: PixelCNN(levels=2),
        "sequence_gru": lambda: SequenceModel(levels=2, core=Recurrent()),
        "sequence_transformer": lambda: SequenceModel(levels=2, core=Transformer()),
    }


def _pythae() -> nn.Module:
    """Pythae's PixelCNN, of about as many weights as this package's at its defaults."""
    try:
        from pythae.models.normalizing_flows import PixelCNN as Peer
        from pythae.models.normalizing_flows import PixelCNNConfig
    except ImportError:
        raise InputError("pythae is not installed: make bench-install") from None
    settings = PixelCNNConfig(input_dim=(1, SIDE, SIDE), n_embeddings=2, n_layers=3, kernel_size=3)
    network: nn.Module = Peer(settings).eval()
    return network


def _pythae_pass(network: nn.Module, x: Tensor) -> None:
    """What pythae's sampler does for one pixel."""
    out = network({"data": x}).out.squeeze(2)
    x[:, :, 0, 0] = torch.multinomial(out[:, :, 0, 0].softmax(-1), 1)


def _seconds(work: Callable[[], Any], times: int) -> float:
    """Of one call, after a first one."""
    with torch.no_grad():
        work()
        start = time.process_time()
        for _ in range(times):
            work()
    return (time.process_time() - start) / times


def _size(model: nn.Module) -> int:
    """Weights that are not masked away."""
    hidden = sum(mask.numel() - int(mask.sum()) for name, mask in model.named_buffers() if name.endswith("mask"))
    return sum(each.numel() for each in model.parameters()) - hidden


def cells(config: Config) -> list[Cell]:
    """All that are asked for: measure, model, seed, images."""
    timed = [("speed", name, 0, images) for name in config.samplers for images in config.images]
    return timed + [("digits", name, seed, 0) for seed in config.seeds for name in config.digits]


def missing(config: Config) -> list[Cell]:
    """What is still to be computed."""
    done = {
        (row["measure"], row["model"], int(row["seed"]), int(row["images"]))
        for row in read_rows(config.out)
        if row["measure"] == "speed" or row["updates"] == str(config.updates or "")
    }
    return [cell for cell in cells(config) if cell not in done]


def main(config: Config) -> None:
    """Compute or list what is missing."""
    torch.set_num_threads(1)
    for measure, name, seed, images in missing(config):
        if config.list:
            print(measure, name, seed, images)
            continue
        found = speed(name, images) if measure == "speed" else bits(config, name, seed)
        updates = (config.updates or "") if measure == "digits" else ""
        row = {"measure": measure, "model": name, "seed": seed, "updates": updates, "images": images, **found}
        print(row, flush=True)
        append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config))
