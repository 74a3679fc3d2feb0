"""Planners on disk: a folder without pickle, as everything else here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from pydantic import TypeAdapter

from genrl.errors import InputError
from genrl.generative_model import describe_model, rebuild_model
from genrl.planners.acting import Acting, InverseDynamics, PlannedActions, PositionControl
from genrl.planners.planner import RecedingHorizonPlanner
from genrl.planners.return_guide import ReturnGuide
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.planners.trajectory_model import TrajectoryModel
from genrl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

__all__ = ["load_planner", "save_planner"]

SETTINGS = ("horizon", "stride", "replan_every", "desired_return", "seed")


def save_planner(planner: RecedingHorizonPlanner, folder: Path | str, env_id: str | None = None) -> None:
    """Write `planner.json`, `sampler.json` and their tensors, atomically.

    A `ReturnGuide` is kept; any other guide is a function, and is not.

    Raises:
        InputError: the sampler or the way of acting is none of this package.
    """
    if not isinstance(planner.sampler, TrajectoryModel):
        raise InputError(f"a {type(planner.sampler).__name__} is not of this package: save it in your own way")
    document = {
        "env_id": env_id,
        "columns": asdict(planner.columns),
        "low": planner.action_space.low.tolist(),
        "high": planner.action_space.high.tolist(),
        "acting": _describe_acting(planner.acting),
        **{name: getattr(planner, name) for name in SETTINGS},
    }
    tensors = {"sampler": planner.sampler.state_dict()}
    if isinstance(planner.acting, InverseDynamics):
        tensors["acting"] = planner.acting.state_dict()
    if isinstance(planner.guide, ReturnGuide):
        document["guide"] = {"weight": planner.guide.weight, "hidden": planner.guide.hidden}
        tensors["guide"] = planner.guide.state_dict()
    write_checkpoint(
        Path(folder), tensors=tensors, documents={"planner": document, "sampler": describe_model(planner.sampler)}
    )


def load_planner(folder: Path | str) -> RecedingHorizonPlanner:
    """The planner that `save_planner` wrote.

    Raises:
        InputError: the folder holds none, or a damaged one.
    """
    saved = read_checkpoint(Path(folder))
    if "planner" not in saved.documents or "sampler" not in saved.tensors:
        raise InputError(f"{folder} holds no planner")
    document = saved.documents["planner"]
    sampler = rebuild_model(saved.documents["sampler"])
    if not isinstance(sampler, TrajectoryModel):
        raise InputError(f"{folder} holds a {type(sampler).__name__}, which draws no trajectories")
    try:
        sampler.load_state_dict(saved.tensors["sampler"])
        columns = TypeAdapter(TrajectoryColumns).validate_python(document["columns"])
        low, high = (np.array(document[bound], np.float32) for bound in ("low", "high"))
        return RecedingHorizonPlanner(
            sampler.eval(),
            columns,
            spaces.Box(low, high, dtype=np.float32),
            acting=_rebuild_acting(document["acting"], saved, columns.observations, len(low), document["stride"]),
            guide=_rebuild_guide(document, saved, columns),
            **{name: document[name] for name in SETTINGS},
        )
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"the planner in {folder} is damaged or of another version: {error}") from error


def _describe_acting(acting: Acting) -> dict[str, Any]:
    if isinstance(acting, PositionControl):
        return {"kind": "position", **asdict(acting)}
    if isinstance(acting, InverseDynamics):
        return {"kind": "inverse", "hidden": acting.hidden}
    if isinstance(acting, PlannedActions):
        return {"kind": "planned"}
    raise InputError(f"a {type(acting).__name__} is not of this package: save it in your own way")


def _rebuild_acting(
    document: dict[str, Any], saved: Checkpoint, observations: int, actions: int, stride: int
) -> Acting:
    settings = {name: value for name, value in document.items() if name != "kind"}
    if document["kind"] == "position":
        return TypeAdapter(PositionControl).validate_python(settings)
    if document["kind"] == "inverse":
        inverse = InverseDynamics(observations, actions, stride, hidden=tuple(settings["hidden"]))
        inverse.load_state_dict(saved.tensors["acting"])
        return inverse.eval()
    return PlannedActions()


def _rebuild_guide(document: dict[str, Any], saved: Checkpoint, columns: TrajectoryColumns) -> ReturnGuide | None:
    if "guide" not in document:
        return None
    settings = document["guide"]
    guide = ReturnGuide(
        columns, document["horizon"], weight=float(settings["weight"]), hidden=tuple(settings["hidden"])
    )
    guide.load_state_dict(saved.tensors["guide"])
    return guide.eval()
