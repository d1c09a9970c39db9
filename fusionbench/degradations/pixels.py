"""The image type of the degradations."""

from __future__ import annotations

from typing import Any, TypeAlias

from numpy.typing import NDArray

# 8 bits throughout, (H, W) infrared and (H, W, 3) visible RGB, which the stubs of OpenCV do not express.
Pixels: TypeAlias = NDArray[Any]
