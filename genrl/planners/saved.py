"""Planners on disk: a folder without pickle, as everything else here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, FiniteFloat

from genrl.envs.saved_space import rebuild_box
from genrl.errors import InputError
from genrl.generative_model import describe_model, restore_model
from genrl.planners.acting import Acting, InverseDynamics, PlannedActions, PositionControl
from genrl.planners.planner import RecedingHorizonPlanner
from genrl.planners.return_guide import ReturnGuide
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.planners.trajectory_model import TrajectoryModel
from genrl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from genrl.training.reading import load_tensors, reading, shorten, validate

__all__ = ["load_planner", "save_planner"]

SETTINGS: dict[str, Any] = {
    "horizon": int,
    "stride": int,
    "replan_every": int,
    "desired_return": FiniteFloat | None,
    "seed": Annotated[int, Field(ge=0, lt=2**32)],
}


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
    document, source = saved.documents["planner"], f"the planner in {folder}"
    with reading(source, saved.tensors.values()):
        sampler = restore_model(saved.documents["sampler"], saved.tensors["sampler"], source)
        if not isinstance(sampler, TrajectoryModel):
            raise InputError(f"{folder} holds a {type(sampler).__name__}, which draws no trajectories")
        columns: TrajectoryColumns = validate(TrajectoryColumns, document["columns"], source, "columns")
        settings = {name: validate(kind, document[name], source, name) for name, kind in SETTINGS.items()}
        longest, drawn = sampler.require_built()
        if settings["horizon"] > longest or columns.count != drawn:
            raise InputError(f"{source}: the sampler draws {longest} rows of {drawn} columns, which are other plans")
        if not all(0 <= column < columns.observations for column in columns.goal):
            raise InputError(f"{source}: the goal must be columns of the observation")
        space = rebuild_box(document["low"], document["high"])
        return RecedingHorizonPlanner(
            sampler,
            columns,
            space,
            acting=_rebuild_acting(document["acting"], saved, columns.observations, len(space.low), settings["stride"]),
            guide=_rebuild_guide(document, saved, columns),
            **settings,
        )


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
        control: PositionControl = validate(PositionControl, settings, "the planner", "acting")
        if not all(0 <= column < observations for column in (*control.positions, *control.velocities)):
            raise InputError("the planner's positions and velocities must be columns of the observation")
        return control
    if document["kind"] == "inverse":
        inverse = InverseDynamics(observations, actions, stride, hidden=tuple(settings["hidden"]))
        load_tensors(inverse, saved.tensors["acting"], "the planner's inverse dynamics")
        return inverse.eval()
    if document["kind"] != "planned":
        raise InputError(f"the planner acts in an unknown way, {shorten(document['kind'])}")
    return PlannedActions()


def _rebuild_guide(document: dict[str, Any], saved: Checkpoint, columns: TrajectoryColumns) -> ReturnGuide | None:
    if "guide" not in document:
        return None
    settings = document["guide"]
    guide = ReturnGuide(
        columns, document["horizon"], weight=float(settings["weight"]), hidden=tuple(settings["hidden"])
    )
    load_tensors(guide, saved.tensors["guide"], "the planner's guide")
    return guide.eval()
