"""The same flows in this package and in its peers, zuko and nflows: equal networks, all numbers of parameters shown.

A peer that lacks a family, or is not installed, has no contender in it. All are built for plain rows, random weights,
without a context.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

OURS = "genrl"
AUTOREGRESSIVE = "zuko, autoregressive"
ROBUST = "genrl, student_t"
HIDDEN = (64, 64)
BINS = 8
BOX = 5.0


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A flow of any package.

    Attributes:
        module: holds its parameters.
        log_prob: of (rows, features).
        sample: so many rows.
    """

    module: nn.Module
    log_prob: Callable[[Tensor], Tensor]
    sample: Callable[[int], Tensor]

    @property
    def parameters(self) -> int:
        """How many numbers it learns."""
        return sum(parameter.numel() for parameter in self.module.parameters())


Maker = Callable[[int], Contender]


def families() -> dict[str, dict[str, Maker]]:
    """Contenders by family: one of ours in each, and those of the peers that are installed."""
    table: dict[str, dict[str, Maker]] = {family: {OURS: make} for family, make in ours("normal").items()}
    for package, makers in (("zuko", zuko_flows), ("nflows", nflows_flows)):
        if importlib.util.find_spec(package) is not None:
            for family, name, make in makers():
                table[family][name] = make
    return table


def robust() -> dict[str, dict[str, Maker]]:
    """This package's with a base of heavy tails, which the peers have not."""
    return {family: {ROBUST: make} for family, make in ours("student_t").items()}


def ours(base: Literal["normal", "student_t"]) -> dict[str, Maker]:
    """This package's, over the same base distribution."""
    from genrl import flows

    def built(make: Callable[[], flows.Flow]) -> Maker:
        def make_one(features: int) -> Contender:
            flow = make().build(features)
            return Contender(module=flow, log_prob=flow.log_prob, sample=flow.sample)

        return make_one

    like: dict[str, Any] = {"hidden": HIDDEN, "base": base}
    return {
        "real_nvp": built(lambda: flows.RealNVP(transforms=8, **like)),
        "masked_autoregressive": built(lambda: flows.MaskedAutoregressiveFlow(transforms=5, **like)),
        "inverse_autoregressive": built(lambda: flows.InverseAutoregressiveFlow(transforms=5, **like)),
        "neural_spline": built(lambda: flows.NeuralSplineFlow(transforms=4, bins=BINS, box=BOX, **like)),
        "glow": built(lambda: flows.Glow(transforms=6, **like)),
        "continuous": built(lambda: flows.ContinuousFlow(**like)),
    }


def zuko_flows() -> Iterator[tuple[str, str, Maker]]:
    """Family, name and maker of each flow of zuko."""
    import zuko

    def wrapped(flow: Any) -> Contender:
        return Contender(module=flow, log_prob=lambda x: flow().log_prob(x), sample=lambda rows: flow().sample((rows,)))

    def inverse_autoregressive(features: int) -> Contender:
        masked = zuko.flows.MAF(features, transforms=5, hidden_features=HIDDEN)
        turned = [zuko.lazy.LazyInverse(transform) for transform in reversed(masked.transform.transforms)]
        return wrapped(zuko.flows.Flow(turned, masked.base))

    def spline_coupling(features: int) -> Contender:
        spline = zuko.transforms.MonotonicRQSTransform
        shapes = [(BINS,), (BINS,), (BINS - 1,)]
        flow = zuko.flows.RealNVP(features, transforms=4, hidden_features=HIDDEN, univariate=spline, shapes=shapes)
        return wrapped(flow)

    def plain(name: str, **settings: Any) -> Maker:
        return lambda features: wrapped(getattr(zuko.flows, name)(features, hidden_features=HIDDEN, **settings))

    yield "real_nvp", "zuko", plain("RealNVP", transforms=8)
    yield "masked_autoregressive", "zuko", plain("MAF", transforms=5)
    yield "inverse_autoregressive", "zuko", inverse_autoregressive
    yield "neural_spline", "zuko", spline_coupling
    yield "neural_spline", AUTOREGRESSIVE, plain("NSF", transforms=4, bins=BINS)
    yield "continuous", "zuko", plain("CNF")


def nflows_flows() -> Iterator[tuple[str, str, Maker]]:
    """Family, name and maker of each flow of nflows."""
    from nflows import transforms
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow

    def mask(features: int, number: int) -> Tensor:
        return (torch.arange(features) + number) % 2

    def affine(features: int, number: int) -> Any:
        return transforms.AffineCouplingTransform(mask(features, number), _Network)

    def spline(features: int, number: int) -> Any:
        return transforms.PiecewiseRationalQuadraticCouplingTransform(
            mask(features, number), _Network, num_bins=BINS, tails="linear", tail_bound=BOX
        )

    def masked(features: int, number: int) -> Any:
        return transforms.CompositeTransform(
            [
                transforms.MaskedAffineAutoregressiveTransform(
                    features, HIDDEN[0], num_blocks=len(HIDDEN) - 1, use_residual_blocks=False
                ),
                transforms.ReversePermutation(features),
            ]
        )

    def inverted(features: int, number: int) -> Any:
        return transforms.InverseTransform(masked(features, number))

    def glow(features: int, number: int) -> Any:
        return transforms.CompositeTransform(
            [transforms.ActNorm(features), transforms.LULinear(features), affine(features, number)]
        )

    def stacked(layer: Callable[[int, int], Any], layers: int) -> Maker:
        def make_one(features: int) -> Contender:
            stack = [layer(features, number) for number in range(layers)]
            flow = Flow(transforms.CompositeTransform(stack), StandardNormal([features]))
            # Actnorm of nflows waits for a first batch in training mode.
            flow.train()
            flow.log_prob(torch.randn(256, features))
            return Contender(module=flow, log_prob=flow.log_prob, sample=flow.sample)

        return make_one

    yield "real_nvp", "nflows", stacked(affine, 8)
    yield "masked_autoregressive", "nflows", stacked(masked, 5)
    yield "inverse_autoregressive", "nflows", stacked(inverted, 5)
    yield "neural_spline", "nflows", stacked(spline, 4)
    yield "glow", "nflows", stacked(glow, 6)


class _Network(nn.Sequential):
    """The network of a coupling of nflows, which calls it with a context too."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Linear(inputs, HIDDEN[0]), nn.ReLU(), nn.Linear(*HIDDEN), nn.ReLU(), nn.Linear(HIDDEN[1], outputs)
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return super().forward(x)
