"""One imitation run on disk: trained with a display, evaluated, checkpointed, resumed, reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from stable_baselines3.common import logger as sb3_logger
from stable_baselines3.common.callbacks import BaseCallback

from genrl.evaluation.aggregate import Evaluation
from genrl.evaluation.callback import LEFT_OUT, KeepBest
from genrl.evaluation.learning_curve import draw_learning_curve
from genrl.evaluation.report import print_evaluation, write_evaluation
from genrl.evaluation.rollouts import evaluate_policy
from genrl.policies import load_policy
from genrl.stop_signals import StopSignals
from genrl.training.atomic_files import read_json
from genrl.training.progress_display import ProgressDisplay, StageDisplay, recent_return
from genrl.training.resumable import Resumable
from genrl.training.run_directory import RunDirectory

from .gail import GAIL

__all__ = ["ImitationRun"]

STARTS = {"clone": "the policy cloned from the demonstrations", "noise": "a random policy", None: "nothing"}


@dataclass(frozen=True, kw_only=True)
class ImitationRun:
    """Trains an agent in a run directory.

    Attributes:
        agent: fresh, or restored from the run's latest checkpoint.
        directory: where everything goes.
        eval_freq: environment steps between two evaluations.
        eval_episodes: episodes of each of them.
        expert_return: mean return of the demonstrations' expert.
        random_return: mean return of uniformly random actions.
    """

    agent: GAIL
    directory: RunDirectory
    eval_freq: int
    eval_episodes: int
    expert_return: float
    random_return: float

    def train(self, total_timesteps: int, stop: StopSignals) -> None:
        """Train until `total_timesteps` environment steps are done in all, or a signal asks to stop."""
        learner = self.agent.learner
        remaining = total_timesteps - learner.num_timesteps
        overdue = self.directory.config.get(LEFT_OUT) == learner.num_timesteps
        if remaining < 0 or (remaining == 0 and not overdue):
            return
        self.directory.set_aside_progress()
        learner.set_logger(sb3_logger.configure(str(self.directory.path), ["csv", "tensorboard"]))
        resumed = learner.num_timesteps > 0
        if self.agent.start is None:
            with stop.interruptible():  # nothing of it is saved before it is done
                self._pretrain(total_timesteps)
        display = ProgressDisplay(total_timesteps, self._figures)
        keep_best = KeepBest(
            self._evaluate,
            self._keep,
            every=self.eval_freq,
            best=self._best_so_far(),
            from_start=self.agent.start == "clone",
            overdue=overdue,
            stop=stop,
            left_out=lambda steps: self.directory.update_config(**{LEFT_OUT: steps}),
        )
        callbacks: list[BaseCallback] = [
            display,
            keep_best,
            Resumable(self._save, stop, every_seconds=self.agent.checkpoint_seconds),
        ]
        try:
            self.agent.learn(remaining, callbacks, reset_num_timesteps=not resumed)
        finally:
            display.close()
            learner.logger.close()

    def save(self) -> None:
        """Write a checkpoint of the agent as it is."""
        self._save(self.agent.learner.num_timesteps)

    def report(self, episodes: int, console: Console | None = None) -> dict[str, Any]:
        """Evaluate the best policy, print the table, write `evaluation.json` and `learning_curve.png`."""
        policy = self.directory.read_policy(load_policy)
        evaluation = evaluate_policy(policy, self._env_id, episodes, env_kwargs=self.agent.env_kwargs)
        summary = evaluation.summary(self.expert_return, self.random_return)
        print_evaluation(summary, console=console)
        write_evaluation(self.directory.path / "evaluation.json", summary)
        lines = f"run: {self.directory.path}"
        logged = self.directory.path.glob("progress*.csv")
        if any(file.stat().st_size for file in logged):  # none if stopped before the first rollout was over
            curve = draw_learning_curve([self.directory.path], self.directory.path / "learning_curve.png")
            lines += f"\ncurve: {curve}"
        (console or Console()).print(lines, soft_wrap=True, highlight=False)
        return summary

    def _pretrain(self, total_timesteps: int) -> None:
        with StageDisplay() as display:

            def show(stage: str, done: int, planned: int) -> None:
                display.show(f"pretraining: {stage}", done, planned)

            self.agent.prepare(total_timesteps, progress=show)
        print(f"training starts from {STARTS[self.agent.start]}", flush=True)

    @property
    def _env_id(self) -> str:
        assert self.agent.env_id is not None
        return self.agent.env_id

    def _evaluate(self) -> Evaluation:
        return evaluate_policy(
            self.agent, self._env_id, self.eval_episodes, env_kwargs=self.agent.env_kwargs, seed=1000
        )

    def _keep(self, evaluation: Evaluation) -> None:
        state = self.agent.state()
        documents = {**state.documents, "evaluation": evaluation.summary(self.expert_return, self.random_return)}
        arrays = {name: group for name, group in state.arrays.items() if name != "replay"}  # it is for going on with
        self.directory.save_best(tensors=state.tensors, documents=documents, arrays=arrays)

    def _save(self, steps: int) -> None:
        state = self.agent.state()
        self.directory.save(steps, tensors=state.tensors, documents=state.documents, arrays=state.arrays)

    def _best_so_far(self) -> float:
        path = self.directory.best / "evaluation.json"
        return float(read_json(path)["mean"]) if path.is_file() else float("-inf")

    def _figures(self, callback: BaseCallback) -> dict[str, str]:
        figures = {}
        earned = recent_return(callback)
        if earned is not None:
            figures["return"] = f"{earned:,.0f}{self._beside(earned)}"
        logged = callback.logger.name_to_value
        if "disc/accuracy_expert" in logged:
            sides = (logged["disc/accuracy_expert"], logged["disc/accuracy_learner"])
            figures["D right on expert/learner"] = "/".join(f"{side:.0%}" for side in sides)
        return figures

    def _beside(self, earned: float) -> str:
        limit = self.agent.config.time_limit
        if limit is not None:  # an episode cut short is not to be compared with the expert's whole one
            return f" in {limit} steps"
        return f" ({earned / self.expert_return:.0%} of expert)" if self.expert_return else ""
