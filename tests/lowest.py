"""Every dependency at its lower bound, as constraints for pip: `python tests/lowest.py > lowest.txt`."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r'"([A-Za-z0-9._-]+)(?:\[\w+\])?>=([0-9.]+)[^"]*"')


def lowest(text: str) -> list[str]:
    """The constraints that a pyproject.toml's requirements make, sorted.

    Example:
        >>> lowest('["torch>=2.6", "opencv>=4.9,!=4.10.*", "jsonargparse[signatures]>=4.35"]  # pillow>=1')
        ['jsonargparse==4.35', 'opencv==4.9', 'torch==2.6']
    """
    return sorted({f"{name}=={version}" for name, version in BOUND.findall(text)})


if __name__ == "__main__":
    print("\n".join(lowest(PROJECT.read_text(encoding="utf-8"))))
