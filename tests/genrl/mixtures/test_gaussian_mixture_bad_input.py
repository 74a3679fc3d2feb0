"""What a mixture refuses, and in which words."""

import math

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.mixtures import GaussianMixture


def some(rows=600, columns=3):
    return np.random.default_rng(0).normal(size=(rows, columns))


def collapsing():
    return np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0], [3.0, 1.0], [2.0, 2.0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GaussianMixture(2, reg_covar=0.0, random_state=0).fit(collapsing()), "collapsed onto a few rows"),
        (
            lambda: GaussianMixture(2, reg_covar=0.0, covariance_type="diag", random_state=0).fit(collapsing()),
            "collapsed onto a few rows",
        ),
        (lambda: GaussianMixture(0), "n_components must be 1 or more"),
        (lambda: GaussianMixture(max_iter=0), "max_iter must be 1 or more"),
        (lambda: GaussianMixture(tol=-1.0), "tol must be 0 or more"),
        (lambda: GaussianMixture(reg_covar=math.nan), "reg_covar must be 0 or more"),
        (lambda: GaussianMixture(covariance_type="round"), "covariance_type must be one of full, tied"),
        (lambda: GaussianMixture(init_params="cluster").fit(some()), "init_params must be kmeans"),
        (lambda: GaussianMixture(2, means_init=[[0.0]]).fit(some()), "means_init must have the shape"),
        (lambda: GaussianMixture(2, weights_init=[1.0]).fit(some()), "weights_init must have the shape"),
        (lambda: GaussianMixture(7).fit(some(6)), "fewer than the 7 components"),
        (lambda: GaussianMixture(1).fit(np.ones((4, 2, 2))), "flatten"),
        (lambda: GaussianMixture(1).fit([[math.nan], [1.0]]), "X must be finite"),
        (lambda: GaussianMixture(1).sample(3), "call fit first"),
        (lambda: GaussianMixture(1).fit(some()).log_prob(torch.zeros(2, 2)), "must have the shape"),
        (lambda: GaussianMixture(1).fit(some(), context=some(columns=1)).sample(3), "give context="),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
