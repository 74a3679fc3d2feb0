"""Measuring policies (rollouts, aggregate figures, learning curves) and generative models (densities, samples)."""

from genrl.evaluation.aggregate import (
    Evaluation,
    bootstrap_interval,
    interquartile_mean,
    normalised_score,
)
from genrl.evaluation.density_report import DensityReport, density_report
from genrl.evaluation.domain_maps import IMAGE_MAPS, lopsided_samples, map_error, mapped, posed
from genrl.evaluation.learning_curve import draw_learning_curve, read_progress
from genrl.evaluation.mode_coverage import ModeCoverage, mode_coverage
from genrl.evaluation.random_policy import RandomPolicy, random_return
from genrl.evaluation.report import evaluation_table, print_evaluation, write_evaluation
from genrl.evaluation.rollouts import evaluate_on_vec_env, evaluate_policy
from genrl.evaluation.toy_distributions import (
    TOY_DISTRIBUTIONS,
    ToyModes,
    labelled_toy_samples,
    toy_modes,
    toy_samples,
)
from genrl.evaluation.two_sample import energy_distance, mmd_squared, same_distribution, sliced_wasserstein
from genrl.evaluation.video import rollout_video

__all__ = [
    "IMAGE_MAPS",
    "TOY_DISTRIBUTIONS",
    "DensityReport",
    "Evaluation",
    "ModeCoverage",
    "RandomPolicy",
    "ToyModes",
    "bootstrap_interval",
    "density_report",
    "draw_learning_curve",
    "energy_distance",
    "evaluate_on_vec_env",
    "evaluate_policy",
    "evaluation_table",
    "interquartile_mean",
    "labelled_toy_samples",
    "lopsided_samples",
    "map_error",
    "mapped",
    "mmd_squared",
    "mode_coverage",
    "normalised_score",
    "posed",
    "print_evaluation",
    "random_return",
    "read_progress",
    "rollout_video",
    "same_distribution",
    "sliced_wasserstein",
    "toy_modes",
    "toy_samples",
    "write_evaluation",
]
