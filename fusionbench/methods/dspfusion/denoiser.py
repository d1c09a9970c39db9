"""The prior diffusion (SPDM): from noise to the semantic prior of the clean scene.

The network predicts the prior itself, and a step is the mean of the posterior: no noise is added in between, so that
the initial noise determines the result. The paper describes a noise-predicting U-Net (Eq. 12-14); this follows the
released code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.dspfusion.config import Architecture
from fusionbench.methods.dspfusion.prior_encoder import TOKENS, Mixer, Prior

BETAS = (0.1, 0.99)
"""First and last variance of the official schedule; their square roots are equally spaced."""


class Denoiser(nn.Module):
    """A few mixer blocks over (noisy prior, step, condition).

    Args:
        sizes: widths and depths.
        condition: channels of the condition.
    """

    def __init__(self, sizes: Architecture, condition: int) -> None:
        super().__init__()
        prior, inner = sizes.semantic_prior, sizes.denoiser
        self.time_mlp = nn.Parameter(torch.full((1,), 1e-3))
        self.first_layer = nn.Sequential(nn.Linear(2 * prior + condition, inner), nn.LeakyReLU(0.2))
        self.blocks = nn.ModuleList(
            nn.Sequential(Mixer(inner, sizes.denoiser_expansion), nn.GELU()) for _ in range(sizes.denoiser_blocks)
        )
        self.final_layer = nn.Sequential(nn.Linear(inner, prior), nn.GELU())

    @override
    def forward(self, noisy: Prior, condition: Prior, step: int) -> Prior:
        """Predict the clean prior.

        Args:
            noisy: the prior at this step.
            condition: the priors of the degraded pair.
            step: counted from 0, where the prior is almost clean.
        """
        time = (self.time_mlp * step).expand_as(noisy)
        features = self.first_layer(torch.cat([noisy, time, condition], dim=-1))
        for block in self.blocks:
            features = block(features)
        return self.final_layer(features)


class Schedule:
    """The noise of each step, and how a step weighs the prediction and the state.

    Attributes:
        alpha_bar: fraction of the clean prior's variance that remains at each step.
        from_prediction: weight of the predicted prior in the state one step earlier.
        from_state: weight of the state itself.
    """

    def __init__(self, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"{steps} sampling steps restore nothing; use at least 1 (the paper uses 10)")
        betas = np.linspace(BETAS[0] ** 0.5, BETAS[1] ** 0.5, steps) ** 2
        alpha_bar = np.cumprod(1 - betas)
        before = np.append(1.0, alpha_bar[:-1])
        self.alpha_bar: list[float] = alpha_bar.tolist()
        self.from_prediction: list[float] = (betas * np.sqrt(before) / (1 - alpha_bar)).tolist()
        self.from_state: list[float] = ((1 - before) * np.sqrt(1 - betas) / (1 - alpha_bar)).tolist()

    def __len__(self) -> int:
        return len(self.alpha_bar)

    def noised(self, prior: Prior, noise: Prior) -> Prior:
        """The last state of the forward process (Eq. 11)."""
        left = self.alpha_bar[-1]
        return left**0.5 * prior + (1 - left) ** 0.5 * noise

    def sample(self, denoiser: Denoiser, start: Prior, condition: Prior) -> list[Prior]:
        """All states of the reverse process, from that after the first step to the restored prior."""
        states = []
        state = start
        for step in reversed(range(len(self))):
            prediction = denoiser(state, condition, step)
            state = self.from_prediction[step] * prediction + self.from_state[step] * state
            states.append(state)
        return states


def start_noise(names: Iterable[str], seed: int, channels: int) -> Float[Tensor, "b tokens channels"]:
    """Standard normal numbers that depend only on the seed and each image's name."""
    rows = []
    for name in names:
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        rng = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
        rows.append(rng.standard_normal((TOKENS, channels), dtype=np.float32))
    return torch.from_numpy(np.stack(rows))
