from collections.abc import Callable

import pytest
import torch

from genrl.flows import (
    ContinuousFlow,
    Flow,
    Glow,
    InverseAutoregressiveFlow,
    MaskedAutoregressiveFlow,
    NeuralSplineFlow,
    PlanarFlow,
    RadialFlow,
    RealNVP,
)
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=6, batch_size=64)

SMALL: dict[str, Callable[..., Flow]] = {
    "planar": lambda **more: PlanarFlow(**{"transforms": 4, "hidden": (8,), "fitting": BRIEF} | more),
    "radial": lambda **more: RadialFlow(**{"transforms": 4, "hidden": (8,), "fitting": BRIEF} | more),
    "real_nvp": lambda **more: RealNVP(**{"transforms": 5, "hidden": (16,), "fitting": BRIEF} | more),
    "maf": lambda **more: MaskedAutoregressiveFlow(**{"transforms": 3, "hidden": (16, 16), "fitting": BRIEF} | more),
    "iaf": lambda **more: InverseAutoregressiveFlow(**{"transforms": 3, "hidden": (16, 16), "fitting": BRIEF} | more),
    "glow": lambda **more: Glow(**{"transforms": 3, "hidden": (16,), "fitting": BRIEF} | more),
    "spline": lambda **more: NeuralSplineFlow(**{"transforms": 3, "hidden": (16,), "fitting": BRIEF} | more),
    "continuous": lambda **more: ContinuousFlow(**{"steps": 12, "hidden": (16,), "fitting": BRIEF} | more),
}


@pytest.fixture(params=list(SMALL))
def make(request: pytest.FixtureRequest) -> Callable[..., Flow]:
    """Makes small flows of each kind, which differ by the settings given."""
    return SMALL[request.param]


@pytest.fixture
def shaken() -> Callable[[Flow, int, int], Flow]:
    """A flow for so many columns and context columns, with parameters away from their start and units that differ."""

    def shake(flow: Flow, features: int, context_features: int = 0) -> Flow:
        torch.manual_seed(0)
        flow.build(features, context_features)
        with torch.no_grad():
            for parameter in flow.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        units = 1.0 + torch.arange(features)
        context = torch.randn(200, context_features) if context_features else None
        flow.standardise.initialise(torch.randn(200, features) * units + 2.0)
        if context is not None and flow.standardise_context is not None:
            flow.standardise_context.initialise(3.0 + 2.0 * context)
        return flow

    return shake
