"""What every method promises, checked on every row of the table that can run here."""

from __future__ import annotations

import re

import pytest
import torch

from fusionbench import methods
from fusionbench.methods import METHODS
from fusionbench.types import Batch

FREE = [name for name, card in METHODS.items() if card.family != "external" and not card.weights]
# Rows without a published file have nothing to load here; their own tests build them.
PUBLISHED = [name for name, card in METHODS.items() if card.weights and all(part.sha256 for part in card.weights)]
ROWS = [
    *(pytest.param(name, id=name) for name in FREE),
    *(pytest.param(name, id=name, marks=[pytest.mark.weights, pytest.mark.shared]) for name in PUBLISHED),
]
SIZES = [(1, 1), (1, 7), (8, 8), (17, 30), (33, 21), (130, 133)]


@pytest.fixture
def method(request, name):
    return methods.load(name) if name in FREE else request.getfixturevalue("official")(name)


def one_of(batch: Batch, index: int) -> Batch:
    return Batch(**{key: value[index : index + 1] for key, value in batch.items()})


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(("height", "width"), SIZES, ids=lambda side: str(side))
def test_fuse_keeps_size_and_range(method, pairs, height, width):
    batch = pairs(height, width)
    fused = method.fuse(batch)
    assert fused.shape == batch["vi"].shape
    assert fused.dtype == torch.float32
    assert torch.isfinite(fused).all()
    assert fused.min() >= 0
    assert fused.max() <= 1


@pytest.mark.parametrize("name", ROWS)
def test_fuse_is_deterministic_and_leaves_its_input_alone(method, pairs):
    batch = pairs(18, 27)
    before = {key: batch[key].clone() for key in ("ir", "vi")}
    first = method.fuse(batch)
    assert torch.equal(first, method.fuse(batch))
    assert torch.equal(batch["ir"], before["ir"])
    assert torch.equal(batch["vi"], before["vi"])


@pytest.mark.parametrize("name", ROWS)
def test_a_batch_gives_what_its_images_give_alone(method, pairs):
    batch = pairs(19, 26, count=3)
    together = method.fuse(batch)
    alone = torch.cat([method.fuse(one_of(batch, index)) for index in range(3)])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", ROWS)
def test_black_and_white_pairs_give_finite_images(method):
    for value in (0.0, 1.0):
        batch = Batch(
            name=["flat"],
            degradation=["clean"],
            ir=torch.full((1, 1, 12, 14), value),
            vi=torch.full((1, 3, 12, 14), value),
            ir_scale=[1],
            vi_scale=[1],
        )
        assert torch.isfinite(method.fuse(batch)).all()


@pytest.mark.parametrize("name", ROWS)
def test_methods_are_final_and_one_level_deep(method):
    from fusionbench.methods.method import Method

    assert type(method).__bases__ == (Method,)
    assert not type(method).__subclasses__()


@pytest.mark.parametrize("name", ROWS)
def test_a_loaded_method_is_ready_to_fuse(method, name):
    assert not method.training
    assert not any(parameter.requires_grad for parameter in method.parameters())
    if METHODS[name].weights:
        assert re.fullmatch(rf"{name}@[0-9a-f]{{8}}", methods.weights_name(method))
    else:
        assert methods.weights_name(method) == ""
