"""The plain composition that speed is compared with computes the same, and is slower."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from fusionbench.methods.dspfusion.method import DSPFusion

FOLDER = Path(__file__).parents[3] / "benchmarks" / "speed"


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark's modules, as it finds them itself."""
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("speed_of_dspfusion", FOLDER / "dspfusion.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


def test_plain_composition_computes_the_same(benchmark):
    torch.manual_seed(0)
    method = DSPFusion(size="small").eval()
    batch = benchmark.pair(2, 40, 56)
    assert_close(benchmark.ours(method, batch), benchmark.plain(method, batch), atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "least"), [("256x256", 2.0), ("480x640", 2.0)])
def test_inference_is_twice_as_fast_in_less_memory(benchmark, size, least):
    torch.set_num_threads(1)
    method, batch = benchmark.make(), benchmark.pair(1, *map(int, size.split("x")))
    spent = {"plain": [], "ours": []}
    images = {}
    for _ in range(3):
        for name, run in benchmark.PROGRAMS.items():
            start = time.process_time()
            images[name] = run(method, batch)
            spent[name].append(time.process_time() - start)
    assert_close(images["ours"], images["plain"], atol=1e-4, rtol=0)
    assert min(spent["plain"]) > least * min(spent["ours"])
    assert benchmark.memory("ours", size) < benchmark.memory("plain", size)
