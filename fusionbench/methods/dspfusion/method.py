"""DSPFusion (Tang et al., arXiv 2503.23355, IEEE TIP 2026): blind restoration and fusion in one call.

Two training phases. In 'priors', everything except the denoiser is trained jointly, with the semantic prior of the
clean pair. In 'diffusion', only the denoiser is trained: it restores that prior from the degraded pair, and the fusion
loss reaches it through the frozen fusion network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, cast

import torch
from einops import rearrange
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

from fusionbench.methods.common.color import minmax_normalize
from fusionbench.methods.common.padding import padded
from fusionbench.methods.dspfusion.config import SIZES, Architecture
from fusionbench.methods.dspfusion.denoiser import Denoiser, Schedule, start_noise
from fusionbench.methods.dspfusion.losses import OBJECTIVES, contrastive_loss, fusion_loss, prior_loss
from fusionbench.methods.dspfusion.modulation import DegradationModulation, GuidedFusion, SemanticIntegration
from fusionbench.methods.dspfusion.network import FusionTransformer, PriorWidths
from fusionbench.methods.dspfusion.prior_encoder import Prior, PriorEncoder
from fusionbench.methods.method import Method
from fusionbench.nn.checkpointing import recompute
from fusionbench.nn.losses import at_least_single, psnr
from fusionbench.nn.restormer import CrossMDTA, RestormerBlock
from fusionbench.nn.schedules import constant_then_cosine
from fusionbench.registry import pick, pick_or_make
from fusionbench.types import Batch, Color, Image

MULTIPLE = 8
"""The sides of the network's input must be multiples of this."""

PAPER = tuple(
    "+".join(filter(None, (visible, infrared))) or "clean"
    for visible in ("", "vi:blur", "rain", "ll", "oe", "vi:rn")
    for infrared in ("", "lc", "ir:rn", "sn")
)
"""The paper's training degradations: one of five of the visible image or none, with one of three of the infrared image
or none."""


class DSPFusion(Method):
    """Four networks, named as in the official release: `net_g` fuses, `net_sp` and `net_dp` encode, `net_dm` restores.

    Args:
        size: 'paper', 's' or 'small', or an `Architecture`.
        steps: diffusion steps, in training and in sampling (Fig. 12 of the paper); the official checkpoints use 10.
        use_dpen: guide by degradation priors; False is a row of Table 5.
        use_spen: guide by semantic priors; if False, there is nothing to diffuse and no second phase.
        stretch: stretch every fused image to [0, 1] by its minimum and maximum, as in all published results. This
            changes every statistic of the image, and a single hot pixel changes all others.
        seed: seed of the initial noise, together with the image's name.
        objective: weights of the fusion loss, a key of OBJECTIVES.
        iterations: length of the learning-rate schedule in one phase; that of the Trainer if None.
        learning_rate: AdamW's learning rate during the constant part.
        degradation_rate: the learning rate of the degradation encoder, which collapses to equal priors at large rates;
            that of the others if None. At 0 the encoder is frozen and no contrastive samples are needed, to continue
            from given weights.
        blind_start: initialise the degradation encoder with filters that ignore brightness; see
            `PriorEncoder.start_without_brightness`.
        final_rate: the learning rate at the end of the cosine decay.
        constant: fraction of the iterations before the cosine decay begins.
        betas: AdamW's betas; the paper states (0.9, 0.99).
        weight_decay: AdamW's weight decay, for every parameter.
        clip: largest gradient norm; the Trainer's value takes precedence.
        early_crop: side of the random part of each crop that is used during the constant part; 0 for the whole crop.
        late_batch: number of pairs of each batch that are used afterwards; 0 for all.
        checkpointing: gradient checkpointing: less memory in training, and longer steps.
        phase: the phase that a fit trains; 'priors' if empty.
    """

    phases: ClassVar[tuple[str, ...]] = ("priors", "diffusion")

    def __init__(
        self,
        size: str | Architecture | Mapping[str, Any] = "paper",
        steps: int = 10,
        use_dpen: bool = True,
        use_spen: bool = True,
        stretch: bool = False,
        seed: int = 0,
        objective: str = "released",
        iterations: int | None = None,
        learning_rate: float = 2e-4,
        degradation_rate: float | None = None,
        blind_start: bool = False,
        final_rate: float = 1e-6,
        constant: float = 0.6,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 1e-4,
        clip: float = 0.01,
        early_crop: int = 0,
        late_batch: int = 0,
        checkpointing: bool = False,
        phase: str = "",
    ) -> None:
        super().__init__()
        sizes = pick_or_make("size of DSPFusion", size, SIZES)
        # Checkpoints are loaded without unpickling classes.
        size = asdict(sizes) if isinstance(size, Architecture) else size
        self.save_hyperparameters()
        self.term_weights = pick("objective of DSPFusion", objective, OBJECTIVES)
        if early_crop % MULTIPLE:
            raise ValueError(f"an early_crop of {early_crop} is not divisible by {MULTIPLE}")
        guides = PriorWidths(use_spen * sizes.semantic_prior, use_dpen * sizes.degradation_prior)
        self.net_g = FusionTransformer(sizes, guides)
        if use_dpen:
            self.net_dp = PriorEncoder(3, sizes.degradation, sizes.degradation_blocks, kinds=True)
            if blind_start:
                self.net_dp.start_without_brightness()
        if use_spen:
            self.net_sp = PriorEncoder(6, sizes.semantic, sizes.semantic_blocks)
            self.net_dm = Denoiser(sizes, guides.semantic + 2 * guides.degradation)
        else:
            self.phases = ("priors",)  # without a semantic prior there is nothing to diffuse
        self.guides = guides
        self.schedule = Schedule(steps)
        self.stretch, self.seed = stretch, seed
        self.iterations, self.constant = iterations, constant
        self.learning_rate, self.final_rate = learning_rate, final_rate
        self.degradation_rate = degradation_rate
        self.betas, self.weight_decay, self.clip = betas, weight_decay, clip
        self.early_crop, self.late_batch = early_crop, late_batch
        if checkpointing:
            self._recompute()
        self.choose_phase(phase)

    def _recompute(self) -> None:
        recompute(self.net_g, RestormerBlock, CrossMDTA, SemanticIntegration, DegradationModulation, GuidedFusion)
        for encoder in (network for network in self.children() if isinstance(network, PriorEncoder)):
            recompute(encoder.blocks, nn.Sequential)

    @property
    @override
    def needs_contrastive(self) -> bool:
        return self.next_phase == "priors" and self._sees()

    def _sees(self) -> bool:
        """Whether the degradation encoder is trained in the first phase."""
        return self.guides.degradation > 0 and self.degradation_rate != 0

    @property
    @override
    def training_degradations(self) -> tuple[str, ...]:
        return PAPER

    @override
    @torch.no_grad()
    def fuse(self, batch: Batch) -> Color:
        height, width = batch["vi"].shape[-2:]
        ir, vi = padded(to_rgb(batch["ir"]), batch["vi"], multiple=MULTIPLE)
        degradation = self.degradation_priors(ir, vi)
        if self.phase == "priors":
            semantic = self.semantic_prior(*self._best(batch, ir, vi))
        elif self.guides.semantic:
            start = start_noise(batch["name"], self.seed, self.guides.semantic).to(vi)
            semantic = self.schedule.sample(self.net_dm, start, self._condition(ir, vi, degradation))[-1]
        else:
            semantic = None
        fused: Color = self.net_g(ir, vi, semantic, degradation)[..., :height, :width]
        # The official test stretches before cropping and again when writing; the second stretch supersedes the first.
        return minmax_normalize(fused) if self.stretch else fused

    def _best(self, batch: Batch, ir: Color, vi: Color) -> tuple[Color, ...]:
        """The sources of the semantic prior before the denoiser is trained: the clean pair if it is known."""
        if "ir_clean" in batch and "vi_clean" in batch:
            return padded(to_rgb(batch["ir_clean"]), batch["vi_clean"], multiple=MULTIPLE)
        return ir, vi

    def degradation_priors(self, ir: Color, vi: Color) -> Prior | None:
        """Priors of all infrared images, then of all visible ones; None if the network is left out."""
        return self.net_dp(torch.cat([ir, vi])) if self.guides.degradation else None

    def semantic_prior(self, ir: Color, vi: Color) -> Prior | None:
        """The prior of both sources together; None if the network is left out."""
        return self.net_sp(torch.cat([ir, vi], dim=1)) if self.guides.semantic else None

    def _condition(self, ir: Color, vi: Color, degradation: Prior | None) -> Prior:
        """The denoiser's condition: all priors of a degraded pair."""
        priors = [self.net_sp(torch.cat([ir, vi], dim=1))]
        return torch.cat(priors if degradation is None else [*priors, *degradation.chunk(2)], dim=-1)

    @override
    def begin_phase(self, phase: str) -> None:
        super().begin_phase(phase)
        for name, network in self.named_children():
            learns = (name == "net_dm") == (phase == "diffusion")
            network.requires_grad_(learns and (self._sees() or name != "net_dp"))

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        terms, _ = self.learn(self._progressive(batch), contrast=True)
        return self._log_loss("train", terms, len(batch["name"]))

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Losses and PSNR against both clean sources; in the first phase with their semantic prior."""
        terms, fused = self.learn(batch, contrast=False)
        self._log_loss("val", terms, len(batch["name"]))
        self._log_psnr({"ir": psnr(fused, to_rgb(batch["ir_clean"])), "vi": psnr(fused, batch["vi_clean"])})
        return {"fused": fused.clamp(0, 1)}

    def learn(self, batch: Batch, *, contrast: bool) -> tuple[dict[str, Tensor], Color]:
        """The weighted terms of the current phase, and the fused images.

        Args:
            batch: a batch with clean sources, and with contrastive samples if they are needed.
            contrast: whether to compute the contrastive term.

        Raises:
            ValueError: no phase has begun, or the batch lacks required fields.
        """
        ir_clean, vi_clean = self.clean_sources(batch)
        self.check_begun()
        clean = to_rgb(ir_clean), vi_clean
        sources = padded(to_rgb(batch["ir"]), batch["vi"], *clean, multiple=MULTIPLE)
        height, width = batch["vi"].shape[-2:]
        if self.phase == "diffusion":
            fused, terms = self._diffuse(*sources)
        else:
            fused, terms = self._guide(*sources, batch=batch if contrast and self.needs_contrastive else None)
        fused = at_least_single(fused[..., :height, :width])
        with torch.autocast(fused.device.type, enabled=False):
            terms |= fusion_loss(fused, at_least_single(clean[0]), at_least_single(clean[1]), self.term_weights)
        return terms, fused

    def _guide(
        self, ir: Color, vi: Color, ir_clean: Color, vi_clean: Color, *, batch: Batch | None
    ) -> tuple[Color, dict[str, Tensor]]:
        """Phase 'priors': fuse with the clean pair's semantic prior, and separate degradations."""
        terms: dict[str, Tensor] = {}
        priors = self.degradation_priors(ir, vi) if batch is None else self._contrast(ir, vi, batch, terms)
        return self.net_g(ir, vi, self.semantic_prior(ir_clean, vi_clean), priors), terms

    def _contrast(self, ir: Color, vi: Color, batch: Batch, terms: dict[str, Tensor]) -> Prior:
        """Degradation priors of the pairs; the contrastive loss is added to the terms."""
        if "ir_positives" not in batch or "vi_positives" not in batch or "negatives" not in batch:
            raise ValueError(
                "DSPFusion needs contrastive samples, and the batch has no ir_positives, vi_positives or negatives; "
                "train on ContrastivePairs"
            )
        views = [batch["ir_positives"], batch["vi_positives"], batch["negatives"]]
        others = [rearrange(to_rgb(view), "b k c h w -> (k b) c h w") for view in views]
        priors: Prior = self.net_dp(torch.cat([ir, vi, *others]))
        kinds = at_least_single(self.net_dp.kind(priors))
        size = len(batch["name"])
        counts = [1, 1, *(view.shape[1] for view in views)]
        vectors = rearrange(kinds, "(k b) c -> k b c", b=size)
        by_ir, by_vi, like_ir, like_vi, unlike = torch.split(vectors, counts)
        with torch.autocast(kinds.device.type, enabled=False):
            loss = contrastive_loss(by_ir[0], like_ir, torch.cat([unlike, by_vi]))
            loss = loss + contrastive_loss(by_vi[0], like_vi, torch.cat([unlike, by_ir]))
        terms["contrastive"] = loss
        return priors[: 2 * size]

    def _diffuse(self, ir: Color, vi: Color, ir_clean: Color, vi_clean: Color) -> tuple[Color, dict[str, Tensor]]:
        """Phase 'diffusion': restore the semantic prior from the degraded pair, and fuse with it."""
        with torch.no_grad():
            clean: Prior = self.net_sp(torch.cat([ir_clean, vi_clean], dim=1))
            degradation = self.degradation_priors(ir, vi)
            condition = self._condition(ir, vi, degradation)
        start = self.schedule.noised(clean, torch.randn_like(clean))
        restored = self.schedule.sample(self.net_dm, start, condition)[-1]
        loss = prior_loss(at_least_single(restored), at_least_single(clean))
        return self.net_g(ir, vi, restored, degradation), {"prior": loss}

    def _progressive(self, batch: Batch) -> Batch:
        """The part of a batch that is used at this point of the phase."""
        late = self.trainer.global_step >= self.constant * self._iterations()
        if late:
            kept = slice(self.late_batch or None)
            return cast("Batch", {key: value[kept] for key, value in batch.items()})  # type: ignore[index]
        if not self.early_crop:
            return batch
        height, width = batch["vi"].shape[-2:]
        if self.early_crop > min(height, width):
            raise ValueError(f"an early_crop of {self.early_crop} does not fit into crops of {width}x{height}")
        top, left = (int(torch.randint(side - self.early_crop + 1, ())) for side in (height, width))
        window = (..., slice(top, top + self.early_crop), slice(left, left + self.early_crop))
        parts = {key: value[window] if isinstance(value, Tensor) else value for key, value in batch.items()}
        return cast("Batch", parts)

    def _iterations(self) -> float:
        """Iterations of the current phase; infinite if only its time is limited, for a constant learning rate."""
        return self.iterations or self.trainer.estimated_stepping_batches or 1  # for a phase that is skipped

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        trained = {name: value for name, value in self.named_parameters() if value.requires_grad}
        slow = [] if self.degradation_rate is None else [name for name in trained if name.startswith("net_dp.")]
        groups: list[dict[str, Any]] = [{"params": [value for name, value in trained.items() if name not in slow]}]
        if slow:
            groups.append({"params": [trained[name] for name in slow], "lr": self.degradation_rate})
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay)
        total, last = self._iterations(), self.final_rate / self.learning_rate
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: constant_then_cosine(step / total, self.constant, last)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @override
    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        largest = self.clip if gradient_clip_val is None else gradient_clip_val
        self.clip_gradients(optimizer, largest, gradient_clip_algorithm or "norm")


def to_rgb(image: Image) -> Color:
    """One channel repeated three times; three channels unchanged."""
    return image.expand(*image.shape[:-3], 3, *image.shape[-2:])
