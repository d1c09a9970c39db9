"""Fusing without a benchmark: arrays in Python, files and folders on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fusionbench.benchmark import DatasetChoice, MethodChoice
from fusionbench.data.folders import Files, FolderSource
from fusionbench.data.pairs import Pairs
from fusionbench.degradations import parse
from fusionbench.fusing import Told, fuse_batch, fuse_cell
from fusionbench.images.files import read_image, to_tensor
from fusionbench.methods import load
from fusionbench.methods.color import luma
from fusionbench.methods.method import UNTOLD
from fusionbench.results import CellFolder
from fusionbench.run import open_method
from fusionbench.scoring import open_pairs
from fusionbench.spread import Share, shares, spread
from fusionbench.types import Batch, Color

if TYPE_CHECKING:
    from fusionbench.methods.method import Method

Source = str | Path | np.ndarray[Any, Any] | Tensor
"""An image file, an array of bytes (H, W) or (H, W, 3), or a tensor (1|3, H, W) in [0, 1]."""


def fuse(
    method: str | Method,
    ir: Source,
    vi: Source,
    *,
    degradation: str | None = None,
    prompt: str | None = None,
    name: str = "image",
    tile: int = 0,
) -> Color:
    """Fuse one pair.

    Args:
        degradation: what is wrong with the images, for methods that are told; nothing is degraded here.
        prompt: the same in words, for methods that read text.
        name: what methods that draw random numbers derive them from.
        tile: side of the tiles to fuse at a time, in pixels; 0 fuses the whole image.

    Returns:
        The fused image, (3, H, W) in [0, 1].

    Raises:
        FileNotFoundError: an image or the method's weights are missing.
        ValueError: the sizes differ, or a name is unknown.

    Example:
        >>> ir, vi = torch.zeros(1, 8, 8), torch.ones(3, 8, 8)
        >>> fuse("average", ir, vi).mean()
        tensor(0.5000)
    """
    infrared, visible = _tensor(ir), _tensor(vi)
    if infrared.shape[-2:] != visible.shape[-2:]:
        sizes = [f"{image.shape[-1]}x{image.shape[-2]}" for image in (infrared, visible)]
        raise ValueError(f"ir is {sizes[0]} and vi is {sizes[1]}; register and resize one to the other first")
    batch = Batch(
        name=[name],
        degradation=[told(degradation)],
        ir=luma(infrared.expand(3, -1, -1))[None],
        vi=visible.expand(3, -1, -1)[None],
        ir_scale=[1],
        vi_scale=[1],
    )
    if prompt is not None:
        batch["prompt"] = [prompt]
    loaded = load(method) if isinstance(method, str) else method
    with torch.inference_mode():
        return fuse_batch(loaded, batch, tile)[0]


def told(degradation: str | None) -> str:
    """What a batch says of a degradation that a person names, or does not.

    Raises:
        ValueError: the spec is wrong.
    """
    return UNTOLD if degradation is None else str(parse(degradation))


def _tensor(image: Source) -> Tensor:
    if isinstance(image, Tensor):
        tensor = image.float()
    else:
        tensor = to_tensor(image if isinstance(image, np.ndarray) else read_image(image))
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3):
        raise ValueError(f"an image of shape {tuple(tensor.shape)}; expected (1, H, W) or (3, H, W)")
    return tensor


def fuse_files(
    choice: MethodChoice,
    ir: Path,
    vi: Path,
    out: Path,
    *,
    prompt: str | None = None,
    degradation: str | None = None,
    resize: bool = False,
    seed: int = 0,
    **options: Any,
) -> tuple[list[Path], dict[str, str]]:
    """Fuse two files or two folders into PNGs; earlier ones of the same names are overwritten.

    Args:
        prompt: what is wrong with the images, in words, for methods that read text.
        degradation: what is wrong with the images, for methods that are told; nothing is degraded here.
        options: passed to `fuse_cell`; a `trainer` of several devices has the images dealt out to processes.

    Returns:
        The images written, and the reason of each that is missing, by name.

    Raises:
        FileNotFoundError: a source or the method's weights are missing.
        ValueError: one source is a file and the other a folder, files do not pair, or `out` would overwrite sources.
    """
    for path in (ir, vi):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; expected an image or a folder of images")
    if ir.is_dir() != vi.is_dir():
        raise ValueError(f"{ir} and {vi}: one is a folder and the other is not; give two files or two folders")
    _keep_sources(ir, vi, out)
    dealt = shares(options.pop("trainer", None))
    pairs, folder, method = _pairs_of(ir, vi, resize, seed), CellFolder(out, images=out), open_method(choice)
    options |= {"told": Told(prompt, told(degradation)), "redo": True}
    if len(dealt) == 1:
        fuse_cell(method, pairs, folder, trainer=dealt[0].trainer, **options)
    else:
        spread(
            _share_of_files,
            dealt,
            (choice, ir, vi, out, resize, seed, options),
            jobs=1,
            done=lambda count: None,
            ended=lambda job: folder.gather(pairs.source.names),
        )
    return [folder.image(name) for name in pairs.source.names if name in folder.fused()], folder.failures()


def _pairs_of(ir: Path, vi: Path, resize: bool, seed: int) -> Pairs:
    if ir.is_dir():
        return open_pairs(DatasetChoice("folder", ir_dir=ir, vi_dir=vi, resize=resize), seed=seed)["clean"]
    return Pairs(FolderSource("folder", [Files(vi.stem, ir, vi)], resize=resize), seed=seed)


def _share_of_files(share: Share, done: Callable[[int], None], reach: Callable[[int], None], *rest: Any) -> None:
    """What one of several processes does: its images of the folder."""
    choice, ir, vi, out, resize, seed, options = rest
    pairs = _pairs_of(ir, vi, resize, seed)
    own = pairs.some(share.of(len(pairs)))
    folder = CellFolder(out, images=out).part(share.process, own.source.names)
    fuse_cell(open_method(choice), own, folder, trainer=share.trainer, **options)
    reach(1)


def _keep_sources(ir: Path, vi: Path, out: Path) -> None:
    """Refuse an output among the sources: images of one name would replace them, and failures delete them."""
    if ir.is_dir():
        for source in (ir.resolve(), vi.resolve()):
            if source == out.resolve() or source in out.resolve().parents:
                raise ValueError(f"{out} is or lies in {source}, a folder of the sources; choose another --out")
    elif (written := (out / f"{vi.stem}.png").resolve()) in (ir.resolve(), vi.resolve()):
        raise ValueError(f"the fused image would replace {written}, a source; choose another --out")
