"""What a row of METRICS says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Options = Mapping[str, float | str]


@dataclass(frozen=True)
class MetricRow:
    """What a score is; nothing here needs torch.

    Attributes:
        title: the score in words.
        target: its definition as 'module:function'.
        higher_is_better: None where neither is: a property rather than a quality.
        range: smallest and largest value.
        reads: 'fused' alone or the 'sources' too.
        source: where the definition comes from.
        unit: of the value; empty for pure numbers.
        undefined: when the score is NaN or infinite, keys of CONDITIONS in undefined.py; empty if never.
        smallest: least height and width that the definition needs.
        view: what the definition reads of an image, a key of VIEWS in images.py.
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
        """The module that defines the score."""
        return self.target.partition(":")[0].rpartition(".")[2]
