"""The same bytes for any batch size and any number of threads: fused images, and the scores of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import samples  # docs/generate is on the path of tests
import torch

from fusionbench import methods
from fusionbench.benchmark.predict import fuse_batch, single
from fusionbench.metrics import METRICS, PROTOCOLS, evaluate, row
from fusionbench.metrics.pyiqa.rows import FAMILY
from fusionbench.types import Batch
from tests.pairs import files, write_pairs

TOLD = {"drfusion-s": "noise", "dspfusion-s": "ll+sn", "lure-s": "ll+sn"}
"""What the sources of each shipped network are degraded by."""

COMPUTED = [name for name in METRICS if row(name).family != FAMILY]


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    assert torch.get_num_threads() == count
    torch.set_num_threads(before)


def batch(told: str, generator: torch.Generator) -> Batch:
    ir, vi = (torch.rand(3, channels, 64, 56, generator=generator) for channels in (1, 3))
    return Batch(name=["a", "b", "c"], degradation=[told] * 3, ir=ir, vi=vi, ir_scale=[1] * 3, vi_scale=[1] * 3)


def test_every_shipped_network_is_tried():
    assert sorted(methods.FALLBACKS.values()) == sorted(TOLD)


@pytest.mark.parametrize("name", TOLD)
@torch.inference_mode()
def test_fused_images_do_not_depend_on_batch_or_threads(name, generator):
    method = methods.load(name)
    told = batch(TOLD[name], generator)
    with threads(1):
        alone = torch.cat([fuse_batch(method, single(told, index)) for index in range(3)])
    for count in (1, 2):
        with threads(count):
            torch.testing.assert_close(fuse_batch(method, told), alone, rtol=0, atol=0)


def test_scores_do_not_depend_on_batch_or_threads():
    ir, vi = samples.pair()
    fused = torch.cat(list(samples.fused().values())[:3])
    sources = ir.expand(3, -1, -1, -1), vi.expand(3, -1, -1, -1)
    for protocol, chosen in PROTOCOLS.items():
        names = COMPUTED if protocol == "exact" else [name for name in chosen.scores() if name in COMPUTED]
        with threads(1):
            alone = [evaluate(image[None], ir, vi, names, protocol) for image in fused]
        for count in (1, 2):
            with threads(count):
                together = evaluate(fused, *sources, names, protocol)
            for name in names:
                expected = torch.cat([values[name] for values in alone])
                torch.testing.assert_close(together[name], expected, rtol=0, atol=0, msg=f"{name} of {protocol}")


def test_a_run_leaves_the_same_files_for_any_batch_size_and_number_of_threads(tmp_path):
    write_pairs(tmp_path, ((64, 64), (64, 56), (64, 64), (64, 56), (64, 64)))
    left = {}
    for count, size in ((1, 1), (2, 3)):
        out = tmp_path / f"{count}-{size}"
        command = (
            f"{sys.executable} -m fusionbench run --method dspfusion-s,lure-s --dataset folder --ir {tmp_path / 'ir'} "
            f"--vi {tmp_path / 'vi'} --degradation ll+sn --metrics EN,MI,SD,CC,SSIM,Qabf --batch-size {size} "
            f"--accelerator cpu --out {out}"
        ).split()
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": str(count)})
        left[count] = {path: content for path, content in files(out).items() if path.endswith((".png", "scores.csv"))}
    assert len([path for path in left[1] if "images" in path]) == 10
    assert left[1] == left[2]
