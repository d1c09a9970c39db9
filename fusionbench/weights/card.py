"""The card of a weight file: its addresses, checksum, licence and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PUBLISHED = "published checksum"
"""What `verify` returns for a file with the published checksum."""


MODEL = "model.safetensors"
"""The weights in the folder of an exported method."""


CONFIG = "config.json"
"""The file next to it with the method, its options and the weights' SHA-256."""


@dataclass(frozen=True)
class WeightsCard:
    """One published weight file.

    Attributes:
        file: its name on disk.
        urls: download addresses in order of preference; empty if it must be downloaded manually.
        sha256: its checksum, or the first digits if no more is published (names of torch hub files end with eight);
            empty for files that users create themselves (by training or importing).
        size: bytes; 0 if unknown.
        approximate_size: bytes of the network's tensors, if the size of the file is unknown.
        per_cell: name of the file for one dataset and degradation, with `{dataset}` and `{degradation}` in it, for
            methods with a file for each; it is searched before `file`.
        licence: licence as stated by its source.
        source: where it is published, with the version: `owner/repository@commit:path`.
        note: what else a user should know.
        folder: the folder below `weights/`, if it is not the method's name.
        submodule: the submodule of the method that it fills; empty for the whole method.
        ignored_keys: patterns of keys in the file that have no effect and are ignored.
        aliases: other published files with the same weights: their checksums by file name.
        caches: caches of other programs that may contain it: 'torch:<folder>' below torch's hub, 'hf:<owner>/<name>'.
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
    per_cell: str = ""


def github_card(source: str, sha256: str, size: int, **details: Any) -> WeightsCard:
    """The card of a file in a public GitHub repository.

    Args:
        source: `owner/repository@commit:path`, from which the addresses are derived.
        sha256: checksum.
        size: bytes.
        details: other fields of the card; `file` is the last part of the path by default.
    """
    repository, _, rest = source.partition("@")
    commit, _, path = rest.partition(":")
    addresses = (
        f"https://raw.githubusercontent.com/{repository}/{commit}/{path}",
        f"https://github.com/{repository}/raw/{commit}/{path}",
        # The latest version, in case that commit disappears; the checksum tells whether the file is still the same.
        f"https://raw.githubusercontent.com/{repository}/HEAD/{path}",
    )
    known = {"file": path.rpartition("/")[2], "urls": addresses, "sha256": sha256, "size": size, "source": source}
    return WeightsCard(**{**known, **details})
