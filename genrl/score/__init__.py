"""Score-based models: the gradient of the log-density of noisy data, learned by denoising."""

from genrl.score.distillation import distil
from genrl.score.few_step_sampler import FewStepSampler
from genrl.score.langevin_path import langevin_path
from genrl.score.noise import VarianceExploding, VariancePreserving
from genrl.score.score_model import ScoreModel
from genrl.score.temporal_unet import TemporalUNet

__all__ = [
    "FewStepSampler",
    "ScoreModel",
    "TemporalUNet",
    "VarianceExploding",
    "VariancePreserving",
    "distil",
    "langevin_path",
]
