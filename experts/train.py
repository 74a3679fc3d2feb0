"""Training an expert in a run directory: with a display, evaluated, checkpointed, resumed, reported, registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from stable_baselines3.common import logger as sb3_logger
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from genrl.evaluation import Evaluation, draw_learning_curve, evaluate_policy, write_evaluation
from genrl.evaluation.callback import LEFT_OUT, KeepBest
from genrl.policies.actor import FORMAT, Actor
from genrl.stop_signals import StopSignals
from genrl.training import RunDirectory, read_json
from genrl.training.finite_learning import finite_learning
from genrl.training.learner_state import LearnerState, learner_state, restore_learner
from genrl.training.progress_display import ProgressDisplay, recent_return
from genrl.training.replay_memory import reserve_replay_memory
from genrl.training.resumable import Resumable
from genrl.training.seeding import random_state, restore_random_state
from genrl.training.torch_threads import one_torch_thread

from .export import export_actor

__all__ = ["ExpertRun"]

# Other seeds than those of the final evaluation: the best of many evaluations is best by luck, too.
SELECTION_SEED = 10_000


@dataclass(frozen=True, kw_only=True)
class ExpertRun:
    """Trains a learner on the task's true reward, and keeps the actor that evaluates best.

    Attributes:
        learner: fresh, or restored by `restore`.
        directory: where everything goes.
        env_id: the task.
        env_kwargs: its constructor keywords.
        eval_freq: environment steps between two evaluations.
        eval_episodes: episodes of each of them, without noise.
        target_return: training ends with the first evaluation that reaches it; None trains to the end.
    """

    learner: BaseAlgorithm
    directory: RunDirectory
    env_id: str
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    eval_freq: int
    eval_episodes: int
    target_return: float | None = None

    def train(self, total_timesteps: int, stop: StopSignals) -> bool:
        """Train until `total_timesteps` environment steps are done in all; false if a signal stopped it before."""
        remaining = total_timesteps - self.learner.num_timesteps
        overdue = self.directory.config.get(LEFT_OUT) == self.learner.num_timesteps
        if remaining < 0 or (remaining == 0 and not overdue) or self._target_reached():
            return True
        self.directory.set_aside_progress()
        self.learner.set_logger(sb3_logger.configure(str(self.directory.path), ["csv", "tensorboard"]))
        keep_best = KeepBest(
            self._evaluate,
            self._keep,
            every=self.eval_freq,
            best=self.best_return,
            overdue=overdue,
            stop=stop,
            left_out=lambda steps: self.directory.update_config(**{LEFT_OUT: steps}),
        )
        display = ProgressDisplay(total_timesteps, partial(_figures, keep_best))
        callbacks: list[BaseCallback] = [
            display,
            keep_best,
            *([] if self.target_return is None else [_StopAtReturn(keep_best, self.target_return)]),
            # A replay buffer is some hundred megabytes: it is written less often.
            Resumable(self._save, stop, every_seconds=600.0 if self._off_policy else 60.0),
        ]
        if isinstance(self.learner, OffPolicyAlgorithm) and self.learner.replay_buffer is not None:
            reserve_replay_memory(self.learner.replay_buffer, total_timesteps)
        fresh = self.learner.num_timesteps == 0
        log_interval = 4 if self._off_policy else 1  # episodes, or rollouts
        try:
            with one_torch_thread(), finite_learning(self.learner) as finite:
                self.learner.learn(
                    remaining, [finite, *callbacks], log_interval=log_interval, reset_num_timesteps=fresh
                )
        finally:
            display.close()
            self.learner.logger.close()
        return not stop.requested

    def save(self) -> None:
        """Write a checkpoint of the learner as it is."""
        self._save(self.learner.num_timesteps)

    def restore(self) -> None:
        """Go on from the directory's latest checkpoint.

        Raises:
            InputError: there is none, or it does not fit the learner.
        """
        checkpoint = self.directory.latest_checkpoint()
        state = LearnerState(tensors=checkpoint.tensors, documents=checkpoint.documents, arrays=checkpoint.arrays)
        restore_learner(self.learner, state)
        restore_random_state(checkpoint.arrays["random_state"])

    def evaluate_best(self, episodes: int) -> tuple[Actor, Evaluation]:
        """The best actor, over fresh episodes (seeds 0, 1, ...); writes `evaluation.json` and `learning_curve.png`."""
        actor = self.directory.read_policy(Actor.load)
        evaluation = evaluate_policy(actor, self.env_id, episodes, env_kwargs=self.env_kwargs)
        write_evaluation(self.directory.path / "evaluation.json", evaluation.summary())
        draw_learning_curve([self.directory.path], self.learning_curve)
        return actor, evaluation

    @property
    def learning_curve(self) -> Path:
        """Where it is drawn."""
        return self.directory.path / "learning_curve.png"

    @property
    def best_return(self) -> float:
        """Mean return of the best evaluation so far; minus infinity before the first."""
        path = self.directory.best / "evaluation.json"
        return float(read_json(path)["mean"]) if path.is_file() else float("-inf")

    @property
    def best_timesteps(self) -> int:
        """Environment steps done when the best evaluation came."""
        return int(read_json(self.directory.best / "progress.json")["num_timesteps"])

    @property
    def _off_policy(self) -> bool:
        return isinstance(self.learner, OffPolicyAlgorithm)

    def _target_reached(self) -> bool:
        return self.target_return is not None and self.best_return >= self.target_return

    def _evaluate(self) -> Evaluation:
        actor = export_actor(self.learner, self.env_id)
        return evaluate_policy(actor, self.env_id, self.eval_episodes, env_kwargs=self.env_kwargs, seed=SELECTION_SEED)

    def _keep(self, evaluation: Evaluation) -> None:
        tensors, documents = self._actor_parts()
        progress = {"num_timesteps": self.learner.num_timesteps}
        self.directory.save_best(
            tensors=tensors, documents={**documents, "evaluation": evaluation.summary(), "progress": progress}
        )

    def _save(self, steps: int) -> None:
        state = learner_state(self.learner)
        tensors, documents = self._actor_parts()
        self.directory.save(
            steps,
            tensors={**state.tensors, **tensors},
            documents={**state.documents, **documents},
            arrays={**state.arrays, "random_state": random_state()},
            keep_last=1 if self._off_policy else 2,
        )

    def _actor_parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The actor as `Actor.load` reads it, so that a checkpoint is a policy to use."""
        actor = export_actor(self.learner, self.env_id)
        return {"actor": actor.state_dict()}, {"actor": {"format": FORMAT, **dataclasses.asdict(actor.config)}}


def _figures(keep_best: KeepBest, callback: BaseCallback) -> dict[str, str]:
    figures = {}
    earned = recent_return(callback)
    if earned is not None:
        figures["return"] = f"{earned:,.0f}"
    if keep_best.best > float("-inf"):
        figures["best evaluation"] = f"{keep_best.best:,.0f}"
    return figures


class _StopAtReturn(BaseCallback):
    """Ends the training when an evaluation has reached a return."""

    def __init__(self, keep_best: KeepBest, target: float) -> None:
        super().__init__()
        self._keep_best = keep_best
        self._target = target

    def _on_step(self) -> bool:
        return self._keep_best.best < self._target
