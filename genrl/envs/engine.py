"""The engine room of the simulator: many MuJoCo simulations of one model, stepped together on C threads.

It speaks to MuJoCo's C batch directly because the Python class `mujoco.batch.Batch` cannot run
`mj_rnePostConstraint` after a step, without which contact forces are not those of Gymnasium.
"""

import ctypes
import functools
import os
import weakref
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from genrl.errors import InputError

__all__ = ["Engine"]

_STAGE_NONE = int(mujoco.mjtStage.mjSTAGE_NONE)
_STAGE_ALL = int(mujoco.mjtStage.mjSTAGE_ACC)


class _Config(ctypes.Structure):
    _fields_ = (("nthread", ctypes.c_int), ("persistent", ctypes.c_ubyte))


class Engine:
    """A fixed number of simulations of one model, bit-identical to a loop over `mujoco.MjData`.

    Every array below is live: it shows the present after each call and is not to be kept without a copy.
    Derived fields describe the last substep's start, one substep behind `qpos`, as they do after `mj_step`.

    Attributes:
        model: the model that all simulations share.
        qpos: generalised positions, (num_sims, nq), a view of `state`.
        qvel: generalised velocities, (num_sims, nv), a view of `state`.
        ctrl: actuator controls, (num_sims, nu), a view of `state`.
        derived: the fields of `mujoco.MjData` asked for, each (num_sims, ...), read-only.
    """

    def __init__(self, model: mujoco.MjModel, num_sims: int, num_threads: int, derived: Sequence[str] = ()) -> None:
        """Allocate the simulations, at the model's default state.

        Args:
            model: the model; the batch keeps a copy of its own.
            num_sims: how many simulations.
            num_threads: how many threads step them, the caller's own among them.
            derived: names of `mujoco.MjData` fields to read after each call. `cfrc_ext` among them
                adds `mj_rnePostConstraint` to every step, as Gymnasium does.

        Raises:
            RuntimeError: MuJoCo cannot allocate the simulations.
        """
        self.model = model
        self.num_sims = num_sims
        self._lib = _library()
        self._contact_forces = "cfrc_ext" in derived
        # Contact forces are computed by a second pass over what the step left behind, so each simulation
        # then needs an MjData of its own; otherwise one a thread is enough, and kinder to the cache.
        config = _Config(nthread=num_threads, persistent=self._contact_forces)
        message = ctypes.create_string_buffer(1000)
        batch = self._lib.mjb_makeBatch(
            ctypes.c_void_p(model._address), num_sims, ctypes.byref(config), message, len(message)
        )
        if not batch:
            raise RuntimeError(f"MuJoCo could not allocate {num_sims} simulations: {message.value.decode()}")
        self._batch = batch
        self.close = weakref.finalize(self, _delete, self._lib, batch, os.getpid())
        self._data = mujoco.MjData(model)
        self._state = _view(self._lib.mjb_state(self._batch), (num_sims, self._lib.mjb_nstate(self._batch)))
        self.qpos = self._component(mujoco.mjtState.mjSTATE_QPOS)
        self.qvel = self._component(mujoco.mjtState.mjSTATE_QVEL)
        self.ctrl = self._component(mujoco.mjtState.mjSTATE_CTRL)
        self.derived = {name: self._output(name) for name in derived}

    @property
    def state(self) -> NDArray[np.float64]:
        """All that the next step depends on, (num_sims, size); writing to it moves the simulations."""
        self._require_open()
        return self._state

    def _require_open(self) -> None:
        # MuJoCo would follow a pointer to freed memory without a word.
        if not self.close.alive:
            raise InputError("this simulator is closed; make a new one")

    def step(self, ctrl: NDArray[np.floating], num_substeps: int) -> None:
        """Apply one row of controls to each simulation, (num_sims, nu), for `num_substeps` substeps."""
        self._require_open()
        self.ctrl[:] = ctrl
        self._check(self._lib.mjb_step(self._batch, None, self.num_sims, num_substeps, _STAGE_NONE))
        if self._contact_forces:
            # The C function is handed over as it is: it ignores the two trailing arguments of a callback.
            function = self._lib.mj_rnePostConstraint
            self._check(self._lib.mjb_apply(self._batch, None, self.num_sims, function, None, 0))
            # Computes nothing; it is what copies the forces out.
            self._check(self._lib.mjb_forward(self._batch, None, self.num_sims, _STAGE_NONE))

    def reset(self, ids: NDArray[np.int32], qpos: NDArray[np.float64], qvel: NDArray[np.float64]) -> None:
        """Put simulations `ids` at the given positions and velocities, as new ones; then run `mj_forward`."""
        self._require_open()
        pointer = ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int))
        self._check(self._lib.mjb_reset(self._batch, pointer, len(ids), None, _STAGE_NONE))
        self.qpos[ids] = qpos
        self.qvel[ids] = qvel
        self._check(self._lib.mjb_forward(self._batch, pointer, len(ids), _STAGE_ALL))

    def data(self, sim: int) -> mujoco.MjData:
        """Simulation `sim` as a `mujoco.MjData`, to render it; the next call overwrites it."""
        self._require_open()
        self._lib.mjb_getData(self._batch, sim, ctypes.c_void_p(self._data._address))
        if not self._contact_forces:
            mujoco.mj_forward(self.model, self._data)
        return self._data

    def _check(self, num_failed: int) -> None:
        if num_failed:
            status = _view(self._lib.mjb_status(self._batch), (self.num_sims,), ctypes.c_int)
            sim = int(np.flatnonzero(status)[0])
            message = self._lib.mjb_error(self._batch, sim).decode()
            raise RuntimeError(f"MuJoCo failed in {num_failed} simulations, first in {sim}: {message}")

    def _component(self, component: int) -> NDArray[np.float64]:
        size = ctypes.c_int()
        first = self._lib.mjb_stateComponent(self._batch, int(component), ctypes.byref(size))
        offset = (first - self._state.ctypes.data) // self._state.itemsize
        return self._state[:, offset : offset + size.value]

    def _output(self, name: str) -> NDArray[np.float64]:
        pointer = self._lib.mjb_output(self._batch, name.encode(), None, None)
        output = _view(pointer, (self.num_sims, *getattr(self._data, name).shape))
        output.flags.writeable = False
        return output


def _view(
    pointer: int, shape: tuple[int, ...], ctype: type[ctypes._SimpleCData] = ctypes.c_double
) -> NDArray[np.float64]:
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctype)), shape)


def _delete(library: ctypes.CDLL, batch: int, owner: int) -> None:
    # A forked child inherits the memory but not the threads; waiting for them would never end.
    if os.getpid() == owner:
        library.mjb_deleteBatch(batch)


@functools.cache
def _library() -> ctypes.CDLL:
    folder = Path(mujoco.__file__).parent
    paths = [*folder.glob("libmujoco*"), *folder.glob("mujoco.dll")]
    library = ctypes.CDLL(str(paths[0]) if paths else None)
    if not hasattr(library, "mjb_makeBatch"):
        raise InputError(f"mujoco {mujoco.__version__} has no batched simulation; install mujoco>=4.0")
    integer, pointer = ctypes.c_int, ctypes.c_void_p
    signatures = {
        "mjb_makeBatch": (pointer, [pointer, integer, pointer, ctypes.c_char_p, integer]),
        "mjb_deleteBatch": (None, [pointer]),
        "mjb_nstate": (integer, [pointer]),
        "mjb_state": (pointer, [pointer]),
        "mjb_stateComponent": (pointer, [pointer, integer, pointer]),
        "mjb_output": (pointer, [pointer, ctypes.c_char_p, pointer, pointer]),
        "mjb_step": (integer, [pointer, pointer, integer, integer, integer]),
        "mjb_apply": (integer, [pointer, pointer, integer, pointer, pointer, integer]),
        "mjb_forward": (integer, [pointer, pointer, integer, integer]),
        "mjb_reset": (integer, [pointer, pointer, integer, pointer, integer]),
        "mjb_status": (pointer, [pointer]),
        "mjb_error": (ctypes.c_char_p, [pointer, integer]),
        "mjb_getData": (None, [pointer, integer, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
