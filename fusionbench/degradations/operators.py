"""Degradations as linear operators A with pseudo-inverses A+, on float tensors, for methods that invert them.

An observation is y = A x + n. Operators work per channel and per image, for any size, on the device of their input. An
operator that reduces (b, c, h, w) needs the original size to return to it, so `adjoint` and `pinv` take it as an
argument.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from fusionbench.types import Image

Size: TypeAlias = tuple[int, int]
Kernel: TypeAlias = Float[Tensor, "k l"]
Border: TypeAlias = Literal["zero", "mirror", "periodic"]
Borders: TypeAlias = tuple[tuple[Border, Border], tuple[Border, Border]]


KEPT = 8
"""Tensors made of a kernel that a blur keeps: for a few sizes of images."""


class Operator(ABC):
    """A linear map of images. Subclasses are final."""

    @abstractmethod
    def apply(self, x: Image) -> Image:
        """A x."""

    @abstractmethod
    def adjoint(self, y: Image, size: Size) -> Image:
        """A^T y, for images of `size`."""

    @abstractmethod
    def pinv(self, y: Image, size: Size) -> Image:
        """A+ y, for images of `size`; each operator documents what A+ guarantees."""

    @abstractmethod
    def output_size(self, size: Size) -> Size:
        """The size of A x for x of `size`."""


class Identity(Operator):
    """A = A+ = I: an observation that is only noisy, or not degraded at all."""

    @override
    def apply(self, x: Image) -> Image:
        return x

    @override
    def adjoint(self, y: Image, size: Size) -> Image:
        return y

    @override
    def pinv(self, y: Image, size: Size) -> Image:
        return y

    @override
    def output_size(self, size: Size) -> Size:
        return size


class Blur(Operator):
    """Convolution with a kernel of odd size; A+ is the Wiener filter.

    A+ = conj(H) / (|H|^2 + gamma) is periodic, as the Fourier transform is, and therefore a pseudo-inverse only in
    the limit gamma -> 0 away from the border. A mean residual r is corrected by r / (1 + gamma).

    Args:
        kernel: the point spread function; its sides must be odd.
        gamma: noise-to-signal power ratio; 0 inverts exactly all frequencies that the kernel does not remove.
        border: how the image is padded: 'zero', 'mirror' (without repeating the edge) or 'periodic', with which A
            matches A+ exactly; or one of the first two per side, as ((top, bottom), (left, right)).
    """

    def __init__(self, kernel: Kernel, gamma: float, border: Border | Borders = "zero") -> None:
        height, width = kernel.shape
        if not height % 2 or not width % 2:
            raise ValueError(f"a blur kernel needs odd sides, and this one is {height}x{width}")
        if gamma < 0:
            raise ValueError(f"gamma is a ratio of powers and cannot be {gamma}; use 0 or more")
        self.kernel, self.gamma = kernel, gamma
        self.borders: Borders = ((border, border), (border, border)) if isinstance(border, str) else border
        self._made: dict[tuple[object, ...], Tensor] = {}

    def with_borders(self, border: Border | Borders) -> Blur:
        """The same blur of images that are continued otherwise; what both compute of the kernel is computed once."""
        other = Blur(self.kernel, self.gamma, border)
        other._made = self._made
        return other

    @override
    def apply(self, x: Image) -> Image:
        continued = x.flatten(0, -3)[:, None]
        for dim in (-2, -1):
            places, kept = self._continuation(dim, continued.shape[dim], continued)
            continued = continued.index_select(dim, places) * kept
        return F.conv2d(continued, self._correlated(x)).reshape(x.shape)

    @override
    def adjoint(self, y: Image, size: Size) -> Image:
        folded = F.conv_transpose2d(y.flatten(0, -3)[:, None], self._correlated(y))
        for dim in (-2, -1):
            places, kept = self._continuation(dim, size[dim], folded)
            shape = list(folded.shape)
            shape[dim] = size[dim]
            folded = folded.new_zeros(shape).index_add(dim, places, folded * kept)
        return folded.reshape(y.shape)

    @override
    def pinv(self, y: Image, size: Size) -> Image:
        # There are no transforms in half precision.
        exact = y.to(torch.promote_types(y.dtype, torch.float32))
        inverse = self._once(("inverse", y.shape[-2:]), exact, self._inverse)
        return torch.fft.irfft2(torch.fft.rfft2(exact) * inverse, s=size).to(y.dtype)

    @override
    def output_size(self, size: Size) -> Size:
        return size

    def _continuation(self, dim: int, side: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """For each line of the padded image, the index of the line it repeats, and a weight, 0 where it is black."""
        before, after = self.borders[dim]
        reach = self.kernel.shape[dim] // 2
        places = torch.arange(-reach, side + reach, device=like.device)
        kept = torch.ones(len(places), dtype=like.dtype, device=like.device)
        kept[:reach] = before != "zero"
        kept[reach + side :] = after != "zero"
        if before == "periodic" or side == 1:
            places = places % side
        else:
            places = (side - 1) - (places % (2 * side - 2) - (side - 1)).abs()
        return places, kept[:, None] if dim == -2 else kept

    def _once(self, what: tuple[object, ...], like: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
        """Something made of the kernel, on the device of `like`; kept for the next images of its kind."""
        key = (*what, like.dtype, like.device)
        if key not in self._made:
            if len(self._made) >= KEPT:
                self._made.clear()
            # What a validation makes in inference mode could not be trained with.
            with torch.inference_mode(mode=False), torch.no_grad():
                self._made[key] = make(like)
        return self._made[key]

    def _correlated(self, like: Tensor) -> Tensor:
        # conv2d correlates; a convolution is a correlation with the flipped kernel.
        return self._once(("kernel",), like, lambda image: self.kernel.flip(0, 1).to(image)[None, None])

    def _inverse(self, like: Tensor) -> Tensor:
        response = self._response(like)
        power = response.abs().square()
        # With gamma = 0, a frequency that the kernel removes stays zero, as with the true pseudo-inverse.
        return torch.where(power + self.gamma > 0, response.conj() / (power + self.gamma), 0)

    def _response(self, like: Tensor) -> Tensor:
        """The kernel's transfer function at the size of `like`, its centre at the origin."""
        rows, columns = (torch.arange(side) - side // 2 for side in self.kernel.shape)
        height, width = like.shape[-2:]
        # A kernel larger than the image wraps around, so several of its entries may fall on one pixel.
        index = (rows % height)[:, None] * width + (columns % width)[None]
        spread = like.new_zeros(height * width).index_add(
            0, index.flatten().to(like.device), self.kernel.flatten().to(like)
        )
        return torch.fft.rfft2(spread.view(height, width))


class Downsample(Operator):
    """Averages over square patches; A+ repeats each value over its patch, so that A A+ = I and A+ = A^T (A A^T)^-1.

    Args:
        scale: side of a patch in pixels.
        origin: row and column at which a patch starts; patches cut by an edge are smaller.
    """

    def __init__(self, scale: int, origin: tuple[int, int] = (0, 0)) -> None:
        if scale < 1:
            raise ValueError(f"a scale is the side of a patch in pixels and cannot be {scale}; use 1 or more")
        self.scale = scale
        self.lead = (-origin[0] % scale, -origin[1] % scale)

    @override
    def apply(self, x: Image) -> Image:
        padded = F.pad(x.flatten(0, -3), (self.lead[1], 0, self.lead[0], 0))
        sums = F.avg_pool2d(padded, self.scale, ceil_mode=True, divisor_override=1)
        size = (x.shape[-2], x.shape[-1])
        return (sums / self._areas(size, x)).reshape(*x.shape[:-2], *self.output_size(size))

    @override
    def adjoint(self, y: Image, size: Size) -> Image:
        return self.pinv(y / self._areas(size, y), size)

    @override
    def pinv(self, y: Image, size: Size) -> Image:
        repeated = y.repeat_interleave(self.scale, dim=-2).repeat_interleave(self.scale, dim=-1)
        return repeated[..., self.lead[0] : self.lead[0] + size[0], self.lead[1] : self.lead[1] + size[1]]

    @override
    def output_size(self, size: Size) -> Size:
        return -(-(size[0] + self.lead[0]) // self.scale), -(-(size[1] + self.lead[1]) // self.scale)

    def _areas(self, size: Size, like: Tensor) -> Tensor:
        """How many pixels each patch covers."""
        rows, columns = (self._extent(side, lead, like) for side, lead in zip(size, self.lead, strict=True))
        return rows[:, None] * columns

    def _extent(self, side: int, lead: int, like: Tensor) -> Tensor:
        starts = torch.arange(-lead, side, self.scale, device=like.device)
        return ((starts + self.scale).clamp(max=side) - starts.clamp(min=0)).to(like.dtype)


class Pixelate(Operator):
    """A low-resolution image enlarged again: `Downsample`, then each value repeated over its patch.

    An orthogonal projector, so A = A^T = A+, and correcting with it equals correcting with `Downsample`: for an
    enlarged observation, A+ (A x - y) is the pooled residual repeated over its patches.
    """

    def __init__(self, scale: int, origin: tuple[int, int] = (0, 0)) -> None:
        self.scale = scale
        self.pooling = Downsample(scale, origin)

    @override
    def apply(self, x: Image) -> Image:
        return self.pooling.pinv(self.pooling.apply(x), (x.shape[-2], x.shape[-1]))

    @override
    def adjoint(self, y: Image, size: Size) -> Image:
        return self.apply(y)

    @override
    def pinv(self, y: Image, size: Size) -> Image:
        return self.apply(y)

    @override
    def output_size(self, size: Size) -> Size:
        return size


class Composition(Operator):
    """A = A1 A2 ... An, the last applied first; A+ = An+ ... A2+ A1+.

    The product of pseudo-inverses is a right inverse of A where every factor's is; it is not the pseudo-inverse of
    the product in general.
    """

    def __init__(self, factors: Sequence[Operator]) -> None:
        self.factors = tuple(factors)

    @override
    def apply(self, x: Image) -> Image:
        for factor in reversed(self.factors):
            x = factor.apply(x)
        return x

    @override
    def adjoint(self, y: Image, size: Size) -> Image:
        for factor, inner in zip(self.factors, self._inner_sizes(size), strict=True):
            y = factor.adjoint(y, inner)
        return y

    @override
    def pinv(self, y: Image, size: Size) -> Image:
        for factor, inner in zip(self.factors, self._inner_sizes(size), strict=True):
            y = factor.pinv(y, inner)
        return y

    @override
    def output_size(self, size: Size) -> Size:
        for factor in reversed(self.factors):
            size = factor.output_size(size)
        return size

    def _inner_sizes(self, size: Size) -> list[Size]:
        """The input size of each factor, in the order of the factors."""
        sizes = []
        for factor in reversed(self.factors):
            sizes.append(size)
            size = factor.output_size(size)
        return sizes[::-1]


def gaussian_kernel(side: int, sigma: float) -> Kernel:
    """A sampled Gaussian of unit sum.

    Raises:
        ValueError: the side is even, or sigma is not positive.
    """
    if sigma <= 0:
        raise ValueError(f"a Gaussian kernel needs a positive sigma, not {sigma}")
    if side < 1 or side % 2 == 0:
        raise ValueError(f"a Gaussian kernel needs an odd side, not {side}")
    offsets = torch.arange(side, dtype=torch.float64) - side // 2
    line = torch.exp(-offsets.square() / (2 * sigma**2))
    line = line / line.sum()
    return torch.outer(line, line).to(torch.float32)


def compose(factors: Sequence[Operator]) -> Operator:
    """A1 A2 ... An with the identities left out."""
    kept = [factor for factor in factors if not isinstance(factor, Identity)]
    if not kept:
        return Identity()
    return kept[0] if len(kept) == 1 else Composition(kept)
