"""Fusing without a benchmark: arrays in Python, files and folders on the command line."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image as Pillow

from fusionbench.benchmark.inputs import load_method, load_pairs
from fusionbench.benchmark.parallel import Notify, Shard, make_shards, run_in_processes
from fusionbench.benchmark.predict import fuse_batch, fuse_cell
from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.spec import (
    ALL_PAIRS,
    ONE_DEVICE,
    DatasetChoice,
    Execution,
    MethodChoice,
    Selection,
    check_tile,
)
from fusionbench.data.first_look import PairPaths
from fusionbench.data.pairs import Pairs
from fusionbench.data.sources.folders import FolderSource
from fusionbench.degradations import parse
from fusionbench.files import check_names, exclusive
from fusionbench.images import files
from fusionbench.images.files import is_false_colour, read_infrared, read_visible
from fusionbench.images.levels import is_coloured
from fusionbench.images.options import ImageWarning, ReadOptions, UnclearImageError, read_options
from fusionbench.images.tensors import ImageLike, as_image, to_bytes, to_tensor
from fusionbench.methods import check_able, load
from fusionbench.methods.common.color import luma
from fusionbench.methods.method import UNKNOWN
from fusionbench.types import Batch, Color, Gray, Image
from fusionbench.weights.read import WeightsWarning

if TYPE_CHECKING:
    from fusionbench.methods.method import Method


def read_image(
    path: str | Path, *, ir_range: str | Sequence[float] | None = None, ir_channel: int | str | None = None
) -> Image:
    """Read an image file, (1 or 3, H, W) in [0, 1], the right way up.

    The file's orientation and colour metadata are applied. 16-bit files are scaled by their full range, and rounded to
    8 bits as everywhere in this package.

    Args:
        ir_range: the values that become black and white, (low, high), for raw frames, temperatures and other files
            without a range of their own; 'auto' takes the 0.1 and 99.9 % quantiles.
        ir_channel: the only channel to read, counted from 0; 'luma' converts colours to gray.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, not an image, or ambiguous; the message says what to do.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_image(f"{folder}/a.png", torch.tensor([[[0.0, 1.0]]]))
        ...     read_image(f"{folder}/a.png")
        tensor([[[0., 1.]]])
    """
    return to_tensor(files.read_chosen(path, read_options(ir_range, ir_channel)))


def write_image(path: str | Path, image: ImageLike) -> None:
    """Write an image losslessly with 8 bits; the file is complete or does not exist.

    Args:
        path: its suffix chooses the format: .png, .bmp, .tif or .tiff.
        image: an array or tensor of floats from 0 to 1 or bytes from 0 to 255, (H, W), (H, W, 3) or (1 or 3, H, W), or
            a Pillow image.

    Raises:
        ValueError: the format loses information, or `image` is not an image.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_image(f"{folder}/a.png", torch.rand(3, 4, 6))
        ...     read_image(f"{folder}/a.png").shape
        torch.Size([3, 4, 6])
    """
    files.write_image(path, to_bytes(as_image(image)))


def fuse(
    method: str | Method,
    ir: ImageLike,
    vi: ImageLike,
    *,
    degradation: str | None = None,
    prompt: str | None = None,
    name: str = "image",
    tile: int = 0,
    weights: str | Path | None = None,
    strict: bool = False,
    ir_range: str | Sequence[float] | None = None,
    ir_channel: int | str | None = None,
) -> Color:
    """Fuse one pair.

    Images are paths of files, Pillow images, or arrays and tensors of bytes from 0 to 255 or floats from 0 to 1:
    (H, W), (H, W, 3) or (1 or 3, H, W). Folders are fused by `run`.

    Args:
        method: its name, or a loaded method (`fusionbench.methods.load`), which saves loading it again.
        ir: infrared image.
        vi: visible image, of the same size.
        degradation: spec of the degradation that the images have, for methods that need it; nothing is degraded here.
        prompt: description of the degradation in words, for methods that read text.
        name: the image's name, from which methods derive their random numbers.
        tile: tile size in pixels, to fuse a large image in tiles; 0 fuses the whole image.
        weights: weight file to use instead of the default one, or a folder of the files.
        strict: refuse a method whose own weights are missing, instead of falling back, with a warning, to the small
            network that comes with the package.
        ir_range: the values of an infrared file that become black and white, (low, high), for raw frames and
            temperatures; 'auto' takes the 0.1 and 99.9 % quantiles.
        ir_channel: the channel of an infrared file that is the infrared image, counted from 0, or 'luma'.

    Returns:
        The fused image, (3, H, W) in [0, 1].

    Raises:
        FileNotFoundError: an image or the method's weights are missing.
        ValueError: an image is invalid, ambiguous, a folder or of another range; the sizes differ; a name is unknown;
            or the method does not support the degradation.

    Example:
        >>> ir, vi = torch.zeros(1, 8, 8), torch.ones(3, 8, 8)
        >>> fuse("average", ir, vi).mean()
        tensor(0.5000)
    """
    check_tile(tile)
    if isinstance(method, str):
        check_able(method, degradation)
    for folder in (ir, vi):
        if isinstance(folder, (str, Path)) and Path(folder).is_dir():
            raise ValueError(
                f"{folder} is a folder, and fuse takes one pair of images; fusionbench.run(METHOD, ir=FOLDER, "
                "vi=FOLDER) fuses and scores folders, and the command `fusionbench fuse` fuses them"
            )
    reading = read_options(ir_range, ir_channel)
    infrared, visible = _infrared(ir, reading), _visible(vi, reading)
    if infrared.shape[-2:] != visible.shape[-2:]:
        sizes = [f"{image.shape[-1]}x{image.shape[-2]}" for image in (infrared, visible)]
        raise ValueError(f"ir is {sizes[0]} and vi is {sizes[1]}; register and resize one to the other first")
    batch = Batch(
        name=[name],
        degradation=[told(degradation)],
        ir=infrared[None],
        vi=visible.expand(3, -1, -1)[None],
        ir_scale=[1],
        vi_scale=[1],
    )
    if prompt is not None:
        batch["prompt"] = [prompt]
    own = None if weights is None else Path(weights)
    loaded = load(method, weights=own, strict=strict) if isinstance(method, str) else method
    with torch.inference_mode():
        return fuse_batch(loaded, batch, tile)[0]


def told(degradation: str | None) -> str:
    """The spec in a batch for a degradation that is given by the user, or is unknown (None).

    Raises:
        ValueError: the spec is wrong.
    """
    return UNKNOWN if degradation is None else str(parse(degradation))


def _infrared(given: ImageLike, reading: ReadOptions) -> Gray:
    if isinstance(given, (str, Path, Pillow.Image)):
        coloured = is_false_colour(given, reading)
        image = to_tensor(read_infrared(given, reading))
    else:
        image = as_image(given, "ir").float()
        coloured = len(image) == 3 and is_coloured(to_bytes(image))
    if coloured:
        warnings.warn(
            "ir is in colour; its luma is used, which does not follow temperature in false colours: give its channel "
            "instead",
            ImageWarning,
            stacklevel=3,
        )
    return luma(image.expand(3, -1, -1))


def _visible(given: ImageLike, reading: ReadOptions) -> Image:
    if isinstance(given, (str, Path, Pillow.Image)):
        return to_tensor(read_visible(given, reading))
    return as_image(given, "vi").float()


def fuse_files(
    choice: MethodChoice,
    data: DatasetChoice,
    out: Path,
    selection: Selection = ALL_PAIRS,
    execution: Execution = ONE_DEVICE,
) -> tuple[list[Path], dict[str, str]]:
    """Fuse two files or two folders into PNG files; existing ones are overwritten.

    Args:
        data: two folders, or two files instead.
        selection: number of pairs, and the degradation that methods are told; nothing is degraded here.
        execution: the devices; images are sharded across as many processes.

    Returns:
        The images written, and for each missing one the reason, by name.

    Raises:
        FileNotFoundError: a source or the method's weights are missing.
        ValueError: one source is a file and the other a folder, files do not pair, `out` would overwrite sources, or
            the method does not support the degradation.
    """
    check_able(choice.name, selection.degradation)
    ir, vi = data.ir_dir, data.vi_dir
    if ir is None or vi is None:
        raise ValueError("fusing needs an infrared and a visible image, or two folders of them")
    for path in (ir, vi):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; expected an image or a folder of images")
    if ir.is_dir() != vi.is_dir():
        raise ValueError(f"{ir} and {vi}: one is a folder and the other is not; give two files or two folders")
    _keep_sources(ir, vi, out)
    shards = make_shards(execution)
    data, pairs = _stretched_where_unclear(data, selection)
    method = load_method(choice)
    selection = replace(selection, degradation=told(selection.degradation))
    with exclusive(out):
        folder = CellFolder(out, images=out)
        if len(shards) == 1:
            fuse_cell(method, pairs, folder, selection, shards[0].execution)
        else:
            run_in_processes(
                partial(_fuse_shard, choice, data, out, selection),
                shards,
                jobs=1,
                done=lambda count: None,
                ended=lambda job: folder.merge(pairs.source.names),
            )
        fused = folder.fused()
        return [folder.image(name) for name in pairs.source.names if name in fused], folder.failures()


def _stretched_where_unclear(data: DatasetChoice, selection: Selection) -> tuple[DatasetChoice, Pairs]:
    """The sources and their pairs; infrared images of unknown range are each stretched, with a warning.

    For fusing, a guess with a warning is better than no image; scoring refuses such images instead.
    """
    try:
        return data, _pairs_of(data, selection)
    except UnclearImageError as error:
        if not error.auto:
            raise
        warnings.warn(f"{error}, as is done now", ImageWarning, stacklevel=3)
        data = replace(data, reading=replace(data.reading, ir_range="auto"))
        return data, _pairs_of(data, selection)


def _pairs_of(data: DatasetChoice, selection: Selection) -> Pairs:
    """The first pairs of two folders, or the pair of two files."""
    if data.ir_dir is None or data.vi_dir is None or data.vi_dir.is_dir():
        pairs = load_pairs(data, seed=selection.seed)["clean"]
        return pairs if selection.limit is None else pairs.some(range(min(selection.limit, len(pairs))))
    if data.names is not None:
        raise ValueError(f"{data.names} chooses among the pairs of two folders, and these are two files; leave it out")
    pair = PairPaths(data.vi_dir.stem, data.ir_dir, data.vi_dir)
    check_names([pair.name], data.vi_dir)
    return Pairs(FolderSource(data.name, [pair], resize=data.resize, reading=data.reading), seed=selection.seed)


def _fuse_shard(
    choice: MethodChoice,
    data: DatasetChoice,
    out: Path,
    selection: Selection,
    shard: Shard,
    done: Notify,
    reach: Notify,
) -> None:
    """Fuse the shard of one of several processes."""
    for kind in (ImageWarning, WeightsWarning):
        warnings.simplefilter("ignore", kind)  # The parent process has warned already.
    pairs = _pairs_of(data, selection)
    own = pairs.some(shard.of(len(pairs)))
    folder = CellFolder(out, images=out).shard(shard.process, own.source.names)
    fuse_cell(load_method(choice), own, folder, selection, shard.execution)
    reach(1)


def _keep_sources(ir: Path, vi: Path, out: Path) -> None:
    """Refuse an output among the sources: fused images would overwrite them, and failures delete them."""
    if ir.is_dir():
        for source in (ir.resolve(), vi.resolve()):
            if source == out.resolve() or source in out.resolve().parents:
                raise ValueError(f"{out} is or lies in {source}, a folder of the sources; choose another --out")
    elif (written := (out / f"{vi.stem}.png").resolve()) in (ir.resolve(), vi.resolve()):
        raise ValueError(f"the fused image would replace {written}, a source; choose another --out")
