"""Bayes rule: classifiers that sample, posteriors of parameters in closed form, and of functions."""

from genrl.bayes.bayes_classifier import BayesClassifier
from genrl.bayes.class_conditional import ClassConditional, OnePerClass
from genrl.bayes.gaussian_conditional import GaussianConditional
from genrl.bayes.gaussian_process import GaussianProcess

__all__ = ["BayesClassifier", "ClassConditional", "GaussianConditional", "GaussianProcess", "OnePerClass"]
