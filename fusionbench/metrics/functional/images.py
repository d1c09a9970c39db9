"""From float tensors in [0, 1] to the input of the definitions: gray 8-bit levels, one image at a time on a CPU.

A definition is a function of levels (0..255, whole numbers, float64, one channel) decorated with `metric_on_levels`,
which makes it a function of images. Images are rounded to the 8 bits of an image file, so float32 and float64 give the
same levels, and metrics during training equal those of the files.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from fusionbench.images.tensors import ImageLike, as_batch, check_range
from fusionbench.metrics.functional.memo import cache_scope, cached
from fusionbench.nn.cpu.threads import one_thread
from fusionbench.types import Color, Gray, Image, Scores

# rgb2gray of MATLAB: the first row of the inverse of NTSC's YIQ matrix, not the rounded 0.299, 0.587, 0.114.
RGB2GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)


def to_levels(image: Tensor) -> Tensor:
    """The 8-bit levels of values in [0, 1], as whole numbers in their own floating-point type, at least float32."""
    return (image.to(torch.promote_types(image.dtype, torch.float32)) * 255).round_()


def gray(image: Image, dtype: torch.dtype = torch.float64) -> Gray:
    """Gray levels by MATLAB's rgb2gray, halves rounded up; a single channel is unchanged."""
    return _weighted(image, RGB2GRAY, dtype)


def opencv_gray(image: Image, dtype: torch.dtype = torch.float64) -> Gray:
    """OpenCV's conversion of float32 images, then rounded to even."""
    if image.shape[1] == 1:
        return to_levels(image).to(dtype)
    red, green, blue = to_levels(image).double().unbind(1)
    luma = torch.zeros_like(red)
    for channel, weight in ((green, 0.587), (red, 0.299), (blue, 0.114)):
        # OpenCV's fused multiply-add rounds once, to float32, which decides how halves are rounded.
        luma = (luma + channel * float(torch.tensor(weight))).float().double()
    return luma.round_().unsqueeze(1).to(dtype)


def pillow_gray(image: Image, dtype: torch.dtype = torch.float64) -> Gray:
    """Pillow's mode 'L': BT.601 in 16-bit fixed point."""
    return _weighted(image, (19595 / 65536, 38470 / 65536, 7471 / 65536), dtype)


def _weighted(image: Image, weights: tuple[float, float, float], dtype: torch.dtype) -> Gray:
    if image.shape[1] == 1:
        return to_levels(image).to(dtype)
    # One channel at a time: all three together would be the largest tensors of most metrics, and memory dominates.
    luma = to_levels(image[:, 0]).to(dtype).mul_(weights[0])
    for channel in (1, 2):
        luma.add_(to_levels(image[:, channel]).to(dtype), alpha=weights[channel])
    return luma.add_(0.5).floor_().unsqueeze(1)


def channels(image: Image, dtype: torch.dtype) -> Tensor:
    """Each channel as a separate image, (3 B, 1, H, W); a gray image is unchanged."""
    return to_levels(image).to(dtype).flatten(0, 1).unsqueeze(1)


def concat_channels(image: Image, dtype: torch.dtype) -> Tensor:
    """The channels side by side, (B, 1, H, 3 W), as MATLAB's two-dimensional functions read a colour array."""
    return torch.cat(to_levels(image).to(dtype).unbind(1), dim=-1).unsqueeze(1)


def rgb(image: Image, _: torch.dtype = torch.float32) -> Color:
    """Three channels in [0, 1], float32, for networks."""
    return (to_levels(image).expand(-1, 3, -1, -1) / 255).float()


@cached
def select_view(view: str, image: Image, channels: int, dtype: torch.dtype) -> Tensor:
    """The view of an image in [0, 1] that a definition reads, if the fused image has `channels` channels."""
    if view not in PER_CHANNEL:
        return VIEWS[view](image, dtype)
    # Toolkits that read colour per channel read all three images as gray if the fused one is.
    return VIEWS[view](image.expand(-1, 3, -1, -1), dtype) if channels == 3 else select_view("gray", image, 1, dtype)


PER_CHANNEL = ("channels", "strip")
VIEWS: dict[str, Callable[[Image, torch.dtype], Image]] = {
    "channels": channels,
    "gray": gray,
    "opencv": opencv_gray,
    "pillow": pillow_gray,
    "rgb": rgb,
    "strip": concat_channels,
}


def as_images(*images: ImageLike | None) -> list[Tensor]:
    """Fused, infrared and visible images of any accepted kind, as batches of one size in [0, 1].

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a shape or type is wrong, or a value is NaN, infinite or out of range; the message names the image.
    """
    named = [
        (what, as_batch(image, f"the {what} image"))
        for what, image in zip(("fused", "ir", "vi"), images, strict=False)
        if image is not None
    ]
    fused = named[0][1]
    for what, image in named:
        if image.shape[0] != fused.shape[0] or image.shape[-2:] != fused.shape[-2:]:
            raise ValueError(
                f"{what} has shape {tuple(image.shape)} and the fused image {tuple(fused.shape)}; both must have the "
                "same size"
            )
    for what, image in named:
        check_range(image, f"the {what} image")
    return [image for _, image in named]


def iter_images(*images: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """One image at a time on a CPU, which is faster and independent of the batch; else the whole batch."""
    if images[0].device.type != "cpu":
        yield images
        return
    _keep_freed_memory()
    for index in range(images[0].shape[0]):
        yield tuple(image[index : index + 1] for image in images)


@functools.cache
def _keep_freed_memory() -> None:
    """Let the C library keep up to 64 MiB of freed memory for the next image.

    glibc returns a freed block to the system unless a larger one was freed before, and getting it back page by page
    takes longer than most of the arithmetic on it. 32 MiB is the largest block that changes this; it is never touched.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


def reads_sources(definition: Callable[..., Tensor]) -> bool:
    """Whether a definition compares with the sources."""
    return "ir" in inspect.signature(definition).parameters


def metric_on_levels(definition: Callable[..., Scores]) -> Callable[..., Scores]:
    """Turn a definition on gray levels into a function of images (B, 1 or 3, H, W) in [0, 1] that returns (B,)."""

    @functools.wraps(definition)
    @torch.no_grad()
    @one_thread()
    def of_images(
        fused: ImageLike, ir: ImageLike | None = None, vi: ImageLike | None = None, **options: object
    ) -> Scores:
        images = (fused, ir, vi) if reads_sources(definition) else (fused, None, None)
        if reads_sources(definition) and (ir is None or vi is None):
            raise ValueError(f"{definition.__name__} compares with the sources; pass ir and vi too")
        grays = [gray(image) for image in as_images(*images)]
        scores = []
        for one in iter_images(*grays):
            with cache_scope():
                scores.append(definition(*one, **options))
        return torch.cat(scores)

    return of_images
