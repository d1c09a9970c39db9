"""What each measure of DSPFusion's inference on a CPU gains: the same network with one of them undone.

    python benchmarks/speed/variants_dspfusion.py [--size 256x256] [--threads 1] [--rounds 3]

All variants take turns and the fastest round counts, in seconds of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import dspfusion
import measuring
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from fusionbench.methods.dspfusion.modulation import SemanticIntegration
from fusionbench.nn.cpu import chunked


def fused_attention(self: SemanticIntegration, features: Tensor, prior: Tensor) -> Tensor:
    """The prior's attention by torch's fused function, instead of one small matrix per image."""
    both = self.kv(self.norm2.body(prior)).chunk(2, dim=-1)
    key, value = (rearrange(part, "b n (h c) -> b h n c", h=self.heads) for part in both)
    pixels = rearrange(features, "b c h w -> b (h w) c")
    query = rearrange(self.q(self.norm1.body(pixels)), "b n (h c) -> b h n c", h=self.heads)
    seen = rearrange(F.scaled_dot_product_attention(query, key, value), "b h n c -> b n (h c)")
    return rearrange(pixels + self.proj(seen), "b (h w) c -> b c h w", h=features.shape[2])


VARIANTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "this package": nullcontext,
    "whole images instead of strips": lambda: patch.object(chunked, "apply_to", lambda features: False),
    "matrices not padded to the registers": lambda: patch.object(chunked, "SIMD", 1),
    "torch's fused attention": lambda: patch.object(SemanticIntegration, "forward", fused_attention),
}


def main() -> None:
    """Measure all variants in turn and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="256x256", help="height x width, divisible by 8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    method, batch = dspfusion.make(), dspfusion.pair(1, *measuring.size_of(arguments.size))
    seconds: dict[str, float] = {}

    def measure(name: str, program: Callable[..., Tensor]) -> Tensor:
        begin = time.process_time()
        image = program(method, batch)
        seconds[name] = min(seconds.get(name, float("inf")), time.process_time() - begin)
        return image

    for _ in range(arguments.rounds):
        expected = measure("plain composition", dspfusion.plain)
        for name, changed in VARIANTS.items():
            with changed():
                found = measure(name, dspfusion.ours)
            torch.testing.assert_close(found, expected, rtol=0, atol=measuring.EQUAL, msg=name)
    for name, value in seconds.items():
        print(f"{value:6.2f} s  {name}")


if __name__ == "__main__":
    main()
