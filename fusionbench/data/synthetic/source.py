"""Generated scenes as a dataset with splits."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.data.sources.base import RawPair
from fusionbench.data.synthetic.render import scene
from fusionbench.files import digest_of
from fusionbench.registry import unknown_name

COUNTS = {"test": 6, "train": 64, "val": 8}
"""Default number of scenes in each split."""

SIZES = ((480, 640), (480, 640), (271, 383))
"""Heights and widths of the scenes, in turn; odd sizes test methods at their borders."""

_FIRST = {"test": 0, "train": 1_000_000_000, "val": 2_000_000_000}


class SyntheticSource:
    """Scenes by night and by day in turn, rendered when they are read.

    The scenes of a split differ from those of the others for any count below a billion, and the first scenes are the
    same whatever the count.

    Attributes:
        dataset: 'synthetic'.
        names: 'night_0000', 'day_0001', ...

    Args:
        count: number of scenes; None for 6 to test, 64 to train and 8 to validate.
        seed: seed of the whole dataset.
        sizes: (height, width) of the scenes, in turn.
        split: 'test', 'train' or 'val'.
        limit: at most this many scenes, the first in order.

    Raises:
        ValueError: an unknown split, a negative number or no sizes.
    """

    def __init__(
        self,
        count: int | None = None,
        seed: int = 0,
        sizes: Sequence[tuple[int, int]] = SIZES,
        split: str = "test",
        limit: int | None = None,
    ) -> None:
        if split not in COUNTS:
            raise unknown_name("split of synthetic", split, COUNTS)
        total = COUNTS[split] if count is None else count
        for what, number in (("count", total), ("seed", seed), ("limit", 0 if limit is None else limit)):
            if number < 0:
                raise ValueError(f"{what} {number} is negative; give 0 or more")
        if not sizes:
            raise ValueError("no sizes; give at least one (height, width)")
        self.dataset = "synthetic"
        self.sizes = tuple(sizes)
        self._first = _FIRST[split] + seed * 4_000_000_000
        number = total if limit is None else min(total, limit)
        self.names = [f"{'night' if index % 2 == 0 else 'day'}_{index:04d}" for index in range(number)]

    def __len__(self) -> int:
        return len(self.names)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without rendering it."""
        self._check(index)
        return self.sizes[index % len(self.sizes)]

    def read(self, index: int) -> RawPair:
        """Render one pair, which is its own clean reference."""
        height, width = self.size(index)
        made = scene(self._first + index, height, width, night=index % 2 == 0)
        return RawPair(self.names[index], made.ir, made.vi)

    def digest(self, index: int) -> str:
        """Digest of the number and size of a scene; the version of the renderer is recorded separately."""
        return digest_of([f"synthetic {self._first + index} {self.size(index)}"])

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no scene {index}; there are {len(self)}")
