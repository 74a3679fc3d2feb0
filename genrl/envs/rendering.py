"""Pictures of the simulations, by Gymnasium's own renderer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer
from numpy.typing import NDArray

__all__ = ["Rendering"]


@dataclass(kw_only=True)
class Rendering:
    """A camera, with Gymnasium's keywords; it is set up at the first picture.

    Without a screen, the environment variable `MUJOCO_GL=egl` must be set before `mujoco` is imported.
    """

    camera: Mapping[str, Any]
    """Where the camera stands unless a camera of the model is named."""
    width: int = 480
    """Pixels across."""
    height: int = 480
    """Pixels down."""
    camera_id: int | None = None
    """A camera of the model, by number."""
    camera_name: str | None = None
    """A camera of the model, by name."""
    max_geom: int = 1000
    """How many shapes are drawn at most."""
    visual_options: Mapping[int, bool] | None = None
    """MuJoCo's rendering flags."""
    _renderer: MujocoRenderer | None = field(default=None, init=False, repr=False)

    def picture(self, model: mujoco.MjModel, data: mujoco.MjData) -> NDArray[np.uint8]:
        """Draw one simulation, (height, width, 3). All calls must show the same `data` object."""
        if self._renderer is None:
            view = model.vis.global_
            view.offwidth = max(view.offwidth, self.width)
            view.offheight = max(view.offheight, self.height)
            self._renderer = MujocoRenderer(
                model,
                data,
                dict(self.camera),
                self.width,
                self.height,
                self.max_geom,
                self.camera_id,
                self.camera_name,
                None if self.visual_options is None else dict(self.visual_options),
            )
        return self._renderer.render("rgb_array")

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
