"""Applying degradations: sizes, scales, intervals, limits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.degradations import draw, parse
from fusionbench.registry import RenamedWarning

from .conftest import EVERY, make_pair

GRADED = {
    "ll": "vi:ll({})",
    "oe": "vi:oe({})",
    "rain": "vi:rain({},angle=10)",
    "haze": "vi:haze({})",
    "lc": "ir:lc({},level=128)",
}


def error(image, reference) -> float:
    return float(np.abs(image.astype(float) - reference).mean())


@pytest.mark.parametrize("spec", EVERY)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (8, 8), (33, 47)])
def test_any_size_keeps_its_size_and_its_input(spec, height, width):
    ir, vi = make_pair(height, width)
    kept = ir.copy(), vi.copy()
    degraded = parse(spec).apply(ir, vi, name="a", seed=0)
    assert degraded.ir.dtype == degraded.vi.dtype == np.uint8
    assert degraded.ir.shape == (height, width)
    assert degraded.vi.shape == (height, width, 3)
    np.testing.assert_array_equal(ir, kept[0])
    np.testing.assert_array_equal(vi, kept[1])


@pytest.mark.parametrize("spec", EVERY)
def test_only_the_named_modalities_change(spec, pair):
    degradation = parse(spec)
    degraded = degradation.apply(*pair, name="a", seed=0)
    for modality, before, after in (("ir", pair[0], degraded.ir), ("vi", pair[1], degraded.vi)):
        assert bool(degradation.on(modality)) == (error(after, before) > 0.5)


def test_input_may_be_a_view_and_read_only(pair):
    ir, vi = (np.flip(image, axis=1) for image in pair)
    for image in (ir, vi):
        image.flags.writeable = False
    straight = [np.ascontiguousarray(image) for image in (ir, vi)]
    for spec in EVERY:
        found = parse(spec).apply(ir, vi, name="a", seed=0)
        wanted = parse(spec).apply(*straight, name="a", seed=0)
        np.testing.assert_array_equal(found.ir, wanted.ir)
        np.testing.assert_array_equal(found.vi, wanted.vi)


def test_clean_gives_the_images_back(pair):
    degraded = parse("clean").apply(*pair, name="a", seed=0)
    np.testing.assert_array_equal(degraded.ir, pair[0])
    np.testing.assert_array_equal(degraded.vi, pair[1])
    assert (degraded.ir_scale, degraded.vi_scale, str(degraded.degradation)) == (1, 1, "clean")


@pytest.mark.parametrize("spec", [template.format(0) for template in GRADED.values()])
def test_severity_zero_changes_nothing(spec, pair):
    degraded = parse(spec).apply(*pair, name="a", seed=0)
    np.testing.assert_array_equal(degraded.ir, pair[0])
    np.testing.assert_array_equal(degraded.vi, pair[1])


@pytest.mark.parametrize(
    "spec", ["ir:noise(0)", "ir:sn(0,0)", "vi:blur(0)", "ir:lr(1)+vi:lr(1)", "vi:haze(0,airlight=1)"]
)
def test_values_of_nothing_change_nothing(spec, pair):
    degraded = parse(spec).apply(*pair, name="a", seed=0)
    np.testing.assert_array_equal(degraded.ir, pair[0])
    np.testing.assert_array_equal(degraded.vi, pair[1])


@pytest.mark.parametrize(
    ("template", "most"),
    [(template, 1) for template in GRADED.values()]
    + [("ir:noise({})", 40), ("ir:sn({},stripe=1)", 40), ("ir:sn(1,stripe={})", 40), ("vi:blur({},99)", 8)],
)
def test_more_is_worse(template, most, pair):
    errors = []
    for share in (0.1, 0.4, 0.7, 1.0):
        degraded = parse(template.format(share * most)).apply(*pair, name="a", seed=0)
        errors.append(error(degraded.ir, pair[0]) + error(degraded.vi, pair[1]))
    assert errors == sorted(errors)
    assert errors[0] < errors[-1]


@pytest.mark.parametrize(
    ("spec", "scales"),
    [
        ("sr4", (4, 1)),
        ("sr8+vi:lr(2)", (8, 2)),
        ("composite", (4, 1)),
        ("composite-pet", (1, 2)),
        ("ir:lr(2)+sr4", (8, 1)),
    ],
)
def test_lost_resolution_is_told(spec, scales, pair):
    degraded = parse(spec).apply(*pair, name="a", seed=0)
    assert (degraded.ir_scale, degraded.vi_scale) == scales


def test_intervals_are_drawn_per_image_and_told(pair):
    degradation = parse("ll(0.2~0.8)+ir:lr(2~5)")
    done = [degradation.apply(*pair, name=str(index), seed=0) for index in range(60)]
    severities = [one.degradation.terms[0].arguments["severity"] for one in done]
    assert len(set(severities)) == 60
    assert 0.2 <= min(severities) < 0.25
    assert 0.75 < max(severities) <= 0.8
    assert {one.ir_scale for one in done} == {2, 3, 4, 5}
    again = done[0].degradation.apply(*pair, name="0", seed=0)
    np.testing.assert_array_equal(again.ir, done[0].ir)
    np.testing.assert_array_equal(again.vi, done[0].vi)
    assert again.degradation == done[0].degradation == degradation.sample_values(name="0", seed=0)


def test_defaults_that_are_intervals_are_drawn_too():
    stripes = [parse("sn").sample_values(name=str(index), seed=0).terms[0].arguments["stripe"] for index in range(40)]
    assert 5 <= min(stripes) < max(stripes) <= 8


def test_training_draws_differ_between_epochs_and_images_and_repeat_themselves():
    specs = ["clean", "ll(0.2~0.8)", "ll(0.2~0.8)", "rain+sn"]
    drawn = [draw(specs, name=str(index), seed=3, epoch=epoch) for index in range(200) for epoch in range(2)]
    assert drawn == [draw(specs, name=str(index), seed=3, epoch=epoch) for index in range(200) for epoch in range(2)]
    codes = ["+".join(term.code for term in one.degradation.terms) for one in drawn]
    shares = {code: codes.count(code) / len(codes) for code in set(codes)}
    assert shares == {
        "": pytest.approx(0.25, abs=0.08),
        "ll": pytest.approx(0.5, abs=0.08),
        "rain+sn": pytest.approx(0.25, abs=0.08),
    }
    assert len({one.seed for one in drawn}) == 2
    assert (
        sum(first.degradation != second.degradation for first, second in zip(drawn[::2], drawn[1::2], strict=True))
        > 100
    )


def test_drawing_from_nothing_is_an_error():
    with pytest.raises(ValueError, match="list at least 'clean'"):
        draw([], name="a", seed=0, epoch=0)


def test_epoch_seed_reaches_the_pixels(pair):
    first, second = (draw(["ir:noise"], name="a", seed=0, epoch=epoch) for epoch in (0, 1))
    images = [one.degradation.apply(*pair, name="a", seed=one.seed).ir for one in (first, second)]
    assert error(*images) > 5


def test_float_images_are_refused(pair):
    with pytest.raises(ValueError, match="8-bit images, but 'a' has float32 infrared, uint8 visible"):
        parse("ll").apply(pair[0].astype(np.float32), pair[1], name="a", seed=0)


@pytest.mark.parametrize("cut", [np.s_[:, :5], np.s_[None]])
def test_images_that_are_no_pair_are_refused(pair, cut):
    with pytest.raises(ValueError, match=r"\(H, W\) infrared and \(H, W, 3\) visible, but 'a' has"):
        parse("ll").apply(pair[0][cut], pair[1], name="a", seed=0)


def test_the_former_name_of_sample_values_works_with_a_warning():
    degradation = parse("ll+ir:noise")
    with pytest.warns(RenamedWarning, match="'fix' is now called 'sample_values'"):
        assert degradation.fix(name="a", seed=3) == degradation.sample_values(name="a", seed=3)
