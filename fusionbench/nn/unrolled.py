"""Unrolled sparse coding of an image of one channel, computed a few pixels at a time so that codes stay in the cache.

A code of hundreds of channels is as large as hundreds of images. Convolving and thresholding it as a whole moves it
through memory a dozen times per step; here a step reads and writes it once. A 3 x 3 convolution from one channel is a
matrix times the nine neighbours of every pixel; one to a single channel is a matrix times the code, nine maps whose
shifted sum is the result. Values differ from those of convolutions by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.nn.reflect import ReflectConv
from fusionbench.types import Gray

_PIXELS = 512
"""So many pixels of 256 channels are half a mebibyte, which a core's second cache holds."""


def unrolled_code(
    images: Sequence[Gray],
    encoders: Sequence[ReflectConv],
    decoders: Sequence[ReflectConv],
    update: Callable[[int, Tensor, Tensor], Tensor],
) -> Tensor:
    """The code after all steps: `code = update(k, code, encoder_k(image_k - decoder_k(code)))`, starting from zero.

    Args:
        images: what each step reads, (B, 1, H, W) with H and W at least 2.
        encoders: of each step, from one channel to C.
        decoders: of each step but the first, from C channels to one; the first has nothing to decode.
        update: the new code from the number of the step, the code and the encoded rest, all (C, pixels); values of a
            pixel must depend on that pixel alone, and the code may be overwritten.

    Returns:
        The code, (B, C, H, W).
    """
    return torch.cat(
        [_code([image[n : n + 1] for image in images], encoders, decoders, update) for n in range(len(images[0]))]
    )


def _code(
    images: Sequence[Gray],
    encoders: Sequence[ReflectConv],
    decoders: Sequence[ReflectConv],
    update: Callable[[int, Tensor, Tensor], Tensor],
) -> Tensor:
    height, width = images[0].shape[-2:]
    pixels = height * width
    few = _PIXELS if images[0].device.type == "cpu" else pixels
    channels = encoders[0].conv2d.out_channels
    code = images[0].new_zeros(channels, pixels)
    maps = images[0].new_empty(9, pixels)
    for number, (image, encoder) in enumerate(zip(images, encoders, strict=True)):
        rest = image if number == 0 else image - _shifted_sum(maps.view(1, 9, height, width), decoders[number - 1])
        neighbours = _neighbours(rest)[0]
        taps = encoder.conv2d.weight.flatten(1)
        following = decoders[number].conv2d.weight.view(channels, 9).t() if number < len(decoders) else None
        for begin in range(0, pixels, few):
            part = slice(begin, begin + few)
            encoded = taps @ neighbours[:, part]
            if encoder.conv2d.bias is not None:
                encoded += encoder.conv2d.bias[:, None]
            code[:, part] = update(number, code[:, part], encoded)
            if following is not None:
                maps[:, part] = following @ code[:, part]
    return code.view(1, channels, height, width)


def decoded(decoder: ReflectConv, code: Tensor) -> Gray:
    """What `decoder(code)` gives, from (B, C, H, W) to (B, 1, H, W)."""
    taps = decoder.conv2d.weight.view(-1, 9).t()
    maps = torch.cat([(taps @ each.flatten(1)).view(1, 9, *code.shape[-2:]) for each in code])
    return _shifted_sum(maps, decoder)


def _neighbours(image: Gray) -> Tensor:
    """Every pixel's 3 x 3 neighbours, (B, 9, pixels)."""
    return F.unfold(F.pad(image, (1, 1, 1, 1), mode="reflect"), 3)


def _shifted_sum(maps: Tensor, decoder: ReflectConv) -> Gray:
    """The sum of the nine maps of a convolution's taps, each shifted to its place, and the bias."""
    height, width = maps.shape[-2:]
    padded = F.pad(maps, (1, 1, 1, 1), mode="reflect")
    total = _sum(padded[:, n : n + 1, n // 3 : n // 3 + height, n % 3 : n % 3 + width] for n in range(9))
    return total if decoder.conv2d.bias is None else total + decoder.conv2d.bias


def _sum(maps: Iterable[Tensor]) -> Tensor:
    first, *others = maps
    total = first.clone()
    for each in others:
        total += each
    return total


def soft_threshold(code: Tensor, threshold: Tensor) -> Tensor:
    """Shrinks values towards zero by a threshold, which may be slightly negative and is used as it is."""
    return code.abs().sub_(threshold).clamp_min_(0).mul_(code.sign())
