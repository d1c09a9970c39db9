"""The same seed, name and spec give the same bytes, whoever computes them, when, and in whatever order."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from fusionbench.degradations import parse
from fusionbench.degradations.degradation import derive_seed
from fusionbench.degradations.noise import add_gaussian, words

from .conftest import EVERY, make_pair

JOBS = [(spec, f"image{number}") for spec in EVERY for number in range(2)]


def digest(spec: str, name: str, seed: int = 7) -> str:
    """What one pair looks like after degradation; the pair itself depends on its name."""
    degraded = parse(spec).apply(*make_pair(61, 83, seed=len(name)), name=name, seed=seed)
    return hashlib.sha256(degraded.ir.tobytes() + degraded.vi.tobytes()).hexdigest()


def digests(order=JOBS) -> dict[tuple[str, str], str]:
    return {(spec, name): digest(spec, name) for spec, name in order}


@pytest.fixture(scope="module")
def expected():
    return digests()


class Jobs(Dataset):
    """A dataset whose items are the digests of degraded pairs."""

    def __len__(self):
        return len(JOBS)

    def __getitem__(self, index):
        return JOBS[index], digest(*JOBS[index])


# Three workers are more than small machines have cores, which torch warns of.
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize(("workers", "batch"), [(0, 1), (2, 4), (3, 5)])
def test_workers_and_batches_change_nothing(expected, workers, batch):
    loader = DataLoader(Jobs(), batch_size=batch, num_workers=workers, shuffle=True, collate_fn=list)
    for _ in range(2):
        assert dict(item for items in loader for item in items) == expected


def test_another_process_gives_the_same_bytes(expected):
    program = (
        "from tests.degradations.test_determinism import digests;"
        "[print(*job, value, sep='|') for job, value in digests().items()]"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    command, root = [sys.executable, "-c", program], Path(__file__).parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert {(spec, name): value for spec, name, value in lines} == expected


def test_order_changes_nothing(expected):
    assert digests(JOBS[::-1]) == expected


def test_threads_change_nothing(expected):
    found = {}
    halves = JOBS[::2], JOBS[1::2]
    threads = [threading.Thread(target=lambda jobs=jobs: found.update(digests(jobs))) for jobs in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


@pytest.mark.parametrize("poison", [0, 12345])
def test_global_random_state_is_neither_read_nor_written(expected, poison):
    random.seed(poison)
    np.random.seed(poison)
    torch.manual_seed(poison)
    cv2.setRNGSeed(poison)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert digests() == expected
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    after = cv2.randu(np.zeros(4), 0, 1)
    cv2.setRNGSeed(poison)
    np.testing.assert_array_equal(after, cv2.randu(np.zeros(4), 0, 1))


def test_opencv_threads_change_nothing(expected):
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        assert digests() == expected
    finally:
        cv2.setNumThreads(threads)


RANDOM = ["ll", "rain", "haze", "vi:rn", "lc", "ir:rn", "sn", "ir:noise", "vi:noise", "composite"]


@pytest.mark.parametrize("spec", RANDOM)
def test_seed_and_name_both_matter(spec):
    pair = make_pair(61, 83)
    parts = [parse(spec).apply(*pair, name=name, seed=seed) for name, seed in [("a", 0), ("b", 0), ("a", 1)]]
    assert len({part.ir.tobytes() + part.vi.tobytes() for part in parts}) == 3


def test_channels_images_and_repeated_terms_get_noise_of_their_own():
    gray = np.full((40, 50), 128, np.uint8)
    pair = gray, np.repeat(gray[..., None], 3, axis=2)
    once = parse("noise").apply(*pair, name="a", seed=0)
    fields = [once.ir, *once.vi.transpose(2, 0, 1)]
    twice = parse("ir:noise+ir:noise").apply(*pair, name="a", seed=0).ir
    fields.append(twice - (once.ir - gray))
    rows = np.stack([field.ravel().astype(float) for field in fields])
    correlation = np.corrcoef(rows)
    assert np.abs(correlation - np.eye(5)).max() < 0.1


def test_infrared_image_of_a_combination_is_that_of_its_part():
    pair = make_pair(61, 83)
    together = parse("rain+sn").apply(*pair, name="a", seed=0)
    np.testing.assert_array_equal(together.ir, parse("sn").apply(*pair, name="a", seed=0).ir)
    np.testing.assert_array_equal(together.vi, parse("rain").apply(*pair, name="a", seed=0).vi)


def test_spelling_changes_nothing():
    assert digest("vi:ll + ir:lc(0.50)", "a") == digest("ll+lc", "a")


def test_streams_are_the_same_on_every_machine():
    """Pinned: only hashing and NumPy's raw bit stream are involved, whose results no version may change."""
    assert derive_seed(0, "00555D", 0, "ir:noise(sigma=13.97)") == PINNED_STREAM
    assert words(np.random.default_rng(derive_seed(0, "a", 0, "b")), (2, 3)).tolist() == PINNED_WORDS


def test_noise_is_the_same_on_every_machine():
    """Pinned: Gaussian noise is integer arithmetic on a table of rounded quantiles."""
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    noisy = add_gaussian(image, 13.97, np.random.default_rng(0))
    assert hashlib.sha256(noisy.tobytes()).hexdigest()[:16] == PINNED_NOISE


PINNED_STREAM = 208833734561309002021636809522227347117
PINNED_WORDS = [[24030, 49305, 58518], [46700, 58626, 44806]]
PINNED_NOISE = "c473a473c93e6624"
