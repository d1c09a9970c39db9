"""Crops of degraded images tell where they were cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from fusionbench.data.augmentation import Augmentation
from fusionbench.data.crops import cut
from fusionbench.data.sources.base import RawPair
from fusionbench.degradations import parse
from fusionbench.degradations.crop_operators import CropInfo, crop_info, crop_operator, placed_crop_info
from fusionbench.degradations.linear import linear_model
from fusionbench.types import CropPlace

HEIGHT, WIDTH = 96, 120


@pytest.fixture(scope="module")
def clean():
    rng = np.random.default_rng(3)
    field = gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), 3)
    return (130 + 90 * field / np.abs(field).max()).astype(np.uint8)


def observed(clean, spec):
    degraded = parse(spec).apply(clean, np.stack([clean] * 3, axis=-1), name="a", seed=0)
    return torch.from_numpy(degraded.ir / np.float32(255))[None], linear_model(parse(spec)).ir


def as_tensor(image):
    return torch.from_numpy(image / np.float32(255))[None]


@pytest.mark.parametrize("spec", ["blur", "composite", "ir:lr(4)", "ir:blur(3,15,1)+ir:noise(5)", "noise", "ir:blur"])
def test_whole_images_are_taken_for_whole(clean, spec):
    image, operator = observed(clean, spec)
    assert crop_info(image, operator) == CropInfo()


@pytest.mark.parametrize("spec", ["ir:lr(4)", "composite", "ir:noise+ir:lr(8)"])
@pytest.mark.parametrize(("top", "left"), [(0, 0), (1, 2), (7, 3), (6, 5)])
def test_patches_are_found_wherever_a_part_begins(clean, spec, top, left):
    image, operator = observed(clean, spec)
    scale = parse(spec).scale("ir")
    assert crop_info(image[:, top:, left:], operator).origin == (-top % scale, -left % scale)


@pytest.mark.parametrize("spec", ["blur", "composite", "ir:lr(4)+vi:lr(8)", "noise"])
def test_a_training_crop_says_what_can_be_seen_in_it(clean, spec):
    raw = RawPair("a", 200 + clean // 8, np.stack([200 + clean // 8] * 3, axis=-1))
    operator, augmentation, seen = linear_model(parse(spec)).ir, Augmentation((40, 56), flip=True), set()
    for seed in range(24):
        _, degraded, place = cut(raw, parse(spec), 0, augmentation, seed)
        told = placed_crop_info(place, 40, 56, operator)
        found = crop_info(as_tensor(degraded.ir), operator)
        # In noise, dark borders are sometimes missed.
        assert told.origin == found.origin if spec == "composite" else told == found
        seen.add(told)
    assert (len(seen) > 1) == (spec != "noise")


def test_a_crop_at_an_edge_goes_on_at_the_other_sides():
    operator = linear_model(parse("blur")).ir
    corner = CropPlace(0, WIDTH - 56, (HEIGHT, WIDTH), flipped=False)
    assert placed_crop_info(corner, 40, 56, operator).continues == ((False, True), (True, False))
    assert placed_crop_info(corner._replace(flipped=True), 40, 56, operator).continues == ((False, True), (False, True))


def test_patches_are_found_in_a_mirrored_part(clean):
    image, operator = observed(clean, "ir:lr(4)")
    assert crop_info(image[:, :, :63].flip(-1), operator).origin == (0, 3)


@pytest.mark.parametrize("spec", ["blur", "composite", "ir:blur(2,13,1)+ir:noise"])
def test_edges_inside_the_image_are_told_from_its_border(clean, spec):
    image, operator = observed(clean, spec)
    assert crop_info(image[:, 32:80, 32:80], operator).continues == ((True, True), (True, True))
    assert crop_info(image[:, :60, 40:], operator).continues == ((False, True), (True, False))


@pytest.mark.parametrize("spec", ["blur", "composite", "ir:lr(4)"])
def test_a_parts_operator_does_what_was_done_to_it(clean, spec):
    image, operator = observed(clean, spec)
    box = (slice(None), slice(33, 86), slice(30, 95))
    part, source = image[box], as_tensor(clean)[box]
    fitting = crop_operator(operator, crop_info(part, operator))
    missed, taken_for_whole = ((each.apply(source) - part).abs() for each in (fitting, operator))
    assert missed.mean() < 0.02
    assert missed.mean() < 0.6 * taken_for_whole.mean()
    # The inside is exact up to rounding and noise; at the edges, what went on is guessed.
    if spec == "blur":
        assert missed[:, 6:-6, 6:-6].max() < 2.5 / 255


def test_black_images_and_slivers_have_a_frame():
    operator = linear_model(parse("composite")).ir
    assert crop_info(torch.zeros(1, 40, 40), operator) == CropInfo()
    assert crop_info(torch.rand(1, 1, 1), operator) == CropInfo()
    assert crop_info(torch.rand(1, 3, 40), operator).continues[0] == (False, False)


def test_what_shows_no_edges_is_left_alone():
    model = linear_model(parse("ir:blur+vi:noise"))
    frame = CropInfo((1, 1), ((True, True), (True, True)))
    assert crop_operator(model.ir, frame) is model.ir
    assert crop_operator(model.vi, frame) is model.vi
