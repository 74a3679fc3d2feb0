"""Bayes rule: classifiers that sample, and posteriors of parameters in closed form."""

from genrl.bayes.bayes_classifier import BayesClassifier
from genrl.bayes.class_conditional import ClassConditional, OnePerClass
from genrl.bayes.gaussian_conditional import GaussianConditional

__all__ = ["BayesClassifier", "ClassConditional", "GaussianConditional", "OnePerClass"]
