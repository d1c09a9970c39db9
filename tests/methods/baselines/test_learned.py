"""The learned baselines against tensors that the official networks computed with the official weights."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.images.files import read_image
from fusionbench.images.tensors import to_tensor
from fusionbench.methods.baselines import cscfuse, densefuse
from fusionbench.methods.baselines.lrrnet import normalised
from fusionbench.methods.baselines.mufusion import corners
from fusionbench.methods.baselines.seafusion import luma_cr_cb
from fusionbench.methods.common.color import chroma, luma, rgb
from fusionbench.types import Batch

pytestmark = [pytest.mark.weights, pytest.mark.shared]

CROPS = ["msrs", "tno"]
# The references keep only this corner of large intermediate tensors; it shows the border padding.
CORNER = (..., slice(0, 20), slice(0, 28))


def assert_close(value: Tensor, expected: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(value, expected, atol=atol, rtol=0)


@pytest.fixture
def crop(reference):
    def make(name: str) -> Batch:
        inputs = reference("inputs")
        return Batch(
            name=[name],
            degradation=["clean"],
            ir=inputs[f"{name}.ir_u8"][None, None] / 255,
            vi=inputs[f"{name}.vi_rgb_u8"][None] / 255,
            ir_scale=[1],
            vi_scale=[1],
        )

    return make


@pytest.mark.parametrize("crop_name", CROPS)
def test_ifcnn(official, reference, crop_name):
    values, network = reference("ifcnn"), official("ifcnn").network
    ir, vi = (values[f"{crop_name}.{key}"].expand(-1, 3, -1, -1) for key in ("in2_ir", "in1_vi"))
    assert_close(network(ir, vi), values[f"{crop_name}.out"])
    if crop_name == "msrs":
        first = network.conv1(vi)
        assert_close(first[CORNER], values["msrs.conv1_vi_sub"])
        code_ir, code_vi = network.encode(ir), network.encode(vi)
        assert_close(code_vi[CORNER], values["msrs.conv2_vi_sub"])
        assert_close(code_ir[CORNER], values["msrs.conv2_ir_sub"])
        merged = network.merge(code_ir, code_vi)
        assert_close(merged[CORNER], values["msrs.fused_feat_sub"])
        assert_close(network.conv3(merged)[CORNER], values["msrs.conv3_sub"])


def test_ifcnn_with_imagenet_normalisation(official, reference, crop):
    batch = crop("msrs")
    raw = official("ifcnn", normalize="imagenet").raw(batch["ir"], batch["vi"])
    assert_close(raw, reference("ifcnn")["msrs.out_imagenetnorm_rgbvis_denormed"])


@pytest.mark.parametrize("crop_name", CROPS)
def test_seafusion(official, reference, crop, crop_name):
    values, method = reference("seafusion"), official("seafusion", stretch=False)
    vi, ir = values[f"{crop_name}.in_vi_y"], values[f"{crop_name}.in_ir"]
    assert_close(method.network(vi, ir), values[f"{crop_name}.out_y"])
    assert_close(method.fuse(crop(crop_name)), values[f"{crop_name}.out_rgb_clamped"])


def test_seafusion_inside(official, reference, crop):
    """In double precision, as rounding differs between processors by more than the tolerance."""
    values = {name: value.double() for name, value in reference("seafusion").items()}
    network = copy.deepcopy(official("seafusion").network).double()
    vi, ir = values["msrs.in_vi_y"], values["msrs.in_ir"]
    y, cr, cb = luma_cr_cb(crop("msrs")["vi"].double())
    assert_close(y, vi)
    assert_close(cr, values["msrs.in_vi_cr"])
    assert_close(cb, values["msrs.in_vi_cb"])
    first = F.leaky_relu(network.vis_conv(vi), 0.2)
    assert_close(first[CORNER], values["msrs.vis_conv_sub"])
    assert_close(network.vis_rgbd1.dense(first)[CORNER], values["msrs.vis_rgbd1_dense_sub"])
    assert_close(network.vis_rgbd1(first)[CORNER], values["msrs.vis_rgbd1_sub"])
    code_vi, code_ir = network.encode("vis", vi), network.encode("inf", ir)
    assert_close(code_vi[CORNER], values["msrs.vis_rgbd2_sub"])
    assert_close(code_ir[CORNER], values["msrs.inf_rgbd2_sub"])
    features = torch.cat([code_vi, code_ir], dim=1)
    for name in ("decode4", "decode3", "decode2"):
        features = F.leaky_relu(network.get_submodule(name)(features), 0.2)
        assert_close(features[CORNER], values[f"msrs.{name}_sub"])


def test_seafusion_stretches_each_image_by_its_own_extremes(official, crop):
    batch = crop("msrs")
    plain = official("seafusion", stretch=False).fuse(batch)
    full = official("seafusion").fuse(batch)
    assert full.min() == 0
    assert full.max() == 1
    assert_close(full, (plain - plain.min()) / (plain.max() - plain.min()))


@pytest.mark.parametrize("crop_name", CROPS)
def test_densefuse(official, reference, crop_name):
    values = reference("densefuse")
    ir, vi = values[f"{crop_name}.in_ir"], values[f"{crop_name}.in_vi"]
    assert_close(official("densefuse").network(ir, vi) / 255, values[f"{crop_name}.out_addition"] / 255)
    by_norm = official("densefuse", rule="l1").network(ir, vi)
    assert_close(by_norm / 255, values[f"{crop_name}.out_l1norm_paper_r1_zeropad"] / 255)


def test_densefuse_inside(official, reference):
    values, network = reference("densefuse"), official("densefuse").network
    ir, vi = values["msrs.in_ir"], values["msrs.in_vi"]
    assert_close(torch.relu(network.conv1(ir))[CORNER] / 255, values["msrs.conv1_ir_sub"] / 255)
    code_ir, code_vi = network.encode(ir), network.encode(vi)
    assert_close(code_ir[CORNER] / 255, values["msrs.enc_ir_sub"] / 255)
    assert_close(code_vi[CORNER] / 255, values["msrs.enc_vi_sub"] / 255)
    second = torch.relu(network.conv2(densefuse.mean(code_ir, code_vi)))
    assert_close(second[CORNER] / 255, values["msrs.dec_conv2_addition_sub"] / 255)


@pytest.mark.parametrize("crop_name", CROPS)
def test_lrrnet(official, reference, crop, crop_name):
    values, network = reference("lrrnet"), official("lrrnet").network
    ir, vi = values[f"{crop_name}.in_ir"], values[f"{crop_name}.in_vi"]
    assert_close(normalised(crop(crop_name)["ir"], 255.0), ir)
    assert_close(network(ir, vi), values[f"{crop_name}.out"])
    codes_ir, codes_vi, decoder = network.get_ls1(ir), network.get_ls2(vi), network.decoder
    low, high = decoder.parts(codes_ir, codes_vi)
    assert_close(low, values[f"{crop_name}.fl"])
    assert_close(high, values[f"{crop_name}.fh"])
    assert_close(decoder.conv_ReZx(codes_ir[0]), values[f"{crop_name}.x_l"])
    assert_close(decoder.conv_ReUx(codes_ir[1]), values[f"{crop_name}.x_h"])
    assert_close(decoder.conv_ReZy(codes_vi[0]), values[f"{crop_name}.y_l"])
    assert_close(decoder.conv_ReUy(codes_vi[1]), values[f"{crop_name}.y_h"])
    if crop_name == "msrs":
        for key, code in (("x_l", codes_ir[0]), ("x_s", codes_ir[1]), ("y_l", codes_vi[0])):
            assert_close(code[CORNER], values[f"msrs.fea_{key}_sub"])


@pytest.mark.parametrize("crop_name", CROPS)
def test_mmdrfuse(official, reference, crop_name):
    values, network = reference("mmdrfuse"), official("mmdrfuse").network
    both = values[f"{crop_name}.in"]
    fused = network(both[:, :1], both[:, 1:])
    assert_close(fused, values[f"{crop_name}.out"])
    hidden = network.conv1(both)
    assert_close(network.conv2(torch.relu(hidden)), values[f"{crop_name}.out_pre_tanh"])
    if crop_name == "msrs":
        assert_close(hidden, values["msrs.conv1_pre_relu"])


@pytest.mark.parametrize("crop_name", CROPS)
def test_datfuse(official, reference, crop_name):
    values, network = reference("datfuse"), official("datfuse").network
    both = values[f"{crop_name}.in"]
    assert_close(network(both[:, :1], both[:, 1:]), values[f"{crop_name}.out"])


def test_datfuse_inside(official, reference):
    values, network = reference("datfuse"), official("datfuse").network
    both = values["msrs.in"]
    first = torch.relu(network.convolutional(both))
    assert_close(first[CORNER], values["msrs.convolutional_sub"])
    extracted = network.extract(first)
    assert_close(extracted[CORNER], values["msrs.fem1_sub"])
    assert_close(network.cam(extracted), values["msrs.cam1"])
    assert_close(network.sam(extracted), values["msrs.sam1"])
    features = network.encode(both[:, :1], both[:, 1:])
    for index, block in enumerate(network.basicLayer["blocks"]):
        features = block(features)
        assert_close(features[CORNER], values[f"msrs.block{index}_sub"])
    extracted = network.extract(features)
    assert_close(extracted[CORNER], values["msrs.fem2_sub"])
    assert_close(network.cam(extracted), values["msrs.cam2"])
    assert_close(network.sam(extracted), values["msrs.sam2"])


@pytest.mark.parametrize("crop_name", CROPS)
def test_mufusion_whole(official, reference, crop_name):
    values, network = reference("mufusion"), official("mufusion").network
    both = values[f"{crop_name}.in"]
    assert_close(network(both[:, :1], both[:, 1:]), values[f"{crop_name}.out_TNO"])


def test_mufusion_inside(official, reference):
    values, network = reference("mufusion"), official("mufusion").network
    seen: dict[str, Tensor] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
        for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "conv33", "conv22")
    ]
    both = values["msrs.in"]
    network(both[:, :1], both[:, 1:])
    for hook in hooks:
        hook.remove()
    for index in range(1, 7):
        assert_close(torch.relu(seen[f"conv{index}"])[CORNER], values[f"msrs.G{index}1_sub"])
    lower = torch.relu(seen["conv33"])
    assert_close(lower[CORNER], values["msrs.conv33_sub"])
    wide = F.interpolate(lower, scale_factor=2, mode="bicubic", align_corners=False)
    assert_close(wide[CORNER], values["msrs.up_sub"])
    assert_close(torch.relu(seen["conv22"])[CORNER], values["msrs.conv22_sub"])


def test_mufusion_in_patches(official, reference):
    values = reference("mufusion")
    both = values["msrs_tiled.in"]
    in_patches = official("mufusion").fused_luma(both[:, :1], both[:, 1:])
    assert_close(in_patches, values["msrs_tiled.out_TNO"])
    whole = official("mufusion", patches=False).fused_luma(both[:, :1], both[:, 1:])
    assert_close(whole, values["msrs_tiled.out_TNO_untiled"])


def test_mufusion_patches_cover_every_pixel_and_stay_inside():
    for height, width in ((128, 128), (129, 252), (253, 377)):
        covered = torch.zeros(height, width)
        for top, left in corners(height, width):
            assert 0 <= top <= height - 128
            assert 0 <= left <= width - 128
            covered[top : top + 128, left : left + 128] += 1
        assert covered.min() >= 1


@pytest.mark.parametrize("crop_name", CROPS)
def test_cscfuse(official, reference, crop_name):
    values, method = reference("cscfuse"), official("cscfuse")
    ir, vi = values[f"{crop_name}.in_ir"], values[f"{crop_name}.in_vi"]
    assert_close(cscfuse.blurred(ir), values[f"{crop_name}.blur_ir"])
    (base_ir, detail_ir), (base_vi, detail_vi) = method.codes(ir), method.codes(vi)
    share = cscfuse.detail_share(detail_ir, detail_vi)
    assert_close(share, values[f"{crop_name}.detail_w_first"], atol=1e-4)
    assert_close(cscfuse.base_share(base_ir, base_vi)[CORNER], values[f"{crop_name}.base_w_ir_sub"], atol=1e-4)
    averaged = method.decoder(base_ir + base_vi)
    assert_close(averaged, values[f"{crop_name}.out_dec_base_only_avg"], atol=1e-4)
    detail = method.decoder(2 * (share * detail_ir + (1 - share) * detail_vi))
    assert_close(torch.sigmoid(averaged + detail), values[f"{crop_name}.out_baseAvg_detailL1"], atol=1e-4)
    assert_close(method.fused_luma(ir, vi), values[f"{crop_name}.out_official"], atol=1e-4)
    if crop_name == "msrs":
        codes = {"base_ir": base_ir, "base_vi": base_vi, "detail_ir": detail_ir, "detail_vi": detail_vi}
        for name, code in codes.items():
            assert_close(code[CORNER], values[f"msrs.{name}_sub"], atol=1e-4)


@pytest.mark.parametrize("name", ["datfuse", "densefuse", "lrrnet", "mmdrfuse", "mufusion", "cscfuse"])
def test_networks_of_one_channel_keep_the_visible_chroma(official, crop, name):
    """Where no channel is clamped, the fused image's colour differences are the visible image's."""
    batch = crop("msrs")
    fused = official(name).fuse(batch)
    inside = ((fused > 0) & (fused < 1)).all(dim=1, keepdim=True).expand_as(chroma(fused))
    assert inside.float().mean() > 0.3
    assert_close(chroma(fused)[inside], chroma(batch["vi"])[inside])


def test_densefuse_fuses_luma_as_the_gray_network_does(official, crop):
    batch = crop("msrs")
    y = official("densefuse").network(batch["ir"] * 255, luma(batch["vi"]) * 255) / 255
    assert_close(official("densefuse").fuse(batch), rgb(y, chroma(batch["vi"])))


@pytest.mark.parametrize(
    ("name", "options", "triple"),
    [("ifcnn", {"normalize": "imagenet"}, "tno12_ifcnn"), ("seafusion", {}, "tno10_seafusion")],
)
def test_published_images_are_met_to_one_gray_level(official, shared, name, options, triple):
    """Images from the authors' programs, which cut the fraction off where files are rounded here."""
    ir, vi, published = (
        to_tensor(read_image(shared / "golden" / "images" / triple / f"{part}.png", channels=channels))[None]
        for part, channels in (("ir", 1), ("vi", 3), ("fused", 3))
    )
    batch = Batch(name=["golden"], degradation=["clean"], ir=ir, vi=vi, ir_scale=[1], vi_scale=[1])
    levels = (official(name, **options).fuse(batch) * 255 + 1e-4).floor()
    if name == "ifcnn":  # its script turns results of gray pairs gray
        levels = luma(levels).round().expand_as(levels)
    difference = (levels - published * 255).abs()
    assert difference.max() < 1.5
    assert (difference > 0.5).float().mean() < 2e-4
