"""The interface of every data source: named pairs of 8-bit images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from fusionbench.types import Bytes


@dataclass(frozen=True, eq=False)
class RawPair:
    """One pair as it is stored.

    Attributes:
        name: unique within its dataset; also the name of the fused image.
        ir: (H, W).
        vi: (H, W, 3) RGB.
        ir_clean: the infrared image without degradation; None if it is unknown or is `ir` itself.
        vi_clean: the same for the visible image.
        degradation: canonical spec of the stored images' degradation; 'clean' if there is none.
        ir_scale: by which factor per side the stored infrared image was smaller before it was resized.
        vi_scale: the same for the visible image.
        prompt: the dataset's description of the pair in words.
        only: 'ir' or 'vi' if the other image is blank; empty for real pairs.
    """

    name: str
    ir: Bytes
    vi: Bytes
    ir_clean: Bytes | None = None
    vi_clean: Bytes | None = None
    degradation: str = "clean"
    ir_scale: int = 1
    vi_scale: int = 1
    prompt: str | None = None
    only: Literal["", "ir", "vi"] = ""


class Source(Protocol):
    """Pairs of one dataset, in a fixed order.

    Attributes:
        dataset: its name in DATASETS.
        names: unique names of the pairs.
    """

    dataset: str
    names: list[str]

    def __len__(self) -> int: ...

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""

    def read(self, index: int) -> RawPair:
        """Read one pair.

        Raises:
            FileNotFoundError: an image no longer exists.
            ValueError: an image cannot be read, or the two differ in size.
        """

    def digest(self, index: int) -> str:
        """SHA-256 of what a pair is made from: equal for equal bytes, wherever they are stored.

        Raises:
            OSError: an image no longer exists.
        """


def digests(source: Source, limit: int | None = None) -> dict[str, str]:
    """Digests of the first pairs by name; empty for a pair whose files are missing."""
    found = {}
    for index, name in enumerate(source.names[:limit]):
        try:
            found[name] = source.digest(index)
        except OSError:  # Reported when the pair is read, so that it does not stop the others.
            found[name] = ""
    return found


class ConcatSource:
    """The pairs of several sources in sequence; names are prefixed with their dataset."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)
        self.dataset = "+".join(source.dataset for source in self.sources)
        self.names = [f"{source.dataset}__{name}" for source in self.sources for name in source.names]

    def __len__(self) -> int:
        return len(self.names)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""
        source, place = self._find(index)
        return source.size(place)

    def read(self, index: int) -> RawPair:
        """Read one pair."""
        source, place = self._find(index)
        return replace(source.read(place), name=self.names[index])

    def digest(self, index: int) -> str:
        """SHA-256 of what a pair is made from."""
        source, place = self._find(index)
        return source.digest(place)

    def _find(self, index: int) -> tuple[Source, int]:
        for source in self.sources:
            if index < len(source):
                return source, index
            index -= len(source)
        raise IndexError(f"there are only {len(self)} pairs")


class Subset:
    """Some pairs of a source, in the given order."""

    def __init__(self, source: Source, indices: Sequence[int]) -> None:
        self.source = source
        self.indices = list(indices)
        self.dataset = source.dataset
        self.names = [source.names[index] for index in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""
        return self.source.size(self.indices[index])

    def read(self, index: int) -> RawPair:
        """Read one pair."""
        return self.source.read(self.indices[index])

    def digest(self, index: int) -> str:
        """SHA-256 of what a pair is made from."""
        return self.source.digest(self.indices[index])
