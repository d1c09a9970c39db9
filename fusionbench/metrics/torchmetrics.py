"""Metrics as torchmetrics, for logging in a training loop and for several processes.

A distributed sampler repeats images so that every process has the same number. Pass the images' names, and each image
counts once, however often and in whatever process it was seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.utilities import dim_zero_cat
from typing_extensions import override

from fusionbench.metrics.evaluation import evaluate
from fusionbench.metrics.protocol import canonical, choose
from fusionbench.metrics.table import COMMON_METRICS
from fusionbench.types import Scores

# Key of an image without a name; hashes are never negative.
NAMELESS = -1.0


class FusionMetric(Metric):
    """Mean of one metric over the images seen, without those where it is undefined.

    Example:
        >>> metric = FusionMetric("EN")
        >>> metric.update(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))
        >>> metric.compute()
        tensor(1., dtype=torch.float64)
    """

    full_state_update = False
    values: list[Tensor]
    keys: list[Tensor]

    def __init__(self, name: str, protocol: str = "exact", dtype: torch.dtype = torch.float64, **settings: Any) -> None:
        super().__init__(**settings)
        choose(name, protocol)
        self.name, self.protocol, self.score_dtype = canonical(name), protocol, dtype
        # A process that saw no image sends empty states of this type, which must equal that of the others.
        self.set_dtype(torch.float64)
        self.add_state("values", default=[], dist_reduce_fx="cat")
        self.add_state("keys", default=[], dist_reduce_fx="cat")

    @override
    def update(
        self,
        fused: Tensor,
        ir: Tensor | None = None,
        vi: Tensor | None = None,
        name: Sequence[str] | None = None,
        scores: Mapping[str, Scores] | None = None,
    ) -> None:
        """Evaluate a batch.

        Args:
            fused: (B, 1 or 3, H, W) in [0, 1].
            ir: infrared source; may be None for a metric of the fused image alone.
            vi: visible source; may be None likewise.
            name: names of the images; an image that was seen before does not count again.
            scores: the result of `evaluate` for these images, if it has been called already.
        """
        found = scores or evaluate(fused, ir, vi, [self.name], self.protocol, self.score_dtype)
        keys = [NAMELESS] * len(fused) if name is None else [_key(one) for one in name]
        self.values.append(found[self.name])
        self.keys.append(torch.tensor(keys, dtype=torch.float64, device=fused.device))

    @override
    def compute(self) -> Tensor:
        """Mean over the distinct images, NaN if the metric is defined for none."""
        if not len(self.values):  # a list here, a tensor after synchronisation
            return torch.tensor(torch.nan, dtype=torch.float64)
        values, keys = dim_zero_cat(self.values), dim_zero_cat(self.keys)
        seen: dict[float, int] = {}
        for index, key in enumerate(keys.tolist()):
            seen.setdefault(key if key != NAMELESS else NAMELESS - 1 - index, index)
        return values[list(seen.values())].nanmean()


class FusionMetricCollection(MetricCollection):
    """Several metrics of the same images, computed together.

    Example:
        >>> metrics = FusionMetricCollection(["EN", "SD"])
        >>> metrics.update(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))
        >>> metrics.compute()
        {'EN': tensor(1., dtype=torch.float64), 'SD': tensor(127.5000, dtype=torch.float64)}
    """

    def __init__(
        self,
        names: Iterable[str] = COMMON_METRICS,
        protocol: str = "exact",
        dtype: torch.dtype = torch.float64,
        prefix: str | None = None,
        postfix: str | None = None,
    ) -> None:
        self.protocol, self.score_dtype = protocol, dtype
        members = {canonical(name): FusionMetric(name, protocol, dtype) for name in names}
        # Each member has its own values, so there are no groups with a common state.
        super().__init__(members, prefix=prefix, postfix=postfix, compute_groups=False)  # type: ignore[arg-type]

    def _scored(self, fused: Tensor, ir: Tensor | None, vi: Tensor | None) -> dict[str, Scores]:
        names = [str(name) for name in self.keys(keep_base=True)]
        return evaluate(fused, ir, vi, names, self.protocol, self.score_dtype)

    @override
    def update(  # type: ignore[override]
        self, fused: Tensor, ir: Tensor | None = None, vi: Tensor | None = None, name: Sequence[str] | None = None
    ) -> None:
        """Evaluate a batch; the arguments are those of `FusionMetric.update`."""
        super().update(fused, ir, vi, name=name, scores=self._scored(fused, ir, vi))

    @override
    def forward(
        self, fused: Tensor, ir: Tensor | None = None, vi: Tensor | None = None, name: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Evaluate a batch and return its means."""
        return super().forward(fused, ir, vi, name=name, scores=self._scored(fused, ir, vi))


def _key(name: str) -> float:
    """48 bits of a hash, which float64 holds exactly."""
    return float(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest(), "big"))
