"""The deterministic diffusion: a learned schedule and T steps, each corrected by the observations.

The state has three channels: the first source (infrared, MRI), the luminance of the second (visible, PET), and their
fusion. Steps count down from T to 1, so `alpha[0]` belongs to step 1, the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from typing_extensions import override

from fusionbench.methods.drfusion.data_consistency import Observation
from fusionbench.methods.drfusion.network import NoisePredictor
from fusionbench.types import Gray

State = Float[Tensor, "b 3 h w"]

INITIAL_ALPHA = 0.5
"""Initial alpha of every step, as in the released code."""

ALPHA_MARGIN = 1e-6
"""Margin of a learned alpha to 0 and 1: at 0 an estimate becomes infinite, at 1 a derivative."""

VARIANCE_FLOOR = 1e-12
"""Lower bound of DDNM+'s posterior variance, as in the released code; the last step of noisy data has strength 1e-6 /
0.03."""

NEGLIGIBLE = 1e-4
"""At inference, fusion weights are not predicted for corrections weaker than this fraction of the residual."""


class Step(NamedTuple):
    """The result of one step.

    Attributes:
        noise: the predicted noise.
        weights: weights of the first source in the fused image; None if they were not predicted.
        estimate: the clean state before correction.
        corrected: the clean state after correction.
        state: the input of the next step.
    """

    noise: State
    weights: Gray | None
    estimate: State
    corrected: State
    state: State


def strength(kept: Tensor, kept_before: Tensor, sigma: Tensor) -> Tensor:
    """DDNM+'s factor of the correction in a step: 1 unless the observation is noisier than the step's state.

    Args:
        kept: cumulative product of alpha up to this step.
        kept_before: the same without this step.
        sigma: standard deviation of the observation's noise, one per image.
    """
    removed = 1 - kept / kept_before
    deviation = (removed * (1 - kept_before) / (1 - kept)).clamp_min(VARIANCE_FLOOR).sqrt()
    noise = kept_before.sqrt() * removed / (1 - kept) * sigma
    return torch.where(deviation >= noise, torch.ones_like(noise), deviation / noise.clamp_min(VARIANCE_FLOOR))


def _check_schedule(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    alpha = state.get(f"{prefix}alpha")
    if alpha is not None and not bool(((alpha > 0) & (alpha < 1)).all()):
        values = ", ".join(f"{value:.4g}" for value in alpha.tolist())
        raise ValueError(
            f"the schedule alpha = {values} leaves (0, 1), outside of which steps are undefined; the training diverged"
        )


class Diffusion(nn.Module):
    """Restores and fuses two observed sources in T steps.

    Args:
        steps: T.
        network: the noise predictor.
        constrained: correct every step by the observations; if False, the steps are plain DDIM (the paper's ablation),
            and the network's fusion weights have no influence.
        checkpointing: gradient checkpointing: store only the steps' states and recompute the rest in the backward pass.
    """

    def __init__(
        self, steps: int, network: NoisePredictor, *, constrained: bool = True, checkpointing: bool = False
    ) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError(f"the diffusion needs at least one step, not {steps}")
        self.constrained, self.checkpointing = constrained, checkpointing
        self.alpha = nn.Parameter(torch.full((steps,), INITIAL_ALPHA))
        self.unet = network
        # The released checkpoints contain these two numbers, which are not used.
        self.input_help_scale_factor = nn.Parameter(torch.ones(1))
        self.merge_scale_factor = nn.Parameter(torch.zeros(1))
        self.register_load_state_dict_pre_hook(_check_schedule)  # type: ignore[no-untyped-call]

    @property
    def steps(self) -> int:
        """T."""
        return self.alpha.shape[0]

    @override
    def forward(self, observation: Observation) -> State:
        """The restored sources and their fusion, unclamped."""
        *_, last = self.run(observation)
        return last.state

    def run(self, observation: Observation) -> Iterator[Step]:
        """The results of the steps from T to 1, one by one."""
        kept = self.kept()
        state = kept[-1].sqrt() * observation.start()
        sigma = observation.sigma(state)
        # Strengths are constants of the schedule; the released code's gradient through them is zero too.
        strengths = [strength(now, before, sigma) for before, now in pairwise(kept.detach().to(torch.float32))]
        weighed = self._weighed(strengths)
        for step in range(self.steps, 0, -1):
            inputs = (state, kept[step - 1], kept[step], strengths[step - 1], step, weighed[step - 1], observation)
            if self.checkpointing and torch.is_grad_enabled():
                taken = checkpoint(self._step, *inputs, use_reentrant=False)
            else:
                taken = self._step(*inputs)
            state = taken.state
            yield taken

    def kept(self) -> Float[Tensor, " steps"]:
        """The cumulative products of alpha, starting with 1 (step 0)."""
        inside = self.alpha.detach().clamp(ALPHA_MARGIN, 1 - ALPHA_MARGIN)
        # Values inside are unchanged bit by bit; outside, the gradient that brings them back is preserved.
        alpha = self.alpha + (inside - self.alpha.detach())
        return torch.cat([alpha.new_ones(1), alpha.cumprod(0)])

    @torch.no_grad()
    def project(self) -> None:
        """Clamp the schedule to (0, 1) after an optimiser step, so that it cannot drift away."""
        self.alpha.clamp_(ALPHA_MARGIN, 1 - ALPHA_MARGIN)

    def freeze_unused(self) -> None:
        """Freeze parameters that no loss reaches: distributed training would wait for their gradients forever."""
        self.input_help_scale_factor.requires_grad_(False)
        self.merge_scale_factor.requires_grad_(False)
        if not self.constrained:
            for part in (self.unet.fusionBlock, self.unet.attention_block_1, self.unet.fusion_outBlock):
                part.requires_grad_(False)

    def _weighed(self, strengths: Sequence[Tensor]) -> list[bool]:
        """Per step, starting with step 1, whether its fusion weights affect the result."""
        if not self.constrained:
            return [False] * self.steps
        if torch.is_grad_enabled():
            return [True] * self.steps
        return [bool(flag) for flag in (torch.stack(list(strengths)).flatten(1).amax(1) >= NEGLIGIBLE).tolist()]

    def _step(
        self,
        state: State,
        kept_before: Tensor,
        kept: Tensor,
        strength: Tensor,
        step: int,
        weigh: bool,
        observation: Observation,
    ) -> Step:
        noise, weights = self.unet(state, step, weigh)
        # Fourier transforms and differences of nearly equal images need full precision even under autocast.
        with torch.autocast(state.device.type, enabled=False):
            noise = noise.to(state.dtype)
            estimate = (state - (1 - kept).sqrt() * noise) / kept.sqrt()
            corrected = estimate
            if self.constrained:
                # Where weights have no visible influence, equal ones are used.
                shares = torch.full_like(state[:, :1], 0.5) if weights is None else weights.to(state.dtype)
                corrected = observation.correct(estimate, shares, strength)
            following = kept_before.sqrt() * corrected + (1 - kept_before).sqrt() * noise
        return Step(noise, weights, estimate, corrected, following)
