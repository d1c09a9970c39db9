"""The deterministic diffusion: a learned schedule, T steps, each corrected by what was observed.

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
"""Of every step, as in the released code."""

ALPHA_MARGIN = 1e-6
"""How far a learned alpha stays from 0 and 1: at 0 an estimate is infinite, at 1 a derivative is."""

VARIANCE_FLOOR = 1e-12
"""Of DDNM+'s posterior variance, as in the released code; the last step of noisy data gets the strength 1e-6 / 0.03."""

NEGLIGIBLE = 1e-4
"""Fusion weights are not predicted at inference for corrections weaker than this share of the residual."""


class Step(NamedTuple):
    """What one step computed.

    Attributes:
        noise: what the network took for noise.
        weights: of the first source in the fused image; None where they were not predicted.
        estimate: the clean state before correction.
        corrected: the clean state after correction.
        state: what the next step starts from.
    """

    noise: State
    weights: Gray | None
    estimate: State
    corrected: State
    state: State


def strength(kept: Tensor, kept_before: Tensor, sigma: Tensor) -> Tensor:
    """DDNM+'s factor on the correction of a step: 1 unless the observation is noisier than the step's state.

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
        raise ValueError(f"the schedule alpha = {values} leaves (0, 1), where steps are defined; the training diverged")


class Diffusion(nn.Module):
    """Restores and fuses two observed sources in T steps.

    Args:
        steps: T.
        network: the noise predictor.
        constrained: correct every step by the observations; without, the steps are those of plain DDIM (the
            paper's ablation), and the network's fusion weights have no influence.
        checkpointing: keep only the steps' states for back-propagation and recompute the rest.
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
        # The released checkpoints hold these two numbers, which nothing reads.
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
        """The steps from T to 1, as they are taken."""
        kept = self.kept()
        state = kept[-1].sqrt() * observation.start()
        sigma = observation.sigma(state)
        # Strengths are constants of the schedule; the released code's gradient through them is zero as well.
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
        """The cumulative products of alpha, from 1 (step 0) on."""
        inside = self.alpha.detach().clamp(ALPHA_MARGIN, 1 - ALPHA_MARGIN)
        # Values inside stay as they are, to the bit; outside, the gradient that would bring them back survives.
        alpha = self.alpha + (inside - self.alpha.detach())
        return torch.cat([alpha.new_ones(1), alpha.cumprod(0)])

    @torch.no_grad()
    def project(self) -> None:
        """Bring the schedule back into (0, 1) after an optimiser's step, so that it does not run further away."""
        self.alpha.clamp_(ALPHA_MARGIN, 1 - ALPHA_MARGIN)

    def freeze_unused(self) -> None:
        """Take what no loss can reach out of training: it would stop several processes, which wait for gradients."""
        self.input_help_scale_factor.requires_grad_(False)
        self.merge_scale_factor.requires_grad_(False)
        if not self.constrained:
            for part in (self.unet.fusionBlock, self.unet.attention_block_1, self.unet.fusion_outBlock):
                part.requires_grad_(False)

    def _weighed(self, strengths: Sequence[Tensor]) -> list[bool]:
        """Per step from 1 on, whether its fusion weights can be seen in the result."""
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
        # Fourier transforms and differences of nearly equal images need full precision under autocast too.
        with torch.autocast(state.device.type, enabled=False):
            noise = noise.to(state.dtype)
            estimate = (state - (1 - kept).sqrt() * noise) / kept.sqrt()
            corrected = estimate
            if self.constrained:
                # Where weights have no visible influence, equal ones stand in for them.
                shares = torch.full_like(state[:, :1], 0.5) if weights is None else weights.to(state.dtype)
                corrected = observation.correct(estimate, shares, strength)
            following = kept_before.sqrt() * corrected + (1 - kept_before).sqrt() * noise
        return Step(noise, weights, estimate, corrected, following)
