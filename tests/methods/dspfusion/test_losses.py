"""Every loss term against the official values, and what the terms mean."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fusionbench.methods.dspfusion.losses import OBJECTIVES, contrastive_loss, fusion_loss, prior_loss
from fusionbench.nn.losses import ssim

OFFICIAL_NAMES = {
    "intensity": "loss_intensity_max",
    "gradient": "loss_grad",
    "consistency": "loss_intensity_consist",
    "color": "loss_color",
    "ssim": "loss_ssim",
}


@pytest.fixture
def images(training_inputs):
    return [training_inputs[f"loss.{name}"] for name in ("fused", "gt_ir", "gt_vi")]


@pytest.mark.shared
@pytest.mark.parametrize("term", OFFICIAL_NAMES)
def test_fusion_term_is_the_official_one(images, expected_training, term):
    expected = expected_training["fusion_loss"][OFFICIAL_NAMES[term]]
    assert fusion_loss(*images)[term].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.shared
def test_fusion_loss_and_its_gradient_are_the_official_ones(images, expected_training):
    fused = images[0].clone().requires_grad_()
    loss = torch.stack(list(fusion_loss(fused, *images[1:]).values())).sum()
    loss.backward()
    assert loss.item() == pytest.approx(expected_training["fusion_loss"]["loss_fusion"], rel=1e-5)
    assert fused.grad.norm().item() == pytest.approx(expected_training["fusion_loss"]["grad_norm_wrt_fused"], rel=1e-4)


@pytest.mark.shared
def test_ssim_parts_are_the_official_ones(images, expected_training):
    parts = expected_training["fusion_loss_unweighted_parts"]
    fused, _, vi = images
    assert 1 - ssim(vi, fused, 13).mean().item() == pytest.approx(parts["ssim_vis_rgb"], rel=1e-5)


@pytest.mark.shared
def test_contrastive_loss_is_the_official_one(training_inputs, expected_training):
    anchors = {name: training_inputs[f"cl.anchor_{name}"] for name in ("ir", "vi")}
    positives = {name: training_inputs[f"cl.pos_{name}"] for name in ("ir", "vi")}
    shared = training_inputs["cl.neg"]
    loss = sum(
        contrastive_loss(anchors[own], positives[own], torch.cat([shared, anchors[other][None]]))
        for own, other in (("ir", "vi"), ("vi", "ir"))
    )
    assert loss.item() == pytest.approx(expected_training["contrastive_loss"], abs=2e-6)


def test_contrastive_loss_of_equal_vectors_is_chance():
    vectors = torch.ones(11, 2, 5)
    loss = contrastive_loss(vectors[0], vectors[1:4], vectors[4:])
    assert_close(loss, 3 * torch.tensor(8.0).log(), atol=1e-5, rtol=0)


def test_terms_vanish_for_the_image_they_ask_for(generator):
    vi = torch.rand(1, 3, 20, 24, generator=generator)
    black = torch.zeros_like(vi)
    terms = fusion_loss(vi, black, vi)
    assert {name for name, value in terms.items() if value.item() < 1e-5} == {"intensity", "gradient", "color"}
    assert all(value.item() < 1e-5 for value in fusion_loss(vi, vi, vi).values())


def test_brighter_source_is_chosen_as_a_whole_color():
    ir, vi = torch.full((1, 3, 16, 16), 0.5), torch.tensor([0.9, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert fusion_loss(ir, ir, vi)["intensity"].item() == 0
    assert fusion_loss(torch.maximum(ir, vi), ir, vi)["intensity"].item() == pytest.approx(15 * 0.4 / 3, rel=1e-5)


def test_paper_weights_drop_consistency_and_raise_gradients(generator):
    images = torch.rand(3, 1, 3, 20, 24, generator=generator)
    released, paper = fusion_loss(*images), fusion_loss(*images, OBJECTIVES["paper"])
    assert paper["consistency"].item() == 0
    assert_close(paper["gradient"], released["gradient"] * 1.125)


def test_sharp_weights_double_the_gradients_only(generator):
    images = torch.rand(3, 1, 3, 20, 24, generator=generator)
    released, sharp = fusion_loss(*images), fusion_loss(*images, OBJECTIVES["sharp"])
    assert_close(sharp, released | {"gradient": 2 * released["gradient"]})


def test_prior_loss_is_ten_times_the_mean_distance():
    assert prior_loss(torch.zeros(2, 16, 4), torch.full((2, 16, 4), 0.3)).item() == pytest.approx(3)


def test_windows_larger_than_the_image_are_refused():
    with pytest.raises(ValueError, match="12x30 pixels are smaller than the 13x13 window"):
        ssim(torch.zeros(1, 1, 30, 12), torch.zeros(1, 1, 30, 12), 13)


def test_padded_ssim_counts_zeros_beyond_the_border(generator):
    first, second = torch.rand(2, 2, 3, 15, 17, generator=generator)
    padded = [F.pad(image, (5, 5, 5, 5)) for image in (first, second)]
    assert_close(ssim(first, second, padding=5), ssim(*padded), atol=1e-6, rtol=0)
