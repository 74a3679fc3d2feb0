"""Score-based models: the gradient of the log-density of noisy data, learned by denoising."""

from genrl.score.noise import VarianceExploding, VariancePreserving
from genrl.score.score_model import ScoreModel

__all__ = ["ScoreModel", "VarianceExploding", "VariancePreserving"]
