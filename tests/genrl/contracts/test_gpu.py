"""Every model lives on a GPU as it does on the CPU."""

import pytest
import torch
from family_cases import CLASSES, FEW, Case, gaussian, labelled

from genrl.protocols import Density

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def everything_is_there(model: torch.nn.Module) -> None:
    assert {tensor.device.type for tensor in model.state_dict().values()} <= {"cuda"}


def test_fits_and_samples(free_case: Case) -> None:
    model = free_case.make(FEW).to("cuda").fit(gaussian(64, 0))
    everything_is_there(model)
    samples = model.sample(5)
    assert samples.device.type == "cuda"
    assert torch.isfinite(samples).all()


def test_labels(labels_case: Case) -> None:
    x, y = labelled(64, 0)
    model = labels_case.make(FEW).to("cuda").fit(x, y)
    everything_is_there(model)
    assert model.sample(3, context=torch.tensor(CLASSES)).shape == (3, 2, 2)


def test_densities(density_case: Case) -> None:
    model = density_case.make(FEW).to("cuda").fit(gaussian(64, 0).to("cuda"))
    assert isinstance(model, Density)
    values = model.log_prob(gaussian(8, 1).to("cuda"))
    assert values.device.type == "cuda"
    on_the_cpu = model.to("cpu").log_prob(gaussian(8, 1))
    torch.testing.assert_close(values.cpu(), on_the_cpu, rtol=1e-3, atol=1e-2)
