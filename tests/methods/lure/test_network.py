"""Encoder, decoder and fusion module: their formulas, their sizes, and how the text acts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fusionbench.methods.lure.config import SIZES
from fusionbench.methods.lure.decoder import RULE_FUNCTIONS, l1_rule
from fusionbench.methods.lure.encoder import EncoderLayer, TextGuidedAttention, TextGuidedBlock, TextQueries
from fusionbench.methods.lure.method import LURE
from fusionbench.methods.lure.network import LureNetwork

# Counted by hand from the layers' shapes (specification, section B.2): levels 0.186, 0.637, 4.684 and 29.651 million.
ENCODER, DECODER, FUSION = 35_546_968, 1_849_011, 1_146_684


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def randomized(module, generator):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    return module


@pytest.fixture(scope="module")
def full():
    return LureNetwork(SIZES["full"])


def test_full_size_has_the_specified_parameters(full):
    assert (count(full.encoder), count(full.decoder), count(full.fusion)) == (ENCODER, DECODER, FUSION)
    assert [round(count(layer) / 1e6, 3) for layer in full.encoder.layers] == [0.186, 0.637, 4.684, 29.651]
    assert [count(layer.guides[0]) / 1e6 for layer in full.encoder.layers] == pytest.approx(
        [0.0436, 0.1425, 0.5057, 1.895], rel=1e-3
    )


def test_full_size_has_the_paper_s_widths_and_depths(full):
    assert [layer.linear.in_channels for layer in full.encoder.layers] == [48, 96, 192, 384]
    assert [layer.linear.out_channels for layer in full.encoder.layers] == [16, 32, 64, 128]
    assert [len(layer.bases) for layer in full.encoder.layers] == [2, 2, 4, 8]
    assert [len(layer.bottlenecks) for layer in full.encoder.layers] == [1, 1, 2, 2]
    assert [len(level.to_visible) for level in full.fusion.levels] == [1, 1, 2, 2]


def test_small_size_has_about_a_million_parameters():
    assert 0.9e6 < count(LureNetwork(SIZES["small"])) < 1.2e6


def test_unknown_size_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown size of lure 'smal'; did you mean 'small'"):
        LURE("smal")


@pytest.mark.parametrize("rule", ["l1", "mean", "sum"])
def test_at_the_start_the_fused_latent_is_the_rule_s(rule, pair):
    network = LureNetwork(SIZES["tiny"], rule=rule)
    ir, vi, text_ir, text_vi = pair
    visible = network.encode(vi, text_vi, torch.zeros(2, dtype=torch.long))
    infrared = network.encode(ir, text_ir, torch.ones(2, dtype=torch.long))
    fused = network.fused_latents(ir, vi, text_ir, text_vi)
    for ours, vi_level, ir_level in zip(fused, visible, infrared, strict=True):
        # Batched and single convolutions of a CPU may round differently; what the module adds is zero.
        assert_close(ours, RULE_FUNCTIONS[rule](vi_level, ir_level), rtol=1e-5, atol=1e-6)
    for level, vi_level, ir_level in zip(network.fusion.levels, visible, infrared, strict=True):
        assert level(vi_level, ir_level).abs().max() == 0


def test_without_rule_the_module_does_not_start_at_zero(pair):
    network = LureNetwork(SIZES["tiny"], rule="none")
    assert all(latent.abs().max() > 0 for latent in network.fused_latents(*pair))


def test_l1_rule_weighs_by_mean_magnitude_of_nine_pixels():
    visible, infrared = torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
    visible[0, :, 1, 1] = torch.tensor([-2.0, 1.0])
    infrared[0, 0, 1, 1] = 1.0
    # At the centre, activities are 3/9 and 1/9; the shares 3/4 and 1/4.
    assert_close(l1_rule(visible, infrared)[0, :, 1, 1], torch.tensor([-2 * 0.75 + 0.25, 0.75]))


def test_l1_rule_of_equal_sources_is_the_source(generator):
    latent = torch.randn(2, 4, 6, 5, generator=generator)
    assert_close(l1_rule(latent, latent), latent)


def test_rule_of_nothing_is_nothing():
    assert l1_rule(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)).abs().max() == 0


def test_attention_is_the_formula(generator):
    layer = randomized(TextGuidedAttention(4, heads=2, text=3), generator)
    x, text = torch.randn(2, 4, 5, 6, generator=generator), torch.randn(2, 3, generator=generator)
    u = F.layer_norm(x.movedim(1, -1), (4,), layer.norm.body.weight, layer.norm.body.bias).movedim(-1, 1)
    gate = torch.sigmoid(text @ layer.gate.weight.T + layer.gate.bias)
    query = F.conv2d(F.conv2d(u * gate[:, :, None, None], layer.q.weight), layer.q_dwconv.weight, padding=1, groups=4)
    both = F.conv2d(F.conv2d(u, layer.kv.weight), layer.kv_dwconv.weight, padding=1, groups=8)
    expected = x.clone()
    for image in range(2):
        heads = []
        for head in range(2):
            q, k, v = (part[image, 2 * head : 2 * head + 2].flatten(1) for part in (query, both[:, :4], both[:, 4:]))
            attention = F.normalize(q, dim=1) @ F.normalize(k, dim=1).T * layer.temperature[head]
            heads.append(attention.softmax(dim=1) @ v)
        expected[image] += F.conv2d(torch.cat(heads).view(1, 4, 5, 6), layer.project_out.weight)[0]
    assert_close(layer(x, text), expected, rtol=1e-4, atol=1e-4)


def test_text_queries_weigh_values_where_keys_answer(generator):
    layer = randomized(TextQueries(4, heads=2, text=3), generator)
    x, text = torch.randn(1, 4, 5, 6, generator=generator), torch.randn(1, 3, generator=generator)
    u = F.layer_norm(x.movedim(1, -1), (4,), layer.norm.body.weight, layer.norm.body.bias).movedim(-1, 1)
    key, value = F.conv2d(F.conv2d(u, layer.kv.weight), layer.kv_dwconv.weight, padding=1, groups=8).chunk(2, dim=1)
    query = text @ layer.query.weight.T + layer.query.bias
    answers = [(query[0, h : h + 2, None, None] * key[0, h : h + 2]).sum(dim=0) / 2**0.5 for h in (0, 2)]
    weighed = torch.cat([answers[h].sigmoid() * value[0, 2 * h : 2 * h + 2] for h in (0, 1)])[None]
    assert_close(layer(x, text), x + F.conv2d(weighed, layer.project_out.weight), rtol=1e-4, atol=1e-4)


def test_strips_give_what_gradients_are_taken_of(tiny, pair):
    with_gradient = tiny(*pair)
    assert with_gradient.requires_grad
    with torch.no_grad():
        assert_close(tiny(*pair), with_gradient.detach(), rtol=1e-4, atol=1e-5)


def test_latent_is_linear_path_minus_degradation_path(generator):
    layer = randomized(EncoderLayer(1, SIZES["tiny"], "attention", inner_residual=True), generator)
    x, text = torch.randn(1, 8, 8, 8, generator=generator), torch.randn(1, 8, generator=generator)
    features, latent = layer(x, text, torch.tensor([1]))
    degradation = layer.bottlenecks[0](layer.filters[0](features, text))
    assert_close(latent, layer.linear(features) - degradation)


def test_without_inner_residual_the_latent_is_the_degradation_path(generator):
    layer = randomized(EncoderLayer(1, SIZES["tiny"], "attention", inner_residual=False), generator)
    x, text = torch.randn(1, 8, 8, 8, generator=generator), torch.randn(1, 8, generator=generator)
    features, latent = layer(x, text, torch.tensor([1]))
    assert_close(latent, layer.bottlenecks[0](layer.filters[0](features, text)))


def test_text_and_modality_both_matter(tiny, pair):
    _, vi, first, second = pair
    zeros, ones = torch.zeros(2, dtype=torch.long), torch.ones(2, dtype=torch.long)
    latents = tiny.encode(vi, first, zeros)[0]
    assert (tiny.encode(vi, second, zeros)[0] - latents).abs().max() > 1e-3
    assert (tiny.encode(vi, first, ones)[0] - latents).abs().max() > 1e-3


def test_each_image_of_a_batch_is_fused_by_itself(tiny, pair):
    with torch.no_grad():
        together = tiny(*pair)
        single = tiny(*(part[1:] for part in pair))
    assert_close(together[1:], single, rtol=1e-4, atol=1e-5)


def test_attention_sees_space_where_the_gate_does_not(generator):
    """Moving a far corner changes what attention makes of a pixel; the gate looks at that pixel alone."""
    x, text = torch.randn(1, 8, 12, 12, generator=generator), torch.randn(1, 8, generator=generator)
    other = x.clone()
    other[..., :3, :3] = -other[..., :3, :3]
    changes = {}
    for guidance in ("attention", "gate"):
        block = randomized(TextGuidedBlock(8, SIZES["tiny"], guidance), generator)
        changes[guidance] = (block(x, text) - block(other, text))[..., -1, -1].abs().max().item()
    assert changes["gate"] == 0 < changes["attention"]


def test_autocast_stays_near_full_precision(tiny, pair):
    with torch.no_grad():
        exact = tiny(*pair)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = tiny(*pair)
    assert rough.isfinite().all()
    # bfloat16 has 8 bits; twenty layers of unit-scale random weights amplify them.
    assert (rough.float() - exact).abs().max() < 0.1 * exact.abs().max()


def test_every_parameter_gets_a_gradient(tiny, pair):
    tiny(*pair).square().mean().backward()
    without = [name for name, parameter in tiny.named_parameters() if parameter.grad is None]
    assert without == []


@pytest.mark.gpu
def test_gpu_gives_what_the_cpu_gives(tiny, pair):
    with torch.no_grad():
        here = tiny(*pair)
        there = tiny.cuda()(*(part.cuda() for part in pair))
    assert_close(there.cpu(), here, rtol=1e-3, atol=1e-3)
