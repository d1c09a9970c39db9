"""DRFusion (Shi, Liu, Wu, Cheng, Li, Chen): restore and fuse in a few corrected diffusion steps.

The degradation of the sources must be given, because every step is corrected by its operator and pseudo-inverse.
'clean' is a degradation too: identity operators and no noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from PIL import Image
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.degradations import parse
from fusionbench.degradations.crop_operators import CropInfo, crop_info, crop_operator, placed_crop_info
from fusionbench.degradations.linear import CLEAN_GAMMA, NOISY_GAMMA, LinearModel, linear_model
from fusionbench.degradations.operators import Operator, Pixelate, compose
from fusionbench.images.tensors import to_bytes, to_tensor
from fusionbench.methods.common.color import chroma, luma, rgb
from fusionbench.methods.drfusion.config import SIZES, Architecture
from fusionbench.methods.drfusion.data_consistency import Observation, Order
from fusionbench.methods.drfusion.diffusion import Diffusion, State
from fusionbench.methods.drfusion.losses import OBJECTIVES
from fusionbench.methods.drfusion.network import NoisePredictor
from fusionbench.methods.method import UNKNOWN, Method
from fusionbench.nn.losses import at_least_single, psnr
from fusionbench.registry import check_known, pick, pick_or_make
from fusionbench.types import Batch, Color, Gray

RELEASED = {"alpha", "unet.inBlock.weight"}
"""Tensor names that only the authors' files have."""


class DRFusion(Method):
    """A corrected diffusion on the first source and the luma of the second, whose chroma is kept.

    Args:
        size: 'paper', 's' or 'small', or an `Architecture`.
        steps: T; the released checkpoints have 3.
        constrained: correct every step by the observations; False is the paper's ablation.
        order: how the last step of noisy pairs is corrected: as 'released' or as in the 'paper'.
        objective: the training objective, a key of OBJECTIVES.
        colour: 'exact' keeps the chroma of the visible image; 'released' writes it as the authors' script does, with
            which their published colour images were made.
        deep_supervision: weight of the squared errors of both sources in the estimates of all steps; not in the paper.
            A source is restored by the difference between the noise predicted in the last two steps, by one network
            from nearly the same input; without a loss for each step, it learns to predict the same.
        restore_first: number of initial optimiser steps in which only these errors are minimised.
        zero_init: initialise the network to predict no noise, so that the sources pass unchanged at first.
        checkpointing: gradient checkpointing: store only the steps' states in training and recompute the rest.
        clean_gamma: the Wiener filter's noise-to-signal ratio for blur without noise.
        noisy_gamma: the same for blur with noise.
        learning_rate: Adam's initial learning rate.
        milestones: epochs after which the learning rate is halved.
        phase: the phase to train; there is only one.
    """

    phases: ClassVar[tuple[str, ...]] = ("fusion",)

    def __init__(
        self,
        size: str | Architecture | Mapping[str, Any] = "paper",
        steps: int = 3,
        constrained: bool = True,
        order: Order = "released",
        objective: str = "visible",
        colour: str = "exact",
        deep_supervision: float = 0.0,
        restore_first: int = 0,
        zero_init: bool = False,
        checkpointing: bool = False,
        clean_gamma: float = CLEAN_GAMMA,
        noisy_gamma: float = NOISY_GAMMA,
        learning_rate: float = 1e-4,
        milestones: Sequence[int] = (10, 20, 30, 40),
        phase: str = "",
    ) -> None:
        super().__init__()
        sizes = pick_or_make("size of DRFusion", size, SIZES)
        # Checkpoints are loaded without unpickling classes.
        size = asdict(sizes) if isinstance(size, Architecture) else size
        self.save_hyperparameters()
        if restore_first and not deep_supervision:
            raise ValueError(
                "restore_first has nothing to minimise while deep_supervision is 0; set it to a positive weight"
            )
        check_known("order of DRFusion's correction", order, ["released", "paper"])
        check_known("colour of DRFusion", colour, ["exact", "released"])
        self.colour = colour
        self.objective = pick("objective of DRFusion", objective, OBJECTIVES)
        self.order: Order = order
        self.deep_supervision, self.restore_first = deep_supervision, restore_first
        self.gammas = {"clean_gamma": clean_gamma, "noisy_gamma": noisy_gamma}
        self.learning_rate, self.milestones = learning_rate, list(milestones)
        self.diffusion = Diffusion(steps, NoisePredictor(sizes), constrained=constrained, checkpointing=checkpointing)
        self.diffusion.freeze_unused()
        if zero_init:
            self.diffusion.unet.zero_init()
        self.choose_phase(phase)

    @override
    def networks(self) -> list[nn.Module]:
        return [self.diffusion.unet]

    @property
    @override
    def training_degradations(self) -> tuple[str, ...]:
        return ("noise", "blur", "composite")

    @override
    @torch.no_grad()
    def fuse(self, batch: Batch) -> Color:
        """Fuse a batch; pairs of different degradations may be mixed.

        Raises:
            ValueError: a pair's degradation is unknown, or has no operator.
        """
        return self._coloured(self.restored(batch), batch)

    def _coloured(self, state: State, batch: Batch) -> Color:
        fused = state[:, 2:].clamp(0, 1)
        return released_colour(fused, batch["vi"]) if self.colour == "released" else rgb(fused, chroma(batch["vi"]))

    def restored(self, batch: Batch) -> State:
        """Both restored sources and their fusion, one channel each, unclamped."""
        return self.diffusion(self.observed(batch))

    def observed(self, batch: Batch) -> Observation:
        """The sources of a batch with the operators of their degradations; equal degradations share a model."""
        ir, vi = batch["ir"], luma(batch["vi"])
        told = list(zip(batch["degradation"], batch["ir_scale"], batch["vi_scale"], strict=True))
        whole = {key: _model(*key, **self.gammas) for key in dict.fromkeys(told)}
        # Crops and tiles come with the spec of the whole image.
        if "crop" in batch:
            height, width = ir.shape[-2:]
            frames = [
                (
                    placed_crop_info(place, height, width, whole[key].ir),
                    placed_crop_info(place, height, width, whole[key].vi),
                )
                for key, place in zip(told, batch["crop"], strict=True)
            ]
        else:
            frames = [
                (crop_info(first, whole[key].ir), crop_info(second, whole[key].vi))
                for key, first, second in zip(told, ir, vi, strict=True)
            ]
        seen = list(zip(told, frames, strict=True))
        models = {(key, pair): _framed(whole[key], *pair) for key, pair in dict.fromkeys(seen)}
        return Observation(ir, vi, [models[image] for image in seen], self.order)

    @override
    def check_weights(self, state: Mapping[str, Tensor]) -> None:
        if state.keys() >= RELEASED:
            raise ValueError(
                "these are weights in the authors' format; convert them first: "
                "fusionbench weights import drfusion --from PATH --out FILE"
            )
        alpha = state.get("diffusion.alpha")
        if alpha is not None and len(alpha) != self.diffusion.steps:
            raise ValueError(
                f"these weights are for {len(alpha)} diffusion steps and not for {self.diffusion.steps}; use a method "
                "whose name ends with -t1, -t2, -t4 or -t5, or the option 'steps'"
            )

    @override
    def begin_phase(self, phase: str) -> None:
        super().begin_phase(phase)
        self.diffusion.freeze_unused()

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self._log_loss("train", self.terms(batch), len(batch["name"]))

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Losses and the PSNR of both restored sources."""
        state, ir, vi = self.restored(batch), *self._labels(batch)
        self._log_loss("val", self.objective(state, ir, vi), len(batch["name"]))
        self._log_psnr({"ir": psnr(state[:, :1], ir), "vi": psnr(state[:, 1:2], vi)})
        return {"fused": self._coloured(state, batch)}

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms of the objective, including deep supervision if it has a weight.

        Raises:
            ValueError: the batch has no clean sources to learn from.
        """
        ir, vi = self._labels(batch)
        steps = list(self.diffusion.run(self.observed(batch)))
        with torch.autocast(ir.device.type, enabled=False):
            terms = self.objective(at_least_single(steps[-1].state), ir, vi)
        if self.deep_supervision:
            clean = torch.cat([ir, vi], dim=1)
            errors = [F.mse_loss(at_least_single(step.estimate[:, :2]), clean) for step in steps]
            terms["steps"] = self.deep_supervision * torch.stack(errors).sum()
        if self.training and self.global_step < self.restore_first:
            # No term is left out of the graph: in distributed training, every parameter needs a gradient.
            terms = {name: term if name == "steps" else 0 * term for name, term in terms.items()}
        return terms

    def _labels(self, batch: Batch) -> tuple[Gray, Gray]:
        ir, vi = self.clean_sources(batch)
        return ir, luma(vi)

    @override
    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self.diffusion.project()

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=self.learning_rate)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, self.milestones, gamma=0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)  # Kernels that a validation makes could not be trained with.
def _model(degradation: str, ir_scale: int, vi_scale: int, clean_gamma: float, noisy_gamma: float) -> LinearModel:
    """The operators of a degradation, which keep what they compute of their kernels."""
    if degradation == UNKNOWN:
        raise ValueError(
            "DRFusion is not blind: it inverts the given degradation, and none is given; give noise, blur, "
            "composite or another linear one, or 'clean'"
        )
    parsed = parse(degradation)
    model = linear_model(parsed, clean_gamma=clean_gamma, noisy_gamma=noisy_gamma)
    return LinearModel(
        _stored(model.ir, ir_scale, parsed.scale("ir")),
        _stored(model.vi, vi_scale, parsed.scale("vi")),
        model.noisy,
    )


def released_colour(y: Gray, vi: Color) -> Color:
    """The colour image of the authors' script, in steps of 1/255.

    It cuts the fractions of the fused luma off, takes Cb for Cr and Cr for Cb, and writes red where blue belongs. The
    two exchanges almost cancel each other, but the factors of red and blue stay exchanged, and green's.

    Source:
        YShi-cool/DRFusion@9954f17, test.py: Pillow's YCbCr, cv2.COLOR_YCrCb2RGB, cv2.imwrite.

    Example:
        >>> vi = torch.tensor([200.0, 60.0, 40.0]).view(1, 3, 1, 1) / 255
        >>> (released_colour(luma(vi), vi) * 255).round().flatten().tolist()
        [225.0, 99.0, 51.0]
    """
    images = []
    for one, seen in zip(y, vi, strict=True):
        pixels = np.array(Image.fromarray(to_bytes(seen)).convert("YCbCr"))
        # Not rounded: the script assigns floats to an array of bytes.
        pixels[..., 0] = (one[0] * 255).cpu().numpy()
        images.append(to_tensor(np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_YCrCb2RGB)[..., ::-1])))
    return torch.stack(images).to(vi)


def _framed(model: LinearModel, ir: CropInfo, vi: CropInfo) -> LinearModel:
    return LinearModel(crop_operator(model.ir, ir), crop_operator(model.vi, vi), model.noisy)


def _stored(operator: Operator, scale: int, told: int) -> Operator:
    """The operator of a source that may have been stored at a lower resolution than its degradation implies.

    Its resolution was reduced last, after all other degradations.
    """
    return operator if scale <= told else compose([Pixelate(scale), operator])
