"""Gradient checkpointing of blocks that a network is made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute(network: nn.Module, *kinds: type[nn.Module]) -> None:
    """Let blocks keep only their inputs in training, and compute the rest again in the backward pass.

    Gradients are the same; a step takes about a third longer, and far less memory. Nothing changes without gradients.

    Args:
        network: whose blocks do so.
        kinds: of the blocks, none of which contains another.
    """
    for module in network.modules():
        if isinstance(module, kinds):
            module.forward = partial(_recomputed, module.forward)


def _recomputed(forward: Callable[..., Any], *inputs: Any) -> Any:
    return checkpoint(forward, *inputs, use_reentrant=False) if torch.is_grad_enabled() else forward(*inputs)
