"""A row of METRICS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Options = Mapping[str, float | str]


@dataclass(frozen=True)
class MetricRow:
    """A metric; nothing here needs torch.

    Attributes:
        title: the metric in words.
        target: its definition as 'module:function'.
        higher_is_better: None if neither is better: a property rather than a quality.
        range: smallest and largest value.
        reads: 'fused' if it reads only the fused image, else 'sources'.
        source: where the definition comes from.
        unit: unit of the value; empty for pure numbers.
        undefined: when it is NaN or infinite, keys of CONDITIONS in undefined.py; empty if never.
        smallest: smallest height and width that the definition needs.
        view: how the definition reads an image, a key of VIEWS in images.py.
        options: keyword arguments for the definition.
    """

    title: str
    target: str
    higher_is_better: bool | None
    range: tuple[float, float]
    reads: Literal["fused", "sources"]
    source: str
    unit: str = ""
    undefined: tuple[str, ...] = ()
    smallest: int = 1
    view: str = "gray"
    options: Options = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The module that defines the metric."""
        return self.target.partition(":")[0]
