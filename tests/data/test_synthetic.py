"""Synthetic scenes: repeatable, of any size, and infrared that shows what the visible image hides."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fusionbench.data.synthetic import SyntheticSource, scene
from fusionbench.data.synthetic.camera import band, pulses, step
from fusionbench.data.synthetic.render import render
from fusionbench.data.synthetic.street import street
from fusionbench.data.synthetic.texture import generator, grain, leaves, sample

NIGHTS, DAYS = range(0, 24, 2), range(1, 24, 2)


def digest(made):
    return hashlib.sha256(made.ir.tobytes() + made.vi.tobytes() + made.people.tobytes()).hexdigest()


def gray(made):
    return cv2.cvtColor(made.vi, cv2.COLOR_RGB2GRAY)


def contrast(image, mask):
    """How far the mean over a mask is from that of a belt around it, from 0 to 1."""
    near, far = (cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0 for side in (3, 9))
    return abs(float(image[mask].mean()) - float(image[far & ~near].mean())) / 255


@pytest.fixture(scope="module")
def nights():
    return [scene(seed, 240, 320) for seed in NIGHTS]


@pytest.fixture(scope="module")
def days():
    return [scene(seed, 240, 320) for seed in DAYS]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (97, 131), (271, 383), (480, 640), (400, 90)])
def test_scene_has_the_size_that_was_asked_for(height, width):
    made = scene(5, height, width)
    assert made.ir.shape == made.people.shape == made.vehicles.shape == (height, width)
    assert made.vi.shape == (height, width, 3)
    assert made.ir.dtype == made.vi.dtype == np.uint8
    assert made.people.dtype == np.bool_


def test_same_seed_gives_the_same_bytes_whatever_was_drawn_before():
    first = digest(scene(4, 97, 131))
    scene(11, 120, 160)
    assert digest(scene(4, 97, 131)) == first


def test_same_seed_gives_the_same_bytes_in_another_process():
    code = (
        "import hashlib; from fusionbench.data.synthetic import scene; made = scene(4, 97, 131);"
        "print(hashlib.sha256(made.ir.tobytes() + made.vi.tobytes() + made.people.tobytes()).hexdigest())"
    )
    settings = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    other = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(scene(4, 97, 131))


def test_seed_decides_the_layout(nights):
    for i, made in enumerate(nights):
        for other in nights[:i]:
            assert np.abs(made.ir.astype(int) - other.ir).mean() > 6
    assert len({tuple(street(seed, True).view) for seed in range(40)}) == 40


def test_one_scene_can_be_had_at_several_sizes():
    large, small = scene(7, 480, 640), scene(7, 240, 320)
    for name in ("ir", "vi"):
        shrunk = cv2.resize(getattr(large, name), (320, 240), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(shrunk.ravel(), getattr(small, name).ravel())[0, 1] > 0.95


def test_night_and_day_alternate_and_can_be_chosen():
    assert [scene(seed, 48, 64).night for seed in range(4)] == [True, False, True, False]
    assert scene(0, 48, 64, night=False).night is False
    assert gray(scene(0, 48, 64, night=False)).mean() > 2 * gray(scene(0, 48, 64, night=True)).mean()


def test_infrared_shows_people_whom_the_visible_image_hides_at_night(nights):
    warm = [contrast(made.ir, made.people) for made in nights]
    seen = [contrast(gray(made), made.people) for made in nights]
    assert min(warm) > 0.25
    assert np.mean(warm) > 0.38
    assert np.mean(seen) < 0.20
    assert np.mean(warm) > 2 * np.mean(seen)
    for made in nights:
        assert gray(made)[made.people].mean() < 40
        assert made.ir[made.people].mean() > 120


def test_people_are_warm_and_muted_by_day(days):
    assert min(contrast(made.ir, made.people) for made in days) > 0.08
    for made in days:
        assert made.ir[made.people].mean() > 1.25 * made.ir[~made.people].mean()
        colours = made.vi[made.people].astype(int)
        assert (colours.max(axis=1) - colours.min(axis=1)).mean() < 50


def test_every_scene_has_people_and_most_have_vehicles(nights, days):
    scenes = nights + days
    assert all(0.003 < made.people.mean() < 0.2 for made in scenes)
    assert sum(made.vehicles.mean() > 0.005 for made in scenes) > 0.8 * len(scenes)
    assert not any((made.people & made.vehicles).any() for made in scenes)


def test_sky_is_the_coldest(nights, days):
    for made in nights + days:
        top = made.ir[:6].min(axis=0)
        assert np.percentile(top, 10) <= np.percentile(made.ir, 10)


def test_exposure_uses_the_range_without_burning_out(nights, days):
    for made in days:
        assert 90 < gray(made).mean() < 150
        assert (made.vi == 255).all(axis=2).mean() < 0.05
    for made in nights:
        assert 10 < gray(made).mean() < 80
        assert made.vi.max() > 200
    for made in nights + days:
        assert np.ptp(np.percentile(made.ir, (1, 99))) > 60


def test_visible_has_texture_that_infrared_lacks(days):
    def detail(image):
        return float(np.abs(cv2.Laplacian(image.astype(np.float32), cv2.CV_32F)).mean())

    assert all(detail(gray(made)) > 2 * detail(made.ir) for made in days)


def test_infrared_does_not_see_where_the_sun_stands():
    made = street(9, night=False)
    made = replace(made, weather=replace(made.weather, sunshine=1.0))
    x, y, z = made.weather.sun
    moved = replace(made, weather=replace(made.weather, sun=(-x, y, z)))
    first, second = render(made, 120, 160), render(moved, 120, 160)
    assert np.array_equal(first.ir, second.ir)
    assert (first.vi != second.vi).mean() > 0.1


def test_running_vehicles_are_warmer_than_idle_ones():
    made = street(1, night=True)
    car = replace(made.vehicles[0], x=0.0, z=9.0, heading=np.pi, running=True)
    alone = replace(made, vehicles=[car], people=[], plants=[])
    idle = replace(alone, vehicles=[replace(car, running=False)])
    hot, cold = render(alone, 240, 320), render(idle, 240, 320)
    assert hot.vehicles.mean() > 0.01
    assert hot.ir[hot.vehicles].mean() > cold.ir[hot.vehicles].mean() + 15
    assert hot.vi[hot.vehicles].max() > 240


def test_farther_people_are_smaller():
    made = street(2, night=True)
    person = replace(made.people[0], x=made.view[0])
    empty = replace(made, vehicles=[], plants=[], lamps=[])
    areas = [render(replace(empty, people=[replace(person, z=z)]), 240, 320).people.sum() for z in (8.0, 16.0)]
    assert areas[0] / areas[1] == pytest.approx(4, rel=0.15)


def test_steps_and_pulses_are_averages_over_the_pixel():
    x = np.array([0.0, 0.9, 1.0, 1.1, 2.0], np.float32)
    np.testing.assert_allclose(step(x, 1.0, 0.4), [0, 0.25, 0.5, 0.75, 1], atol=1e-6)
    np.testing.assert_allclose(band(x, 0.9, 1.1, 0.4), [0, 0.5, 0.5, 0.5, 0], atol=1e-6)
    # A pixel of many periods is as bright as the share of the period that is covered; a tiny one is all or nothing.
    np.testing.assert_allclose(pulses(x, 0.01, 0.2, 0.5, np.float32(1)), 0.3, atol=1e-3)
    fine = np.array([0.1, 0.3, 0.6, 1.3], np.float32)
    np.testing.assert_allclose(pulses(fine, 1.0, 0.2, 0.5, np.float32(1e-3)), [0, 1, 0, 1], atol=1e-3)
    np.testing.assert_allclose(pulses(fine[:1] + 0.1, 1.0, 0.2, 0.5, np.float32(0.2)), 0.5, atol=1e-3)


def test_tiles_repeat_without_a_seam():
    u = np.array([[-0.5, 511.5, 512.0, 1e4]], np.float32)
    v = np.full((1, 1), 3.25, np.float32)
    for tile in (grain(), leaves()[0][..., 0]):
        side = tile.shape[0] - 1
        values = sample(np.ascontiguousarray(tile), u, v)[0]
        assert values[0] == pytest.approx(values[1], abs=1e-4)
        assert values[2] == pytest.approx(
            float(sample(np.ascontiguousarray(tile), u[:, 2:3] - side, v)[0, 0]), abs=1e-4
        )


def test_random_streams_depend_on_every_part_of_the_key():
    draws = [generator(*key).random() for key in (("a", 1), ("a", 2), ("b", 1), ("a", 1, 0), ("a", 2**40))]
    assert len(set(draws)) == len(draws)
    assert generator("a", 1).random() == draws[0]


def test_source_names_sizes_and_pairs():
    source = SyntheticSource(count=4, sizes=((48, 64), (33, 47)))
    assert source.dataset == "synthetic"
    assert source.names == ["night_0000", "day_0001", "night_0002", "day_0003"]
    assert len(source) == 4
    for index in range(4):
        pair = source.read(index)
        assert pair.name == source.names[index]
        assert pair.ir.shape == pair.vi.shape[:2] == source.size(index) == ((48, 64), (33, 47))[index % 2]
        assert pair.degradation == "clean"


def test_source_gives_the_same_pair_in_any_order_and_for_any_count():
    late, early = SyntheticSource(9, sizes=((40, 60),)), SyntheticSource(3, sizes=((40, 60),))
    expected = [late.read(index).vi for index in (2, 0)]
    assert np.array_equal(expected[0], early.read(2).vi)
    assert np.array_equal(expected[1], early.read(0).vi)


def test_splits_and_seeds_share_no_scene():
    sets = [SyntheticSource(3, seed, ((40, 60),), split) for split in ("test", "train", "val") for seed in (0, 1)]
    pictures = [hashlib.sha256(source.read(i).vi.tobytes()).hexdigest() for source in sets for i in range(3)]
    assert len(set(pictures)) == len(pictures)


def test_limit_keeps_the_first_scenes():
    assert SyntheticSource(limit=2).names == SyntheticSource().names[:2]
    assert len(SyntheticSource(count=3, limit=9)) == 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: scene(-1), ValueError, "seed -1 is negative"),
        (lambda: scene(0, 16, 640), ValueError, "16x640 is too small; give at least 32x32"),
        (lambda: SyntheticSource(split="tset"), ValueError, "did you mean 'test'"),
        (lambda: SyntheticSource(count=-1), ValueError, "count -1 is negative"),
        (lambda: SyntheticSource(seed=-2), ValueError, "seed -2 is negative"),
        (lambda: SyntheticSource(limit=-3), ValueError, "limit -3 is negative"),
        (lambda: SyntheticSource(sizes=()), ValueError, "no sizes"),
        (lambda: SyntheticSource(count=2).read(2), IndexError, "no scene 2; there are 2"),
        (lambda: SyntheticSource(count=2).read(-1), IndexError, "no scene -1"),
    ],
)
def test_bad_input_gets_its_sentence(make, error, message):
    with pytest.raises(error, match=message):
        make()
