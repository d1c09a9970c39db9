"""The Laplacian pyramid of Burt and Adelson (IEEE Trans. Communications 31(4), 1983), for any image size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.methods.common.padding import reflect
from fusionbench.types import Image

# The paper's generating kernel with a = 0.4, the value closest to a Gaussian (section "equivalent weighting").
_KERNEL = (0.05, 0.25, 0.4, 0.25, 0.05)


def laplacian_pyramid(image: Image, levels: int) -> list[Tensor]:
    """Detail images from fine to coarse and the residual base, at most `levels` + 1; a side of 1 is not halved."""
    pyramid = []
    for _ in range(levels):
        if min(image.shape[-2:]) < 2:
            break
        coarse = _smoothed(image)[..., ::2, ::2]
        pyramid.append(image - _expanded(coarse, *image.shape[-2:]))
        image = coarse
    return [*pyramid, image]


def collapse(pyramid: list[Tensor]) -> Tensor:
    """The image of a Laplacian pyramid."""
    *details, image = pyramid
    for detail in reversed(details):
        image = detail + _expanded(image, *detail.shape[-2:])
    return image


def _expanded(coarse: Tensor, height: int, width: int) -> Tensor:
    sparse = coarse.new_zeros(*coarse.shape[:-2], height, width)
    sparse[..., ::2, ::2] = coarse
    return 4 * _smoothed(sparse)


def _smoothed(image: Image) -> Image:
    kernel = torch.tensor(_KERNEL, dtype=image.dtype, device=image.device)
    planes = reflect(image, 2, 2, 2, 2).flatten(0, -3).unsqueeze(1)
    return F.conv2d(F.conv2d(planes, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1)).view(image.shape)
