"""Images and the same ones in other poses, for models that learn to move, turn and scale what they see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from generative_data import load_data
from resumable_fit import FitReport, resumable_fit
from torch import Tensor

from genrl.errors import InputError
from genrl.evaluation import map_error, posed
from genrl.evaluation.sample_figures import draw_images
from genrl.gans import PoseGuidedGAN
from genrl.training.run_directory import RunDirectory

__all__ = ["PosedImages", "draw_posed", "load_posed", "measure_posed", "train_posed"]

POSES = 8  # of each image to learn from
MIDDLE = torch.tensor([0.0, 0.0, 0.0, 1.0])
REACH = torch.tensor([0.15, 0.15, 0.6, 0.25])
"""To both sides of the middle: right and down in sides of the image, a turn in radians, a scale (`posed`)."""
SHOWN = 32


@dataclass(frozen=True, kw_only=True)
class PosedImages:
    """Flat images, poses drawn for them, and the images in these poses.

    Attributes:
        name: of the data.
        shape: (channels, height, width).
        source, pose, target: to learn from, each image in several poses.
        source_test, pose_test, target_test: held out, in one pose each.
    """

    name: str
    shape: tuple[int, int, int]
    source: Tensor
    pose: Tensor
    target: Tensor
    source_test: Tensor
    pose_test: Tensor
    target_test: Tensor


def load_posed(name: str, *, seed: int) -> PosedImages:
    """Images of that name, and poses of a uniform distribution.

    Raises:
        InputError: there are no such data, or they are no images.
    """
    data = load_data(name, seed=seed)
    if data.image_shape is None:
        raise InputError(f"{name} are no images, and have no pose: give --data digits")
    generator = torch.Generator().manual_seed(seed)
    sides: dict[str, Tensor] = {}
    for suffix, rows, copies in (("", data.train, POSES), ("_test", data.test, 1)):
        x = torch.from_numpy(rows).repeat(copies, 1)
        pose = MIDDLE + REACH * (2 * torch.rand(len(x), 4, generator=generator) - 1)
        target = posed(x.reshape(-1, *data.image_shape), pose).flatten(1)
        sides |= {f"source{suffix}": x, f"pose{suffix}": pose, f"target{suffix}": target}
    return PosedImages(name=data.name, shape=data.image_shape, **sides)


def train_posed(model: PoseGuidedGAN, images: PosedImages, directory: RunDirectory) -> FitReport[PoseGuidedGAN]:
    """Fit the model in its run directory, and show how far it is from the images meant; a signal ends it."""
    return resumable_fit(
        directory, lambda note: model.fit(images.source, images.target, context=images.pose, progress=note)
    )


@torch.no_grad()
def measure_posed(model: PoseGuidedGAN, images: PosedImages) -> dict[str, float]:
    """Errors on images held out, in deviations of what was meant: of those made, and of the images as they were."""
    made = model.repose(images.source_test, images.pose_test)
    return {
        "map_error": map_error(made, images.target_test),
        "unposed_error": map_error(images.source_test, images.target_test),
    }


@torch.no_grad()
def draw_posed(model: PoseGuidedGAN, images: PosedImages, path: Path) -> Path:
    """Images held out, the same in other poses as they should be, and as the model makes them."""
    source, pose = images.source_test[:SHOWN], images.pose_test[:SHOWN]
    panels = {"source": source, "as meant": images.target_test[:SHOWN], "as made": model.repose(source, pose)}
    return draw_images({name: x.reshape(-1, *images.shape)[:, 0].numpy() for name, x in panels.items()}, path)
