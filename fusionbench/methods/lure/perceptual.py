"""The perceptual loss of the second phase: features of the fused image close to those of the sources.

The paper takes it "from U2Fusion", which uses VGG-16 features and weights the sources by the structure of their
features. The weight file must exist; nothing is downloaded implicitly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.nn.losses import ssim
from fusionbench.types import Gray, Image
from fusionbench.weights.card import WeightsCard
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.store import cache_path, require, verify

VGG_CARD = WeightsCard(
    file="vgg16-397923af.pth",
    urls=("https://download.pytorch.org/models/vgg16-397923af.pth",),
    sha256="397923af",
    size=553_433_881,
    licence="BSD-3-Clause, as torchvision; trained on ImageNet, which is for noncommercial research",
    source="pytorch/vision: VGG16_Weights.IMAGENET1K_V1",
    note="its classifier is not used",
    folder="vgg16",
    ignored_keys=("classifier.*",),
    caches=("torch:checkpoints",),
)

VGG_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
VGG_MEAN, VGG_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# U2Fusion's feature gradient: the mean of the eight neighbours minus the pixel.
SURROUND = ((0.125, 0.125, 0.125), (0.125, -1.0, 0.125), (0.125, 0.125, 0.125))


SQUARED_WEIGHT = 20.0
"""Weight of squared distances relative to structural similarity; U2Fusion's alpha."""


class Features(Protocol):
    """Turns gray images into feature maps, from fine to coarse."""

    def __call__(self, image: Gray) -> list[Image]: ...


class VGG16(nn.Module):
    """The convolutions of VGG-16; returns the output of each of its five blocks before pooling."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for block in VGG_WIDTHS:
            for width in block:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(VGG_MEAN).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(VGG_STD).view(-1, 1, 1), persistent=False)

    @override
    def forward(self, image: Gray) -> list[Image]:
        features = (image.expand(-1, 3, -1, -1) - self.get_buffer("mean")) / self.get_buffer("std")
        found = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                found.append(features)
                if len(found) == len(VGG_WIDTHS):
                    break
            features = layer(features)
        return found


def vgg16(path: Path | None = None) -> VGG16:
    """VGG-16 with torchvision's ImageNet weights, frozen.

    Args:
        path: the weight file; by default it is searched in the package's weights folder and in torch's cache.

    Raises:
        FileNotFoundError: the weights are missing; the message says how to get them or do without.
        ValueError: the file is not the published one.
    """
    try:
        found = require("vgg16", VGG_CARD, path)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the perceptual loss needs VGG-16, and {VGG_CARD.file} is missing; download it from {VGG_CARD.urls[0]} to "
            f"{cache_path('vgg16', VGG_CARD)} or name it with --options.vgg_weights FILE, or train with "
            "--options.perceptual latent (features of LURE's own encoder) or --options.perceptual none"
        ) from error
    verify("vgg16", VGG_CARD, found)
    model = VGG16()
    load_strict(model, read_state(found), VGG_CARD, found)
    return model.requires_grad_(False)


def structure(features: list[Image]) -> Float[Tensor, " b"]:
    """How much the features of each image vary between pixels: U2Fusion's measure of information."""
    energies = []
    for level in features:
        kernel = level.new_tensor(SURROUND).expand(level.shape[1], 1, 3, 3)
        changes = F.conv2d(level, kernel, padding=1, groups=level.shape[1])
        energies.append(changes.square().mean(dim=(1, 2, 3)))
    return torch.stack(energies).mean(dim=0)


def source_weights(ir: list[Image], vi: list[Image]) -> Float[Tensor, "2 b"]:
    """Softmax of both sources' structure in units of their mean.

    U2Fusion divides by a constant tuned to the magnitudes of one network's features; dividing by the mean makes the
    weights independent of the network.
    """
    amounts = torch.stack([structure(ir), structure(vi)])
    tiny = torch.finfo(amounts.dtype).tiny
    return (amounts / amounts.mean(dim=0).clamp_min(tiny)).softmax(dim=0)


def perceptual_loss(features: Features, fused: Gray, ir: Gray, vi: Gray) -> Float[Tensor, ""]:
    """Squared distances of the fused image's features from each source's, weighted per pair, averaged over levels."""
    with torch.no_grad():
        of_ir, of_vi = features(ir), features(vi)
        weights = source_weights(of_ir, of_vi)
    total = fused.new_zeros(len(fused))
    for ours, theirs_ir, theirs_vi in zip(features(fused), of_ir, of_vi, strict=True):
        for weight, theirs in zip(weights, (theirs_ir, theirs_vi), strict=True):
            total = total + weight * (ours - theirs).square().mean(dim=(1, 2, 3))
    return total.mean() / len(of_ir)


def similarity_loss(features: Features, fused: Gray, ir: Gray, vi: Gray) -> Float[Tensor, ""]:
    """U2Fusion's own loss: structural dissimilarity and squared distance from each source, with equal weights."""
    with torch.no_grad():
        weights = source_weights(features(ir), features(vi))
    total = fused.new_zeros(len(fused))
    for weight, source in zip(weights, (ir, vi), strict=True):
        squared = (fused - source).square().mean(dim=(1, 2, 3))
        total = total + weight * (1 - ssim(fused, source) + SQUARED_WEIGHT * squared)
    return total.mean()
