"""Autoregressive models: the chain rule, a network for all factors, exact likelihoods of discrete data."""

from genrl.autoregressive.cores import Recurrent, Transformer
from genrl.autoregressive.gated_pixel_cnn import GatedPixelCNN
from genrl.autoregressive.multi_scale import MultiScale
from genrl.autoregressive.pixel_cnn import PixelCNN
from genrl.autoregressive.pixel_inputs import PixelInputs
from genrl.autoregressive.pixel_rnn import PixelRNN
from genrl.autoregressive.sequence_model import SequenceModel

__all__ = [
    "GatedPixelCNN",
    "MultiScale",
    "PixelCNN",
    "PixelInputs",
    "PixelRNN",
    "Recurrent",
    "SequenceModel",
    "Transformer",
]
