"""The sources of a dataset's results: `<out>/<dataset>/sources.json`, with the digest of every pair by name.

The location of the images does not matter, so results remain valid for a copied or moved dataset. If the bytes of an
image differ, either it was replaced at its location, and results from it are computed again, or the results are of
other sources and are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fusionbench.files import write_atomically

FILE = "sources.json"
SHOWN = 5
"""How many names a message lists."""


@dataclass(frozen=True)
class Sources:
    """The pairs of a dataset.

    Attributes:
        place: the given folders, by what they contain.
        images: digest of each pair by name; empty if it cannot be read.
    """

    place: Mapping[str, str | None] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Sources:
        """Read the sources of a folder of results; empty if it is new, of an earlier version, or damaged.

        They are not essential, because each cell records what its images were made from.
        """
        try:
            said = json.loads((folder / FILE).read_text(encoding="utf-8"))
            place, images = said["place"], said["images"]
        except (OSError, ValueError, KeyError, TypeError):
            return cls()
        return cls(place, images) if isinstance(place, dict) and isinstance(images, dict) else cls()

    def changed(self, before: Sources, folder: Path) -> list[str]:
        """Pairs that have changed at the same location since results were made from them.

        Args:
            folder: the folder of the results.

        Raises:
            ValueError: the results were made from other images at another location.
        """
        known = {name: digest for name, digest in before.images.items() if digest}
        common = [name for name, digest in self.images.items() if digest and name in known]
        differing = [name for name in common if self.images[name] != known[name]]
        if before.place != self.place and known and (differing or not common):
            what = "other images are" if differing else "none is"
            names = listed(differing or list(known))
            raise ValueError(
                f"{folder} holds results of other sources: these were {where(before.place)}, and are now "
                f"{where(self.place)}, where {what} called {names}; choose another --out"
            )
        return differing

    def contradict(self, name: str, made_from: str) -> bool:
        """Whether something was made from sources other than these.

        Args:
            made_from: digest of the pair, followed by '+' and the digest of an external image file, if there is one.
        """
        known = self.images.get(name)
        return bool(known and made_from) and made_from.partition("+")[0] != known

    def write(self, folder: Path, before: Sources) -> None:
        """Write this next to the results, keeping records of further pairs."""
        whole = Sources(self.place, {**before.images, **self.images})
        write_atomically(folder / FILE, json.dumps(asdict(whole), indent=1) + "\n")


def where(place: Mapping[str, str | None]) -> str:
    """The folders of a dataset in words."""
    return ", ".join(f"{what} {folder}" for what, folder in place.items() if folder) or "no folders"


def listed(names: list[str]) -> str:
    """The first few names, and their number."""
    return ", ".join(names[:SHOWN]) + (f", ... ({len(names)})" if len(names) > SHOWN else "")
