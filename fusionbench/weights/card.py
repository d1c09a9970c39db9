"""What is known of a weight file: its addresses, checksum, licence and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PUBLISHED = "published checksum"
"""What `verify` returns for a file whose published checksum it has."""


MODEL = "model.safetensors"
"""The file in the folder of an exported method."""


CONFIG = "config.json"
"""The file beside it that says which method it is, and the SHA-256 of its numbers."""


@dataclass(frozen=True)
class WeightsCard:
    """What is known of one published weight file.

    Attributes:
        file: its name on disk.
        urls: where to fetch it, in order of preference; empty where a person has to.
        sha256: its checksum, or the first digits where no more is published (names of torch hub files end with
            eight); empty for files that everybody makes for himself (own training, an import).
        size: bytes; 0 where it is not known.
        approximate_size: bytes of the network's tensors, where the size of the file is not known.
        licence: as its source states it.
        source: who published it, and in which state: `owner/repository@commit:path`.
        note: what else a user should know.
        folder: the folder under `weights/`, where it is not the method's name.
        submodule: the submodule of the method that it fills; empty for the whole method.
        ignored_keys: patterns of keys in the file that have no effect and are passed over.
        aliases: other published files with the same numbers, their checksums by file name.
        caches: caches of other programs that may hold it: 'torch:<folder>' below torch's hub, 'hf:<owner>/<name>'.
    """

    file: str
    urls: tuple[str, ...] = ()
    sha256: str = ""
    size: int = 0
    licence: str = "none stated"
    source: str = ""
    note: str = ""
    folder: str = ""
    submodule: str = ""
    ignored_keys: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    caches: tuple[str, ...] = ()
    approximate_size: int = 0


def github_card(source: str, sha256: str, size: int, **details: Any) -> WeightsCard:
    """The card of a file in a public GitHub repository.

    Args:
        source: `owner/repository@commit:path`, from which the addresses are made.
        sha256: checksum.
        size: bytes.
        details: the card's other fields; `file` is the path's last part unless it is given.
    """
    repository, _, rest = source.partition("@")
    commit, _, path = rest.partition(":")
    addresses = (
        f"https://raw.githubusercontent.com/{repository}/{commit}/{path}",
        f"https://github.com/{repository}/raw/{commit}/{path}",
        # The newest state, should that commit go away; the checksum says whether the file is still the same.
        f"https://raw.githubusercontent.com/{repository}/HEAD/{path}",
    )
    known = {"file": path.rpartition("/")[2], "urls": addresses, "sha256": sha256, "size": size, "source": source}
    return WeightsCard(**{**known, **details})
