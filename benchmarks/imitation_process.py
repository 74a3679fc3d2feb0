"""Trains one trial of the imitation suite: its script in a process of its own, stopped when its budget is used up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO, Any

import gymnasium as gym
from imitation_progress import elapsed_seconds, progress_files
from imitation_trial import ROOT, SCRIPTS, Sitting, Trial

from experts import expert_card
from genrl.errors import InputError
from genrl.evaluation import RandomPolicy, evaluate_policy, write_evaluation
from genrl.stop_signals import StopSignals

__all__ = ["train"]

STOPPED = 128 + signal.SIGTERM  # exit code of a script that was told to stop, which then makes no report
POLL_SECONDS = 0.5
SAVE_SECONDS = 10.0
FINAL_EPISODES = 50


def train(
    trial: Trial,
    lock: IO[str],
    stop: StopSignals,
    budget: float,
    note: Callable[[Trial], None] = lambda trial: None,
    is_enough: Callable[[Trial], bool] = lambda trial: False,
) -> bool:
    """Start the trial, or go on with it, until its budget is used up, its steps are done or it has gone far enough.

    Args:
        trial: not finished.
        lock: what `hold` gave.
        stop: leaves the trial after a checkpoint.
        budget: seconds of wall-clock time in all.
        note: called every ten seconds.
        is_enough: asked every ten seconds; True ends the trial as if its budget were used up.

    Returns:
        Whether it is finished now; False if `stop` came before.

    Raises:
        InputError: the script failed; the message is the last thing it said.
    """
    trial.commit, trial.begun_with = trial.commit or _code_version(), trial.command
    if trial.cell.kind == "random":
        _evaluate_random(trial)
        trial.finished = True
        trial.save()
        return True
    sitting = Sitting(files_before=len(progress_files(trial.run)))
    command = _command(trial, budget)
    trial.sittings.append(sitting)
    trial.save()
    with (trial.folder / "output.log").open("ab") as log:
        # A process group of its own: Ctrl-C is for the suite, which passes it on in good order.
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True, pass_fds=[lock.fileno()]
        )
        try:
            left = _watch(process, trial, sitting, stop, budget, note, is_enough)
            trial.find_run()
            if process.returncode == STOPPED and trial.run is not None and not left:
                process = subprocess.Popen(_reporting(trial), stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
                process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            trial.find_run()
            trial.save()
    if left:
        return False
    if process.returncode != 0:
        raise InputError(f"{trial.name} failed: {_last_words(trial)} (all of it is in {trial.folder / 'output.log'})")
    trial.finished = True
    trial.save()
    return True


def _code_version() -> str:
    """Short hash of the commit, with `-dirty` where files differ from it; empty outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _watch(
    process: subprocess.Popen[bytes],
    trial: Trial,
    sitting: Sitting,
    stop: StopSignals,
    budget: float,
    note: Callable[[Trial], None],
    is_enough: Callable[[Trial], bool],
) -> bool:
    """Keep the books until the process ends; True if it was left because of `stop`."""
    began, saved, earlier = time.monotonic(), 0.0, trial.seconds
    asked = left = enough = False
    while process.poll() is None:
        time.sleep(POLL_SECONDS)
        now = time.monotonic() - began
        trial.find_run()
        if sitting.prepared is None:
            sitting.prepared = _prepared(trial, sitting, now)
        if asked:
            continue
        sitting.seconds = now
        # Before its first rollout it may not yet know what to do with a signal; a clone logs no rollouts.
        is_ready = sitting.prepared is not None or trial.cell.kind == "bc"
        left = stop.requested
        if left or (is_ready and (enough or earlier + now >= budget)):
            process.terminate()
            asked = True
        if asked or now - saved >= SAVE_SECONDS:
            saved = now
            trial.save()
            note(trial)
            enough = is_enough(trial)
    return left


def _end(process: subprocess.Popen[bytes]) -> None:
    """Without waiting for a good moment; its checkpoints are whole at any."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _prepared(trial: Trial, sitting: Sitting, now: float) -> float | None:
    files = progress_files(trial.run)
    clock = elapsed_seconds(files[sitting.files_before]) if len(files) > sitting.files_before else []
    return max(now - clock[-1], 0.0) if clock else None


def _command(trial: Trial, budget: float) -> list[str]:
    script = [sys.executable, str(SCRIPTS[trial.cell.kind])]
    if trial.cell.kind != "gail" or trial.run is None:
        return [*script, *trial.cell.arguments(trial.seed), "--log-folder", str(trial.folder.resolve())]
    # With its time used up nothing is trained any more: only the report was missing.
    return _reporting(trial) if trial.seconds >= budget else [*script, "--resume", str(trial.run.resolve())]


def _reporting(trial: Trial) -> list[str]:
    """The command that evaluates what a run has kept and writes its `evaluation.json`, without training."""
    assert trial.run is not None
    script, run = SCRIPTS[trial.cell.kind], str(trial.run.resolve())
    if trial.cell.kind == "gail":
        return [sys.executable, str(script), "--resume", run, "--n-timesteps", "1"]
    evaluate = [str(script.with_name("evaluate.py")), run, "--episodes", str(FINAL_EPISODES)]
    return [sys.executable, *evaluate, "--json", str(trial.evaluation.resolve())]


def _evaluate_random(trial: Trial) -> None:
    """What uniformly random actions earn, in the form of a training script's report."""
    cell = trial.cell
    with gym.make(cell.env) as env:
        policy = RandomPolicy(env.action_space, trial.seed)
    evaluation = evaluate_policy(policy, cell.env, FINAL_EPISODES)
    mean = float(evaluation.returns.mean())
    summary: dict[str, Any] = evaluation.summary(expert_card(cell.env, cell.tier)["evaluation"]["return_mean"], mean)
    write_evaluation(trial.evaluation, summary)


def _last_words(trial: Trial) -> str:
    words = (trial.folder / "output.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return words[-1] if words else "it said nothing"
