"""Filter kernels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def gaussian(
    size: int, sigma: float, dtype: torch.dtype = torch.float64, device: torch.device | None = None
) -> Float[Tensor, " size"]:
    """A sampled Gaussian, centred and with sum 1: one direction of a window of `size` pixels a side.

    Example:
        >>> gaussian(3, 1.0)
        tensor([0.2741, 0.4519, 0.2741], dtype=torch.float64)
    """
    offsets = torch.arange(size, dtype=dtype, device=device) - (size - 1) / 2
    taps = torch.exp(-offsets.square() / (2 * sigma**2))
    return taps / taps.sum()
