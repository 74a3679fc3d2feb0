"""Images in other poses on the command line: what is learned from, what a run leaves, what is refused."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from genrl.errors import InputError
from genrl.evaluation import posed
from genrl.gans import PoseGuidedGAN
from genrl.generative_model import GenerativeModel

THIN = ("hidden=[8]", "discriminator_hidden=[8]", "fitting.batch_size=32", "fitting.report_every=2")


def test_each_image_is_learned_from_in_several_poses(script: ModuleType) -> None:
    from posed_images import POSES, load_posed

    images = load_posed("digits", seed=0)
    count = len(images.source) // POSES
    assert torch.equal(images.source[:count], images.source[count : 2 * count])
    assert not torch.allclose(images.pose[:count], images.pose[count : 2 * count])
    again = posed(images.source_test.reshape(-1, *images.shape), images.pose_test).flatten(1)
    torch.testing.assert_close(images.target_test, again)


def test_a_run(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"model": "pose_guided_gan", "data": "digits", "updates": 4, "set": THIN}
    script.main(script.TrainConfig(log_folder=tmp_path, **settings))
    (run,) = tmp_path.iterdir()
    figures = json.loads((run / "evaluation.json").read_text())
    assert figures["unposed_error"] > 0.5
    assert figures["map_error"] > 0
    assert (run / "poses.png").stat().st_size > 5000
    assert isinstance(GenerativeModel.load(run / "model"), PoseGuidedGAN)
    assert "images in other poses" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "two_moons"}, "two_moons are no images"),
        ({"data": "digits", "target": "digits:moved"}, "leave --target out"),
    ],
)
def test_what_has_no_pose_is_refused(
    script: ModuleType, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        script.main(script.TrainConfig(model="pose_guided_gan", log_folder=tmp_path, **settings))
    assert not list(tmp_path.iterdir())
