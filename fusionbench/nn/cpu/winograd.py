"""3 x 3 convolution with a quarter of the multiplications, for inference on a CPU.

Winograd's F(4 x 4, 3 x 3) after Lavin and Gray (CVPR 2016): a tile of 6 x 6 input pixels becomes 36 numbers, for each
of which one matrix product mixes the channels, and these become 16 output pixels. In blocks of tiles that stay in the
cache it takes 0.7 to 0.9 of the time of oneDNN's direct convolution with AVX-512 from 256 channels on. Its rounding
errors are three times those.

Images stay channels-first: torch's normalisations of channels-last groups on a CPU sum squares without centring them,
which costs two or three digits.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

OUTPUT, INPUT = 4, 6
"""Sides of a tile in pixels."""

LEAST_CHANNELS = 192
"""With fewer channels the transforms take longer than the products that they save."""

LEAST_TILES = 192
"""With fewer tiles the products are too thin for the transformed weights to pay."""

BLOCK = 2_000_000
"""Transformed numbers per block: 8 MB, which the cache that cores share holds."""

RUN = 32
"""Channels that are summed at once."""

# Interpolation at 0, +-2/3, +-3/2 and infinity: of the points 0, +-c, +-1/c those with the smallest rounding errors,
# half of those of the usual 0, +-1, +-2 and infinity.
FROM_INPUT = (
    (1.0, 0.0, -97 / 36, 0.0, 1.0, 0.0),
    (0.0, -3 / 2, -9 / 4, 2 / 3, 1.0, 0.0),
    (0.0, 3 / 2, -9 / 4, -2 / 3, 1.0, 0.0),
    (0.0, -2 / 3, -4 / 9, 3 / 2, 1.0, 0.0),
    (0.0, 2 / 3, -4 / 9, -3 / 2, 1.0, 0.0),
    (0.0, 1.0, 0.0, -97 / 36, 0.0, 1.0),
)
FROM_KERNEL = (
    (1.0, 0.0, 0.0),
    (-81 / 130, -27 / 65, -18 / 65),
    (-81 / 130, 27 / 65, -18 / 65),
    (8 / 65, 12 / 65, 18 / 65),
    (8 / 65, -12 / 65, 18 / 65),
    (0.0, 0.0, 1.0),
)
TO_OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2, 0.0),
    (0.0, 4 / 9, 4 / 9, 9 / 4, 9 / 4, 0.0),
    (0.0, 8 / 27, -8 / 27, 27 / 8, -27 / 8, 1.0),
)


def conv3x3(
    x: Float[Tensor, "b c h w"], weight: Float[Tensor, "o c 3 3"], bias: Float[Tensor, " o"]
) -> Float[Tensor, "b o h w"]:
    """`conv2d` with stride 1 and a border of one zero, by the faster implementation."""
    if _pays(x, weight):
        return winograd3x3(x, weight, bias)
    return F.conv2d(x, weight, bias, padding=1)


def _pays(x: Tensor, weight: Tensor) -> bool:
    plain = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and x.is_contiguous()
    if not plain or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    tiles = x.shape[0] * (x.shape[2] // OUTPUT) * (x.shape[3] // OUTPUT)
    return min(weight.shape[:2]) >= LEAST_CHANNELS and tiles >= LEAST_TILES


def winograd3x3(
    x: Float[Tensor, "b c h w"], weight: Float[Tensor, "o c 3 3"], bias: Float[Tensor, " o"]
) -> Float[Tensor, "b o h w"]:
    """`conv2d` with stride 1 and a border of one zero, on channels-first images."""
    batch, channels, height, width = x.shape
    outputs, rows, columns = weight.shape[0], -(-height // OUTPUT), -(-width // OUTPUT)
    from_input, from_kernel, to_output = (_both_sides(matrix, x) for matrix in (FROM_INPUT, FROM_KERNEL, TO_OUTPUT))
    kernels = (from_kernel @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(INPUT**2, channels, outputs)
    # Channels are mixed as rows of matrices, so they lie side by side here.
    padded = x.new_zeros(batch, rows * OUTPUT + 2, columns * OUTPUT + 2, channels)
    padded[:, 1 : height + 1, 1 : width + 1] = x.permute(0, 2, 3, 1)
    result = x.new_empty(batch, outputs, rows * OUTPUT, columns * OUTPUT)
    step = max(1, BLOCK // (INPUT**2 * columns * max(channels, outputs)))
    for image in range(batch):
        for top in range(0, rows, step):
            count = min(step, rows - top)
            tiles = _tiles(padded[image, top * OUTPUT :], count, columns)
            transformed = (from_input @ tiles.reshape(INPUT**2, -1)).view(INPUT**2, count * columns, channels)
            mixed = _summed(transformed, kernels)
            block = (to_output @ mixed.view(INPUT**2, -1)).view(OUTPUT, OUTPUT, count, columns, outputs)
            place = result[image, :, top * OUTPUT : (top + count) * OUTPUT]
            place.view(outputs, count, OUTPUT, columns, OUTPUT).copy_(block.permute(4, 2, 0, 3, 1))
    return result[..., :height, :width].contiguous().add_(bias[:, None, None])


def _summed(x: Float[Tensor, "36 tiles c"], kernels: Float[Tensor, "36 c o"]) -> Float[Tensor, "36 tiles o"]:
    """The matrix products, channels added in short runs first: long sums are where most of the rounding happens."""
    mixed = torch.bmm(x[..., :RUN], kernels[:, :RUN])
    for start in range(RUN, x.shape[2], RUN):
        mixed.baddbmm_(x[..., start : start + RUN], kernels[:, start : start + RUN])
    return mixed


def _tiles(lines: Float[Tensor, "h w c"], rows: int, columns: int) -> Float[Tensor, "6 6 rows columns c"]:
    """Overlapping tiles as a view: pixel of the tile first, then the tile."""
    down, right, channel = lines.stride()
    size = (INPUT, INPUT, rows, columns, lines.shape[-1])
    return lines.as_strided(size, (down, right, OUTPUT * down, OUTPUT * right, channel))


def _both_sides(matrix: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    """The matrix applied to rows and to columns, as one matrix for flattened tiles."""
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one).to(like)
