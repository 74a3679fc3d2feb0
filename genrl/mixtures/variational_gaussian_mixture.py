"""Mixtures of Gaussians that find out how many components the data need, and go on learning from more rows."""

from __future__ import annotations

import warnings
from typing import Any, Literal, Self

import torch
from torch import Tensor

from genrl.argument_checks import at_least, one_of
from genrl.errors import InputError
from genrl.generative_model import Progress
from genrl.mixtures import variational
from genrl.mixtures.arguments import as_double, as_lists
from genrl.mixtures.climbing import Watch
from genrl.mixtures.em import log_density, moments_of
from genrl.mixtures.fitted_mixture import FittedMixture
from genrl.mixtures.gaussian_wishart import PRECISIONS, GaussianWishart, VariationalCovarianceType
from genrl.mixtures.merging import settle
from genrl.mixtures.starts import InitParams, first_responsibilities, random_generator
from genrl.mixtures.student_mixture import StudentMixture
from genrl.mixtures.variational import Families, Posterior, Run
from genrl.mixtures.weight_posteriors import WEIGHT_POSTERIORS, WeightConcentrationPriorType

__all__ = ["VariationalGaussianMixture"]


class VariationalGaussianMixture(FittedMixture):
    """A mixture of Gaussians with a posterior over its parameters, by variational Bayes (Bishop 2006, section 10.2).

    Components that the data do not need are left without rows. Names and defaults are scikit-learn's; what differs:
    `log_prob` is the predictive density, the mixture of Student's t that follows from the posterior (equation 10.81),
    where scikit-learn reports an expected log-density that does not integrate to 1; a diagonal precision has a gamma
    posterior in each column; and components that share a cluster are joined.

    `partial_fit` is streaming variational Bayes (Broderick et al. 2013): the posterior after some rows is the prior of
    the next. With a context it is the mixture of (context, x), conditioned in closed form. Computes in float64.

    Args:
        n_components: Gaussians, at most.
        covariance_type: of the Gaussians, "full" or "diag".
        tol: iterations stop when one raises the bound by less than this many nats, over all rows.
        reg_covar: added to the variances of the data.
        max_iter: iterations at most, before and again after each round of joining.
        n_init: starts, of which the one with the highest bound is kept.
        init_params: how the first responsibilities are found.
        weight_concentration_prior_type: a "dirichlet_process" or a "dirichlet_distribution".
        weight_concentration_prior: the smaller, the fewer components; None is 1 / n_components.
        mean_precision_prior: rows that the prior mean stands for; None is 1.
        mean_prior: (d,); None is the mean of the first rows.
        degrees_of_freedom_prior: of the precisions; None is d.
        covariance_prior: (d, d) or (d,); None is the covariance of the first rows.
        merge_attempts: pairs of components that it tries to join in vain before it gives up; 0 joins none.
        random_state: of the starts; None draws it from torch's global generator.

    Attributes:
        weight_concentration_: (K,), or (2, K) for a Dirichlet process.
        means_: (K, d); with a context its columns come first.
        mean_precision_: (K,).
        degrees_of_freedom_: (K,).
        counts_: (K,) rows that each component stands for.
        n_effective_: components that stand for more than one row: how many the data need.
        kl_: divergence of the parameters' posterior from their prior, in nats: how much was learned of them.
        converged_: the bound settled within `max_iter`.
        n_iter_: of the best start, since components were last joined.
        lower_bound_: on the log-evidence, in nats, of the rows of the last fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.mixtures import VariationalGaussianMixture
    >>> _ = torch.manual_seed(0)
    >>> x = torch.cat([torch.randn(300, 2), torch.randn(300, 2) + 8.0])
    >>> mixture = VariationalGaussianMixture(10, random_state=0).fit(x)
    >>> mixture.n_effective_, mixture.sample(3).shape
    (2, torch.Size([3, 2]))
    >>> before, late = mixture.kl_, torch.randn(300, 2) - 8.0
    >>> unforeseen = mixture.log_prob(late).mean()
    >>> mixture.partial_fit(late).n_effective_, mixture.kl_ > before, bool(mixture.log_prob(late).mean() > unforeseen)
    (3, True, True)
    """

    architecture = "Gaussians, no network; finds how many"
    log_prob_kind: Literal["exact"] = "exact"

    weight_concentration_: Tensor
    means_: Tensor
    mean_precision_: Tensor
    degrees_of_freedom_: Tensor
    scales_: Tensor
    mean_prior_: Tensor
    covariance_prior_: Tensor

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: VariationalCovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: InitParams = "kmeans",
        weight_concentration_prior_type: WeightConcentrationPriorType = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: list[float] | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: list[Any] | None = None,
        merge_attempts: int = 10,
        random_state: int | None = None,
    ) -> None:
        super().__init__()
        at_least(1, n_components=n_components, max_iter=max_iter, n_init=n_init)
        at_least(0, tol=tol, reg_covar=reg_covar, merge_attempts=merge_attempts)
        for prior in (weight_concentration_prior, mean_precision_prior, degrees_of_freedom_prior):
            if prior is not None and not prior > 0:
                raise InputError(f"a concentration, precision or degrees of freedom must be above 0, not {prior}")
        one_of(tuple(PRECISIONS), covariance_type=covariance_type)
        one_of(tuple(WEIGHT_POSTERIORS), weight_concentration_prior_type=weight_concentration_prior_type)
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = as_lists(mean_prior)
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = as_lists(covariance_prior)
        self.merge_attempts = merge_attempts
        self.random_state = random_state
        self._forget_outcome()

    @property
    def weights_(self) -> Tensor:  # type: ignore[override]
        """(K,) expected weights, which sum to 1."""
        return self._families.weights.mean(self.weight_concentration_)

    @property
    def covariances_(self) -> Tensor:
        """(K, d, d) or (K, d), the inverses of the expected precisions."""
        return self.scales_ / self._families.precision.per_component(self.degrees_of_freedom_)

    @property
    def counts_(self) -> Tensor:
        """(K,) rows that each component stands for."""
        return self.mean_precision_ - self._prior.components.rows

    @property
    def n_effective_(self) -> int:
        """Components that stand for more than one row."""
        return int((self.counts_ > 1).sum())

    @property
    def kl_(self) -> float:
        """KL divergence of the posterior of all parameters from their prior, in nats."""
        return variational.divergence(self._posterior, self._prior, self._families)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x) or log p(x given context), predicted from the data it was fitted to, in nats.

        Raises:
            InputError: wrong shapes.
        """
        given = self.check_rows(x, context)
        student, mixture = self._families.precision.student, self._predictive
        rows = self._joined(x, given)
        found = student.log_density(rows, mixture).logsumexp(1)
        if given is not None:
            known = student.marginal(mixture, self.context_features)
            found = found - student.log_density(given.to(self.means_), known).logsumexp(1)
        return found.to(x.dtype)

    def predict_proba(self, X: Any, context: Any = None) -> Tensor:
        """(rows, K) the variational posterior of each row's component, that of the E step."""
        x = self.as_own_rows(X, self.require_built())
        rows = self._joined(x, self.encode_context(context, len(x)))
        expected = variational.expected_parameters(self._posterior, self._families)
        return log_density(rows, expected, self._families.precision.covariance).softmax(1)

    def partial_fit(self, X: Any, y: Any = None, *, context: Any = None) -> Self:
        """Learn from more rows, which need not be kept; no components are joined.

        Args:
            X: (rows, d). The first ones place the components: they should be typical of all.
            y: (rows,) labels, if it is a model of x given the class; the first call's are all there will be.
            context: (rows, columns) in place of `y`.

        Raises:
            InputError: bad data, or fewer rows at first than components.
        """
        x = self.as_own_rows(X, self.event_shape)
        if self.event_shape is None:
            given, classes = self._given(len(x), y, context)
            self.build(tuple(x.shape[1:]), 0 if given is None else given.shape[1])
            self.classes = classes
        else:
            given = self.encode_context(y if context is None else context, len(x))
        rows = self._joined(x, given)
        if not self.mean_precision_.any():
            # Few rows of many may not be worth a component yet, and in a stream what was joined stays joined.
            self._begin(rows, None, merge_attempts=0)
            return self
        before = self._posterior
        self._keep(variational.climb(rows, before, before, self._families, tol=self.tol, max_iter=self.max_iter))
        return self

    @property
    def _families(self) -> Families:
        weights, precision = WEIGHT_POSTERIORS[self.weight_concentration_prior_type], PRECISIONS[self.covariance_type]
        return Families(weights=weights, precision=precision, reg_covar=self.reg_covar)

    @property
    def _posterior(self) -> Posterior:
        rows, degrees = self.mean_precision_, self.degrees_of_freedom_
        components = GaussianWishart(means=self.means_, rows=rows, degrees=degrees, scales=self.scales_)
        return Posterior(concentration=self.weight_concentration_, components=components)

    @property
    def _prior(self) -> Posterior:
        given = self.weight_concentration_prior, self.mean_precision_prior, self.degrees_of_freedom_prior
        return variational.symmetric_prior(
            self.mean_prior_, self.covariance_prior_, self._families, self.n_components, *given
        )

    @property
    def _predictive(self) -> StudentMixture:
        return variational.predictive(self._posterior, self._families)

    def _draw(self, components: Tensor) -> Tensor:
        return self._families.precision.student.draw(self._predictive, components)

    def _draw_given(self, context: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self._families.precision.student.draw_given(self._predictive, context, shape)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if len(event_shape) != 1:
            raise InputError(f"a mixture models rows of columns, not of shape {event_shape}: flatten them")
        self._forget_outcome()
        components, columns = self.n_components, context_features + event_shape[0]
        precision = self._families.precision
        least = precision.least_degrees(columns)
        if self.degrees_of_freedom_prior is not None and self.degrees_of_freedom_prior <= least:
            raise InputError(f"degrees_of_freedom_prior must be above {least} for {columns} columns")
        shape = precision.covariance.shape(components, columns)
        concentration = self._families.weights.prior(1.0, components).shape
        sizes: dict[str, tuple[int, ...]] = {
            "weight_concentration_": tuple(concentration),
            "means_": (components, columns),
            "scales_": shape,
            "mean_prior_": (columns,),
            "covariance_prior_": shape[1:],
        }
        sizes |= dict.fromkeys(("mean_precision_", "degrees_of_freedom_"), (components,))
        for name, size in sizes.items():
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self._begin(self._joined(x, context), progress, self.merge_attempts)

    def _begin(self, x: Tensor, progress: Progress | None, merge_attempts: int) -> None:
        """From data that follow none, the best of several starts."""
        if len(x) < self.n_components:
            raise InputError(f"X has {len(x)} rows, fewer than the {self.n_components} components to be fitted")
        families = self._families
        scale = families.precision.default_scale(x, self.reg_covar)
        self.mean_prior_ = as_double(self.mean_prior, x.mean(0), "mean_prior")
        self.covariance_prior_ = as_double(self.covariance_prior, scale, "covariance_prior")
        prior, generator, watch = self._prior, random_generator(self.random_state), Watch(progress)

        def climb_from(start: Posterior) -> Run:
            return variational.climb(x, prior, start, families, tol=self.tol, max_iter=self.max_iter, watch=watch)

        runs = []
        for _ in range(self.n_init):
            responsibilities = first_responsibilities(self.init_params, x, self.n_components, generator)
            start = variational.absorb(prior, moments_of(x, responsibilities, families.precision.covariance), families)
            runs.append(settle(x, prior, start, families, merge_attempts, climb_from))
            if watch.asked:
                break
        self._keep(max(runs, key=lambda run: run.lower_bound), was_asked=watch.asked)

    def _keep(self, run: Run, *, was_asked: bool = False) -> None:
        components = run.posterior.components
        self.weight_concentration_ = run.posterior.concentration
        self.means_, self.scales_ = components.means, components.scales
        self.mean_precision_, self.degrees_of_freedom_ = components.rows, components.degrees
        self._keep_outcome(run.lower_bound, run.iterations, run.converged)
        if not (run.converged or was_asked):
            warnings.warn(f"not settled after {self.max_iter} iterations: raise max_iter or tol", stacklevel=4)
