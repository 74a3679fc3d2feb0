"""Measuring policies: rollouts, aggregate figures, tables and learning curves."""

from genrl.evaluation.aggregate import (
    Evaluation,
    bootstrap_interval,
    interquartile_mean,
    normalised_score,
)
from genrl.evaluation.learning_curve import draw_learning_curve, read_progress
from genrl.evaluation.random_policy import RandomPolicy, random_return
from genrl.evaluation.report import evaluation_table, print_evaluation, write_evaluation
from genrl.evaluation.rollouts import evaluate_on_vec_env, evaluate_policy
from genrl.evaluation.video import rollout_video

__all__ = [
    "Evaluation",
    "RandomPolicy",
    "bootstrap_interval",
    "draw_learning_curve",
    "evaluate_on_vec_env",
    "evaluate_policy",
    "evaluation_table",
    "interquartile_mean",
    "normalised_score",
    "print_evaluation",
    "random_return",
    "read_progress",
    "rollout_video",
    "write_evaluation",
]
