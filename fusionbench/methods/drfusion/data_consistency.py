"""Data consistency: the degraded sources of a batch, their operators, and the correction of an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from fusionbench.degradations.linear import LinearModel
from fusionbench.degradations.operators import Identity, Operator, Size
from fusionbench.types import Gray

Order: TypeAlias = Literal["released", "paper"]

SIGMA = 0.03
"""Standard deviation that the released code assumes for any noise, for images in [0, 1]; it hardly affects the
strength."""


@dataclass(frozen=True)
class _Group:
    """The images of a batch with the same observation model."""

    images: Tensor
    model: LinearModel


class Observation:
    """The degraded sources of a batch and their observation models.

    Args:
        ir: the first source.
        vi: the second source's luminance.
        models: one per image; images with the same model are corrected together.
        order: order of corrections for an identity model: the released code corrects the fused image with the already
            corrected sources, the paper corrects all three at once. They differ only if the strength is not 1.
    """

    def __init__(self, ir: Gray, vi: Gray, models: Sequence[LinearModel], order: Order = "released") -> None:
        self.ir, self.vi, self.models, self.order = ir, vi, list(models), order
        members: dict[int, list[int]] = {}
        for image, model in enumerate(self.models):
            members.setdefault(id(model), []).append(image)
        self.groups = [
            _Group(torch.tensor(images, device=ir.device), self.models[images[0]]) for images in members.values()
        ]

    def start(self) -> Float[Tensor, "b 3 h w"]:
        """The sources and their mean, of which the initial state is a multiple."""
        return torch.cat([self.ir, self.vi, (self.ir + self.vi) / 2], dim=1)

    def sigma(self, like: Tensor) -> Float[Tensor, "b 1 1 1"]:
        """The standard deviation of every image's noise."""
        return like.new_tensor([SIGMA if model.noisy else 0.0 for model in self.models]).view(-1, 1, 1, 1)

    def correct(
        self, estimate: Float[Tensor, "b 3 h w"], weights: Gray, strength: Float[Tensor, "b 1 1 1"]
    ) -> Float[Tensor, "b 3 h w"]:
        """Move an estimate towards agreement with the observations and with its own weighted sum.

        Args:
            weights: weights of the first source in the fused image.
            strength: 1 for full agreement up to the pseudo-inverses, 0 for none.
        """
        if len(self.groups) == 1:
            return self._corrected(self.groups[0].model, estimate, weights, strength, self.ir, self.vi)
        every = (estimate, weights, strength, self.ir, self.vi)
        parts = [self._corrected(group.model, *(each[group.images] for each in every)) for group in self.groups]
        order = torch.cat([group.images for group in self.groups])
        return torch.cat(parts)[order.argsort()]

    def _corrected(
        self, model: LinearModel, estimate: Tensor, weights: Tensor, strength: Tensor, ir: Tensor, vi: Tensor
    ) -> Tensor:
        x1, x2, fused = torch.split(estimate, 1, dim=1)
        size = (x1.shape[-2], x1.shape[-1])
        d1, d2 = _correction(model.ir, x1, ir, size), _correction(model.vi, x2, vi, size)
        first, second = x1 - strength * d1, x2 - strength * d2
        if self.order == "released" and isinstance(model.ir, Identity) and isinstance(model.vi, Identity):
            d1, d2, x1, x2 = first - ir, second - vi, ir, vi
        deviation = weights * (d1 - x1) + (1 - weights) * (d2 - x2) + fused
        return torch.cat([first, second, fused - strength * deviation], dim=1)


def _correction(operator: Operator, x: Tensor, y: Tensor, size: Size) -> Tensor:
    return operator.pinv(operator.apply(x) - y, size)
