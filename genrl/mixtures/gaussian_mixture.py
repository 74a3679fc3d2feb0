"""Mixtures of Gaussians fitted by expectation-maximisation."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.generative_model import Progress
from genrl.mixtures.arguments import as_double, as_lists
from genrl.mixtures.climbing import Iterations, Watch
from genrl.mixtures.covariances import COVARIANCES, FULL, CovarianceForm, CovarianceType
from genrl.mixtures.em import Moments, Parameters, expect, log_density, maximise, moments_of
from genrl.mixtures.fitted_mixture import FittedMixture
from genrl.mixtures.sampling import context_parameters, draw, draw_given
from genrl.mixtures.starts import InitParams, first_responsibilities, random_generator

__all__ = ["GaussianMixture"]


class GaussianMixture(FittedMixture):
    """A weighted sum of Gaussians, fitted by expectation-maximisation (Bishop 2006, section 9.2).

    Hyperparameters, defaults and fitted attributes are named as scikit-learn's. With a context it is the mixture of
    (context, x), conditioned on the context in closed form: a mixture whose weights and means move with the context.

    Computes in float64.

    Args:
        n_components: Gaussians.
        covariance_type: of the Gaussians: "full" matrices, one "tied" matrix, "diag", or "spherical".
        tol: EM stops when an iteration raises the mean log-likelihood by less than this.
        reg_covar: added to the variances, so that no component collapses onto a point.
        max_iter: iterations of EM, at most.
        n_init: starts, of which the one with the highest likelihood is kept.
        init_params: how the first responsibilities are found.
        weights_init: (K,) instead of those.
        means_init: (K, d) instead of those.
        precisions_init: inverse covariances, in the layout of their type, instead of those.
        random_state: of the starts; None draws it from torch's global generator.

    Attributes:
        weights_: (K,).
        means_: (K, d); with a context its columns come first, as in the covariances.
        covariances_: (K, d, d), (d, d), (K, d) or (K,).
        converged_: the best start settled within `max_iter`.
        n_iter_: iterations of the best start.
        lower_bound_: its mean log-likelihood, the last that EM computed.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from genrl.mixtures import GaussianMixture
    >>> _ = torch.manual_seed(0)
    >>> x = torch.cat([torch.randn(500, 2), torch.randn(500, 2) + 8.0])
    >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(x)
    >>> mixture.means_.round().sort(0).values.abs().tolist()
    [[0.0, 0.0], [8.0, 8.0]]
    >>> mixture.sample(3).shape
    torch.Size([3, 2])
    >>> bool(mixture.log_prob(torch.zeros(1, 2)) > mixture.log_prob(torch.full((1, 2), 4.0)))
    True
    >>> rows, components = mixture.sample_joint(1000)  # each row with the component that it is from
    >>> with TemporaryDirectory() as folder:
    ...     mixture.save(folder)
    ...     loaded = GaussianMixture.load(folder)
    >>> torch.equal(loaded.log_prob(rows), mixture.log_prob(rows))
    True
    """

    architecture = "Gaussians, no network"
    log_prob_kind: Literal["exact"] = "exact"

    weights_: Tensor
    means_: Tensor
    covariances_: Tensor
    precisions_cholesky_: Tensor

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: InitParams = "kmeans",
        weights_init: list[float] | None = None,
        means_init: list[list[float]] | None = None,
        precisions_init: list[Any] | None = None,
        random_state: int | None = None,
    ) -> None:
        super().__init__()
        at_least(1, n_components=n_components, max_iter=max_iter, n_init=n_init)
        at_least(0, tol=tol, reg_covar=reg_covar)
        if covariance_type not in COVARIANCES:
            raise InputError(f"covariance_type must be one of {', '.join(COVARIANCES)}, not {covariance_type!r}")
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = as_lists(weights_init)
        self.means_init = as_lists(means_init)
        self.precisions_init = as_lists(precisions_init)
        self.random_state = random_state
        self._forget_outcome()

    @property
    def parameters_(self) -> Parameters:
        """Weights, means and covariances, as the equations take them."""
        return Parameters(
            log_weights=self.weights_.log(),
            means=self.means_,
            covariances=self.covariances_,
            factors=self.precisions_cholesky_,
        )

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x), or log p(x given context), in nats.

        Raises:
            InputError: wrong shapes.
        """
        given = self.check_rows(x, context)
        joint = self._joint(x, given).logsumexp(1)
        if given is not None:
            evidence = context_parameters(self.parameters_, self._form, self.context_features)
            joint = joint - log_density(given.to(self.means_), evidence, FULL).logsumexp(1)
        return joint.to(x.dtype)

    def predict_proba(self, X: Any, context: Any = None) -> Tensor:
        """(rows, K) the posterior of each component, the responsibilities of the E step."""
        x = self.as_own_rows(X, self.require_built())
        return self._joint(x, self.encode_context(context, len(x))).softmax(1)

    def bic(self, X: Any, context: Any = None) -> float:
        """Bayesian information criterion on the data, the lower the better (Schwarz 1978)."""
        return self._num_parameters() * math.log(len(X)) - 2 * float(np.sum(self.score_samples(X, context)))

    def aic(self, X: Any, context: Any = None) -> float:
        """Akaike's information criterion on the data, the lower the better (Akaike 1974)."""
        return 2 * self._num_parameters() - 2 * float(np.sum(self.score_samples(X, context)))

    @property
    def _form(self) -> CovarianceForm:
        return COVARIANCES[self.covariance_type]

    def _joint(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, K) log p(component, context, x)."""
        return log_density(self._joined(x, context), self.parameters_, self._form)

    def _draw(self, components: Tensor) -> Tensor:
        return draw(self.parameters_, self._form, components)

    def _draw_given(self, context: Tensor, shape: tuple[int, ...]) -> Tensor:
        return draw_given(self.parameters_, self._form, context, shape)

    def _num_parameters(self) -> int:
        components, columns = self.means_.shape
        return components - 1 + components * columns + self._form.num_parameters(components, columns)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if len(event_shape) != 1:
            raise InputError(f"a mixture models rows of columns, not of shape {event_shape}: flatten them")
        components, columns = self.n_components, context_features + event_shape[0]
        shape = self._form.shape(components, columns)
        self._forget_outcome()
        for name, size in (
            ("weights_", (components,)),
            ("means_", (components, columns)),
            ("covariances_", shape),
            ("precisions_cholesky_", shape),
        ):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        rows = self._joined(x, context)
        if len(rows) < self.n_components:
            raise InputError(f"X has {len(rows)} rows, fewer than the {self.n_components} components to be fitted")
        generator = random_generator(self.random_state)
        best, watch = -math.inf, Watch(progress)
        for _ in range(self.n_init):
            run = self._climb(rows, self._start(rows, generator), watch)
            if run.lower_bound > best:
                best = run.lower_bound
                self._keep(run)
            if watch.asked:
                return
        if not self.converged_:
            warnings.warn(f"EM did not settle in {self.max_iter} iterations: raise max_iter or tol", stacklevel=3)

    def _climb(self, x: Tensor, parameters: Parameters, watch: Watch) -> Climb:
        """EM from one start, until an iteration gains less than `tol`."""
        climb, goes_on = Iterations(watch, self.max_iter, parameters), True
        while goes_on:
            likelihood, moments = expect(x, climb.parameters, self._form)
            parameters = maximise(moments, self._form, self.reg_covar)
            settled = abs(likelihood - climb.objective) < self.tol
            goes_on = climb.follow(-likelihood, likelihood, parameters, settled=settled)
        return Climb(parameters=parameters, lower_bound=likelihood, iterations=climb.done, converged=settled)

    def _start(self, x: Tensor, generator: torch.Generator) -> Parameters:
        found = maximise(self._first_moments(x, generator), self._form, self.reg_covar)
        covariances, factors = found.covariances, found.factors
        if self.precisions_init is not None:
            covariances = self._form.from_precisions(as_double(self.precisions_init, covariances, "precisions_init"))
            factors = self._form.factorise(covariances)
        return Parameters(
            log_weights=as_double(self.weights_init, found.weights, "weights_init").log(),
            means=as_double(self.means_init, found.means, "means_init"),
            covariances=covariances,
            factors=factors,
        )

    def _first_moments(self, x: Tensor, generator: torch.Generator) -> Moments:
        return moments_of(x, first_responsibilities(self.init_params, x, self.n_components, generator), self._form)

    def _keep(self, run: Climb) -> None:
        found = run.parameters
        self.weights_, self.means_ = found.weights, found.means
        self.covariances_, self.precisions_cholesky_ = found.covariances, found.factors
        self._keep_outcome(run.lower_bound, run.iterations, run.converged)


@dataclass(frozen=True, kw_only=True)
class Climb:
    """Where EM came to from one start."""

    parameters: Parameters
    lower_bound: float
    iterations: int
    converged: bool
