import torch

from genrl.flows.planar import LEAST_SLOPE, Planar
from genrl.flows.radial import Radial, distance
from genrl.flows.root import increasing_root


def test_planar_is_the_equation_of_the_paper() -> None:
    planar = Planar(2, 0, (8,))
    planar.vectors.data = torch.tensor([0.5, 0.2, 1.0, -1.0, 0.3])
    u, w, b, along = planar._vectors(None)
    x = torch.randn(6, 2)
    z, log_det = planar(x)
    bend = (x @ w[0] + b).tanh()
    torch.testing.assert_close(z, x + bend[:, None] * u[0])
    psi = (1 - bend**2)[:, None] * w[0]
    torch.testing.assert_close(log_det, (1 + psi @ u[0]).abs().log())
    torch.testing.assert_close((u * w).sum(1), along)


def test_a_new_planar_without_u_is_the_identity() -> None:
    x = torch.randn(5, 3)
    z, log_det = Planar(3, 0, (8,))(x)
    torch.testing.assert_close(z, x, atol=1e-6, rtol=0)
    torch.testing.assert_close(log_det, torch.zeros(5), atol=1e-6, rtol=0)


def test_planar_stays_invertible_whatever_its_numbers() -> None:
    torch.manual_seed(0)
    for scale in (0.1, 1.0, 10.0):
        planar = Planar(3, 0, (8,))
        planar.vectors.data = scale * torch.randn(7)
        assert planar._vectors(None)[3] >= LEAST_SLOPE - 1
        x = 3 * torch.randn(200, 3)
        z, log_det = planar(x)
        assert torch.isfinite(log_det).all()
        assert ((planar.inverse(z)[0] - x).abs() / max(1.0, scale)).max() < 1e-4


def test_planar_gradient_through_the_root_is_that_of_the_inverse_function() -> None:
    torch.manual_seed(0)
    planar = Planar(2, 0, (8,)).double()
    planar.vectors.data = torch.randn(5, dtype=torch.float64)
    z = torch.randn(3, 2, dtype=torch.float64)

    class Back(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.planar = planar

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.planar.inverse(z)[0]

    back = Back()

    def call(vectors: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.func.functional_call(back, {"planar.vectors": vectors}, (z,))
        return found

    vectors = planar.vectors.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(call, (vectors, z.requires_grad_()))


def test_radial_is_the_equation_of_the_paper() -> None:
    torch.manual_seed(0)
    radial = Radial(3, 0, (8,))
    radial.numbers.data = torch.tensor([0.5, 0.2, -1.0, 0.3, 1.5])
    centre, alpha, beta = radial._numbers(None)
    x = torch.randn(6, 3)
    r = (x - centre).norm(dim=1)
    h = 1 / (alpha + r)
    z, log_det = radial(x)
    torch.testing.assert_close(z, x + (beta * h)[:, None] * (x - centre))
    torch.testing.assert_close(log_det, 2 * (1 + beta * h).log() + (1 + beta * h - beta * r * h**2).log())


def test_radial_stays_invertible_whatever_its_numbers() -> None:
    torch.manual_seed(0)
    for scale in (0.1, 1.0, 5.0, 20.0):
        radial = Radial(3, 0, (8,))
        radial.numbers.data = scale * torch.randn(5)
        x = torch.cat([3 * torch.randn(200, 3), radial.numbers[None, :3].detach()])
        z, log_det = radial(x)
        assert torch.isfinite(log_det).all()
        assert (radial.inverse(z)[0] - x).abs().max() < 1e-4 * max(1.0, scale)


def test_distance_has_a_gradient_at_zero_and_no_overflow() -> None:
    away = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3e30, 4e30]], requires_grad=True)
    found = distance(away)
    found.sum().backward()
    torch.testing.assert_close(found[[0, 2]], torch.tensor([5.0, 5e30]))
    assert away.grad is not None
    assert torch.isfinite(away.grad).all()
    torch.testing.assert_close(away.grad[0], torch.tensor([0.6, 0.8]))


def test_root_of_a_function_on_which_newton_alone_runs_away() -> None:
    def steep(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (20 * (t - 1)).tanh(), 20 * (1 - (20 * (t - 1)).tanh() ** 2) + 1e-6

    low, high = torch.full((3,), -50.0, dtype=torch.float64), torch.tensor([60.0, 1.0, 1e3], dtype=torch.float64)
    torch.testing.assert_close(increasing_root(steep, low, high), torch.ones(3, dtype=torch.float64))
