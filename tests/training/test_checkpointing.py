"""Gradient checkpointing: the same gradients from far less that is kept for them."""

from __future__ import annotations

import copy

import pytest
import torch

from fusionbench import methods
from tests.training.test_precision import PHASES, batch, terms


def step(key: str, *, checkpointing: bool):
    """Gradients of a step by name, and the bytes that are kept for them."""
    phase, options = PHASES[key]
    methods.build(key.split()[0], **options)  # What its first import draws must not move the seed.
    torch.manual_seed(0)
    method = methods.build(key.split()[0], **options, checkpointing=checkpointing).train()
    method.begin_phase(phase)
    method = copy.deepcopy(method)  # as a moving average of the weights does
    kept: dict[int, int] = {}

    def packed(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    held = {parameter.untyped_storage().data_ptr() for parameter in method.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(packed, lambda tensor: tensor):
        loss = torch.stack(list(terms(method, batch(side=64), half=False).values())).sum()
    count = sum(size for place, size in kept.items() if place not in held)
    loss.backward()
    return {name: each.grad for name, each in method.named_parameters() if each.grad is not None}, count


@pytest.mark.parametrize("key", [key for key in PHASES if key != "lure-s fusion"])
def test_checkpointing_keeps_less_and_changes_no_gradient(key):
    plain, much = step(key, checkpointing=False)
    recomputed, little = step(key, checkpointing=True)
    assert plain.keys() == recomputed.keys()
    for name, gradient in plain.items():
        # Gradients that meet in one place may be added in another order.
        torch.testing.assert_close(recomputed[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
    assert little < 0.6 * much
