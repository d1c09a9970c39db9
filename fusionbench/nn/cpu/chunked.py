"""Transformer layers in chunks of rows, for inference on a CPU.

Between its two matrix products a transformer block has 3 to 5 times as many values as in its input and output. For a
whole image they are moved to main memory and back at every step, which takes more time than the arithmetic. A chunk of
rows fits into the cache; depthwise 3 x 3 convolutions need one more row on either side, which is kept from the previous
chunk. Images are (B, C, H, W) in channels-last layout, and are processed one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fusionbench.types import Image

Tokens = Float[Tensor, "n c"]
"""Pixels by channels."""

Rows = Float[Tensor, "h w c"]
"""One image, or a chunk of its rows, channels last."""

CHUNK_ELEMENTS = 1_000_000
"""Maximum number of elements in the widest intermediate of a chunk. Measured with 1 MiB of second-level cache per core
and 32 MiB of third: half or twice as many cost 1 to 9 %, an eighth 8 to 19 %, eight times as many a quarter."""

SIMD = 16
"""Elements of the widest registers; matrices with a multiple of it as columns are multiplied up to a fifth faster."""

EPSILON = 1e-12
"""The minimum norm of a query or key, as in `torch.nn.functional.normalize`."""


class Branch(NamedTuple):
    """A 1 x 1 convolution followed by a depthwise 3 x 3 one.

    Attributes:
        project: (C_out, C_in).
        kernel: (C_out, 1, 3, 3).
    """

    project: Float[Tensor, "c_out c_in"]
    kernel: Float[Tensor, "c_out 1 3 3"]


def apply_to(features: Image) -> bool:
    """Whether to process these features in chunks: in full precision on a CPU, without gradient and compiler."""
    return (
        features.device.type == "cpu"
        and features.dtype in (torch.float32, torch.float64)
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def images(features: Image) -> list[Rows]:
    """The images of a batch, each contiguous with channels last; views where the layout allows."""
    return list(features.permute(0, 2, 3, 1).contiguous())


def empty_like(features: Image, channels: int = 0) -> Image:
    """An uninitialised channels-last batch of the same size, with as many or other channels."""
    batch, own, height, width = features.shape
    return features.new_empty(batch, height, width, channels or own).permute(0, 3, 1, 2)


def chunks(image: Rows, widest: int) -> Iterator[slice]:
    """The rows of an image in chunks, for `widest` channels in the widest intermediate."""
    height, width = image.shape[:2]
    rows = max(2, CHUNK_ELEMENTS // (width * widest))  # at least the two that the next chunk needs
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def convolved(
    image: Rows, norm: nn.LayerNorm, branches: Sequence[Branch], widest: int
) -> Iterator[tuple[slice, list[Tokens]]]:
    """Normalise, then for each branch project and convolve depthwise, chunk by chunk.

    A chunk of the image may be overwritten once it was yielded.

    Yields:
        the rows, and for each branch (pixels, C_out).
    """
    height, width, _ = image.shape
    windows: list[Tensor] = []
    for rows in chunks(image, widest):
        count = rows.stop - rows.start
        if not windows:
            windows = [image.new_empty(1, count + 2, width, branch.kernel.shape[0]) for branch in branches]
        kept = 2 if rows.start else 1  # from the previous chunk; at the top, a row of zeros
        ahead = slice(rows.start + kept - 1, min(rows.stop + 1, height))
        normed = norm(image[ahead]).flatten(0, 1)
        outputs = []
        for branch, window in zip(branches, windows, strict=True):
            window[:, :kept] = window[:, -2:] if rows.start else 0
            new = window[0, kept : kept + ahead.stop - ahead.start]
            torch.mm(normed, branch.project.t(), out=new.flatten(0, 1))
            if rows.stop == height:
                window[:, count + 1] = 0
            seen = window[:, : count + 2].permute(0, 3, 1, 2)
            outputs.append(tokens(F.conv2d(seen, branch.kernel, padding=(0, 1), groups=branch.kernel.shape[0])))
        yield rows, outputs


def tokens(features: Image) -> Tokens:
    """The pixels of all images, channels last."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def attend(
    features: Image,
    sources: Sequence[tuple[Image, Branch]],
    norm: nn.LayerNorm,
    heads: int,
    matrix: Callable[[Float[Tensor, "heads c c"]], Float[Tensor, "dim dim"]],
) -> Image:
    """Transposed attention with its normalisation and residual.

    Args:
        features: what the result is added to.
        sources: images and their branches, whose outputs are, in order, query, key and value.
        norm: applied to every source.
        heads: number of contiguous groups of channels with separate attention.
        matrix: computes the matrix for the values of a pixel from the cosines of queries and keys.
    """
    result = empty_like(features)
    channels = features.shape[1]
    separate = [images(source) for source, _ in sources]
    for i, (residual, values) in enumerate(zip(images(features), images(result), strict=True)):
        passes = [
            convolved(each[i], norm, [branch], 3 * channels)
            for each, (_, branch) in zip(separate, sources, strict=True)
        ]
        mixed = matrix(_collect(passes, values, heads)).t()
        for rows in chunks(values, channels):
            held = values[rows].flatten(0, 1)
            held.copy_(torch.addmm(residual[rows].flatten(0, 1), held, mixed))
    return result


def _collect(
    passes: Sequence[Iterator[tuple[slice, list[Tokens]]]], values: Rows, heads: int
) -> Float[Tensor, "heads c c"]:
    """Cosines between queries and keys; the values are written into `values`."""
    channels = values.shape[-1]
    size = channels // heads
    products = values.new_zeros(heads, size, size)
    squares = values.new_zeros(2, channels)
    for found in zip(*passes, strict=True):
        query, key, value = (part for _, outputs in found for part in outputs[0].split(channels, dim=1))
        for head, product in enumerate(products):
            group = slice(head * size, (head + 1) * size)
            product.addmm_(query[:, group].t(), key[:, group])
        squares += torch.stack([query.square().sum(0), key.square().sum(0)])
        values[found[0][0]] = value.unflatten(0, (-1, values.shape[1]))
    norms = squares.sqrt().clamp_min(EPSILON).view(2, heads, size)
    return products / (norms[0, :, :, None] * norms[1, :, None, :])


def feed_forward_(features: Image, norm: nn.LayerNorm, both: Branch, project_out: Float[Tensor, "c hidden"]) -> Image:
    """Gated feed-forward with its normalisation and residual, written into the features where their layout allows.

    Args:
        features: what the result is added to.
        norm: applied to the features.
        both: computes the gates in the first half of its channels, the values in the second.
        project_out: the final matrix.
    """
    padding = -project_out.shape[1] % SIMD
    gate, value = (
        Branch(F.pad(project, (0, 0, 0, padding)), F.pad(kernel, (0, 0, 0, 0, 0, 0, 0, padding)))
        for project, kernel in zip(both.project.chunk(2), both.kernel.chunk(2), strict=True)
    )
    back = F.pad(project_out, (0, padding)).t()
    separate = features.permute(0, 2, 3, 1).contiguous()
    for image in separate:
        for rows, (gates, values) in convolved(image, norm, [gate, value], 2 * back.shape[0]):
            image[rows].flatten(0, 1).addmm_(F.gelu(gates).mul_(values), back)
    return separate.permute(0, 3, 1, 2)
