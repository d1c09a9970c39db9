"""Strips give what whole images give, and the blocks are what their definitions say."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn
from torch.testing import assert_close

from fusionbench.nn.cpu import chunked
from fusionbench.nn.norm import ChannelNorm, LayerNorm2d
from fusionbench.nn.restormer import CrossMDTA, RestormerBlock, cosines

SIZES = [(1, 1), (1, 7), (2, 3), (3, 1), (8, 8), (9, 40), (17, 12)]
CLOSE = {"atol": 2e-6, "rtol": 1e-5}


@pytest.fixture(params=[60, 1000, 1_000_000])
def strip_numbers(request, monkeypatch):
    """From strips of two rows to whole images."""
    monkeypatch.setattr(chunked, "CHUNK_ELEMENTS", request.param)


def jumbled(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """No weight at its initial value, where mistakes can hide."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return module


def attention(query, key, value, temperature):
    heads = temperature.shape[0]
    q, k, v = (rearrange(part, "b (h c) y x -> b h c (y x)", h=heads) for part in (query, key, value))
    weights = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * temperature).softmax(dim=-1)
    return rearrange(weights @ v, "b h c (y x) -> b (h c) y x", y=query.shape[2])


def plain_block(block, x):
    """The published block, step by step."""
    normed = block.norm1(x)
    parts = block.attn.qkv_dwconv(block.attn.qkv(normed)).chunk(3, dim=1)
    x = x + block.attn.project_out(attention(*parts, block.attn.temperature))
    gate, value = block.ffn.dwconv(block.ffn.project_in(block.norm2(x))).chunk(2, dim=1)
    return x + block.ffn.project_out(F.gelu(gate) * value)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_block_is_the_published_one(size, heads, generator, strip_numbers):
    block = jumbled(RestormerBlock(6, heads), generator)
    x = torch.randn(2, 6, *size, generator=generator)
    before = x.clone()
    with torch.no_grad():
        expected = plain_block(block, x)
        assert_close(block(x), expected, **CLOSE)
        assert_close(block(x.contiguous(memory_format=torch.channels_last)), expected, **CLOSE)
    assert_close(block(x), expected, **CLOSE)
    assert_close(x, before, atol=0, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_cross_attention_adds_what_the_source_answers(size, generator, strip_numbers):
    cross = jumbled(CrossMDTA(6, 2), generator)
    x, source = torch.randn(2, 2, 6, *size, generator=generator)
    query = cross.q_dwconv(cross.q(cross.norm(x)))
    key, value = cross.kv_dwconv(cross.kv(cross.norm(source))).chunk(2, dim=1)
    expected = x + cross.project_out(attention(query, key, value, cross.temperature))
    assert_close(cross(x, source), expected, **CLOSE)
    with torch.no_grad():
        assert_close(cross(x, source), expected, **CLOSE)


def test_batch_gives_what_single_images_give(generator):
    block = jumbled(RestormerBlock(6, 2), generator)
    x = torch.randn(3, 6, 9, 11, generator=generator)
    with torch.no_grad():
        assert_close(block(x), torch.cat([block(image) for image in x.split(1)]), **CLOSE)


def test_gradients_of_the_block_are_those_of_the_published_one(generator):
    block = jumbled(RestormerBlock(4, 2), generator).double()
    x = torch.randn(1, 4, 5, 6, generator=generator, dtype=torch.float64)
    ours = torch.autograd.grad(block(x).square().sum(), list(block.parameters()))
    theirs = torch.autograd.grad(plain_block(block, x).square().sum(), list(block.parameters()))
    assert_close(ours, theirs, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_cosines_of_large_numbers_survive_half_precision(dtype, generator):
    query, key = 100 * torch.randn(2, 1, 4, 64, 64, generator=generator)
    exact = cosines(query, key, 2)
    assert_close(cosines(query.to(dtype), key.to(dtype), 2).float(), exact, atol=1e-2, rtol=0)


def test_cosines_of_nothing_are_zero():
    empty = torch.zeros(1, 4, 3, 3)
    assert_close(cosines(empty, empty, 2), torch.zeros(1, 2, 2, 2))


def test_strips_are_left_where_they_do_not_fit():
    x = torch.zeros(1, 2, 3, 4)
    assert not chunked.apply_to(x)
    with torch.no_grad():
        assert chunked.apply_to(x)
        assert not chunked.apply_to(x.bfloat16())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not chunked.apply_to(x)


@pytest.mark.parametrize("norm", [ChannelNorm, LayerNorm2d])
def test_norm_is_over_the_channels_of_each_pixel(norm, generator):
    x = torch.randn(2, 5, 3, 4, generator=generator)
    layer = jumbled(norm(5), generator)
    parameters = dict(layer.named_parameters())
    weight, bias = (
        next(value for key, value in parameters.items() if key.endswith(name)) for name in ("weight", "bias")
    )
    eps = 1e-5 if norm is ChannelNorm else 1e-6
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    expected = (x - mean) / (variance + eps).sqrt() * weight[:, None, None] + bias[:, None, None]
    assert_close(layer(x), expected, **CLOSE)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_on_cuda_stays_near_single_precision(dtype, generator):
    block = jumbled(RestormerBlock(16, 2), generator).cuda()
    x = torch.randn(2, 16, 40, 48, generator=generator).cuda()
    with torch.no_grad():
        exact = block(x)
        with torch.autocast("cuda", dtype=dtype):
            rough = block(x)
    assert (rough.float() - exact).abs().mean() < 0.02 * exact.abs().mean()
