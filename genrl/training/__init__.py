"""What every kind of training shares: seeds and random states, checkpoints, run directories."""

from genrl.training.atomic_files import read_json, write_json
from genrl.training.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint, write_checkpoint
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.training.optimizer_state import flatten_optimizer, unflatten_optimizer
from genrl.training.run_directory import RunDirectory
from genrl.training.seeding import random_state, restore_random_state, seed_everything
from genrl.training.versions import installed_versions

__all__ = [
    "Checkpoint",
    "FitCheckpoints",
    "RunDirectory",
    "flatten_optimizer",
    "installed_versions",
    "random_state",
    "read_checkpoint",
    "read_json",
    "restore_random_state",
    "seed_everything",
    "unflatten_optimizer",
    "verify_checkpoint",
    "write_checkpoint",
    "write_json",
]
