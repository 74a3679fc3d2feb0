"""Vector quantisation: numbers replaced by the nearest of a few learned vectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.errors import InputError

__all__ = ["Quantised", "VectorQuantizer", "check_codebook", "nearest_codes", "perplexity", "straight_through"]

LEAST_USAGE = 1e-12  # below it a code that nobody uses stays where it is


@dataclass(frozen=True)
class Quantised:
    """What became of vectors (..., width).

    Attributes:
        vectors: (..., width) the nearest ones of the codebook; gradients pass to what was quantised.
        codes: (...,) int64, their numbers.
        commitment: the mean squared distance, whose gradient moves what was quantised and not the codebook.
    """

    vectors: Tensor
    codes: Tensor
    commitment: Tensor


class VectorQuantizer(nn.Module):
    """A codebook that follows what it quantises (van den Oord et al. 2017, equations 1 and 2, appendix A.1).

    While it is in training mode each code moves to the running mean of the vectors that chose it, and a code that
    hardly any chooses is put onto a vector of the batch (Dhariwal et al. 2020). At first none is in use, so that the
    first batch provides all of them. Departure from the paper: the running sums are kept as means, which is the same.

    Args:
        size: vectors in the codebook.
        width: numbers of each.
        decay: of the running means, a batch.
        restart_below: a code is put elsewhere when its share of the choices is less than so much of 1 / size; 0 never.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> quantizer = VectorQuantizer(2, 1)
    >>> found = quantizer(torch.tensor([[0.0], [5.0], [0.2], [4.8]]))
    >>> bool(found.codes[0] == found.codes[2]), bool(found.codes[0] == found.codes[1])
    (True, False)
    """

    codebook: Tensor
    usage: Tensor

    def __init__(self, size: int, width: int, *, decay: float = 0.9, restart_below: float = 0.05) -> None:
        super().__init__()
        self.decay = decay
        self.restart_below = restart_below
        self.register_buffer("codebook", torch.randn(size, width))
        self.register_buffer("usage", torch.zeros(size))

    def forward(self, x: Tensor) -> Quantised:
        """Quantise (..., width), and in training mode learn from it."""
        vectors = x.reshape(-1, x.shape[-1])
        if self.training:
            self._restart(vectors.detach())
        codes = nearest_codes(vectors.detach(), self.codebook)
        chosen = self.codebook[codes]
        if self.training:
            self._follow(vectors.detach(), codes)
        return Quantised(
            vectors=straight_through(vectors, chosen).reshape(x.shape),
            codes=codes.reshape(x.shape[:-1]),
            commitment=(vectors - chosen).square().mean(),
        )

    def codes(self, x: Tensor) -> Tensor:
        """(...,) the codes of (..., width); nothing is learned from them."""
        return nearest_codes(x.reshape(-1, x.shape[-1]), self.codebook).reshape(x.shape[:-1])

    def look_up(self, codes: Tensor) -> Tensor:
        """(..., width) the vectors of codes (...,)."""
        return self.codebook[codes]

    @property
    def perplexity(self) -> Tensor:
        """How many codes were in use lately, were they used equally often."""
        return perplexity(self.usage)

    @property
    def used(self) -> Tensor:
        """The share of codes that got a tenth of their due lately, or more."""
        return (self.usage >= 0.1 * self.usage.mean()).float().mean()

    @torch.no_grad()
    def _follow(self, vectors: Tensor, codes: Tensor) -> None:
        """One step of the running means: N <- g N + (1 - g) n, N e <- g N e + (1 - g) (sum of the n vectors)."""
        counts = torch.bincount(codes, minlength=len(self.usage)).to(vectors)
        sums = torch.zeros_like(self.codebook).index_add_(0, codes, vectors)
        self.usage.lerp_(counts, 1 - self.decay)
        share = (1 - self.decay) / self.usage.clamp(min=LEAST_USAGE)
        self.codebook.addcmul_(torch.addcmul(sums, self.codebook, counts[:, None], value=-1), share[:, None])

    @torch.no_grad()
    def _restart(self, vectors: Tensor) -> None:
        """Put codes that are out of use onto vectors drawn at random, as if they had had their due so far."""
        if not self.usage.any():
            dead = torch.ones_like(self.usage, dtype=torch.bool)
        else:
            dead = self.usage < self.restart_below * self.usage.mean()
        count = int(dead.sum())
        if count:
            picked = torch.randperm(len(vectors), device=vectors.device)
            self.codebook[dead] = vectors[picked[torch.arange(count, device=vectors.device) % len(vectors)]]
            self.usage[dead] = len(vectors) / len(self.usage)


def nearest_codes(vectors: Tensor, codebook: Tensor) -> Tensor:
    """(rows,) the number of the vector of the codebook that is nearest to each of (rows, width).

    >>> nearest_codes(torch.tensor([[0.9, 0.0], [-3.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0], [-2.0, 0.0]]))
    tensor([1, 2])
    """
    # Half the squared distance, less what is the same for all codes.
    return torch.addmm(0.5 * codebook.square().sum(1), vectors, codebook.T, alpha=-1).argmin(1)


def straight_through(x: Tensor, value: Tensor) -> Tensor:
    """The value, with the gradient of x (Bengio et al. 2013)."""
    return x + (value - x).detach()


def perplexity(counts: Tensor) -> Tensor:
    """Exp of the entropy of (size,) shares: as many equally frequent codes would be as hard to foretell.

    >>> perplexity(torch.tensor([5.0, 5.0, 0.0])).item()
    2.0
    """
    shares = counts / counts.sum().clamp(min=LEAST_USAGE)
    return torch.special.entr(shares).sum().exp()


def check_codebook(*, commitment: float, decay: float, restart_below: float) -> None:
    """Refuse what no codebook can learn by.

    Raises:
        InputError: one is out of its range; the message names it.
    """
    at_least(0, commitment=commitment, restart_below=restart_below)
    for name, value in (("decay", decay), ("restart_below", restart_below)):
        if not 0 <= value < 1:
            raise InputError(f"{name} must be within 0 .. 1 and below 1, not {value}")
