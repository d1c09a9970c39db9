"""EMS-style folders: pairs that are degraded on disk, with restored images as references.

In `train` and `val` a file is `<scene>_<CODE>`; every scene has several files per modality and one reference in a
separate folder. In `test` each degradation has its own folder (`ir_LC`, `vi_Rain`), `ir` and `vi` are the undegraded
images, and the degraded ones have no references.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from fusionbench.data.sources.base import RawPair
from fusionbench.data.sources.folders import read_prompts
from fusionbench.degradations import DEGRADATIONS, parse
from fusionbench.files import digest_of
from fusionbench.images.files import image_size, read_infrared, read_visible
from fusionbench.images.folders import image_files
from fusionbench.images.options import AS_STORED, ReadOptions

NORMAL = "Norm"

COMBINED = {("LL", "LC"), ("LL", "SN"), ("Rain", "SN")}
"""Visible and infrared codes that DSPFusion's test conditions combine; its other conditions degrade one image only."""

REFERENCES = {"ir": ("IR_enhanced", "ir_gt"), "vi": ("VI_enhanced", "vi_gt")}
"""Folders of the references: as published, and as in copies of DSPFusion's samples."""


def terms_by_code(modality: str) -> dict[str, str]:
    """The terms that stand for the codes in file names."""
    return {card.ems[modality]: f"{modality}:{code}" for code, card in DEGRADATIONS.items() if modality in card.ems}


@dataclass
class Scene:
    """The files of one scene by code.

    Attributes:
        ir: infrared image by code.
        vi: visible image by code.
        ir_clean: restored infrared image.
        vi_clean: restored visible image.
    """

    ir: dict[str, Path] = field(default_factory=dict)
    vi: dict[str, Path] = field(default_factory=dict)
    ir_clean: Path | None = None
    vi_clean: Path | None = None


@dataclass(frozen=True)
class Record:
    """One pair: a scene under one code per modality."""

    scene: str
    vi_code: str
    ir_code: str

    @property
    def name(self) -> str:
        """Unique within the dataset."""
        return f"{self.scene}_{self.vi_code}_{self.ir_code}"

    @property
    def spec(self) -> str:
        """The canonical spec that the codes stand for."""
        terms = (terms_by_code("vi").get(self.vi_code), terms_by_code("ir").get(self.ir_code))
        return str(parse("+".join(term for term in terms if term is not None) or "clean"))

    @property
    def published(self) -> bool:
        """Whether DSPFusion's test conditions include it; they include the undegraded pair."""
        return NORMAL in (self.vi_code, self.ir_code) or (self.vi_code, self.ir_code) in COMBINED


class EmsSource:
    """Pairs of scenes that are degraded on disk.

    Attributes:
        scenes: all files by scene, for training that draws its own pairs.
    """

    def __init__(
        self,
        dataset: str,
        scenes: dict[str, Scene],
        records: Sequence[Record],
        prompts: dict[str, str] | None = None,
        reading: ReadOptions = AS_STORED,
    ) -> None:
        self.dataset = dataset
        self.scenes = scenes
        self.records = list(records)
        self.names = [record.name for record in self.records]
        self.prompts = prompts or {}
        self.reading = reading

    def __len__(self) -> int:
        return len(self.records)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""
        record = self.records[index]
        return image_size(self.scenes[record.scene].vi[record.vi_code])

    def read(self, index: int) -> RawPair:
        """Read one pair with the references that its scene has.

        Raises:
            FileNotFoundError: an image no longer exists.
            ValueError: an image cannot be read, or two of them differ in size.
        """
        record = self.records[index]
        scene = self.scenes[record.scene]
        ir = read_infrared(scene.ir[record.ir_code], self.reading)
        vi = read_visible(scene.vi[record.vi_code], self.reading)
        ir_clean = None if scene.ir_clean is None else read_infrared(scene.ir_clean, self.reading)
        vi_clean = None if scene.vi_clean is None else read_visible(scene.vi_clean, self.reading)
        if ir_clean is None and record.ir_code == NORMAL:
            ir_clean = ir
        if vi_clean is None and record.vi_code == NORMAL:
            vi_clean = vi
        sizes = {image.shape[:2] for image in (ir, vi, ir_clean, vi_clean) if image is not None}
        if len(sizes) > 1:
            listed = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
            raise ValueError(f"the images of {record.name!r} differ in size: {listed}")
        return RawPair(record.name, ir, vi, ir_clean, vi_clean, degradation=record.spec, prompt=self._prompt(record))

    def digest(self, index: int) -> str:
        """SHA-256 of what a pair and its references are made from."""
        record = self.records[index]
        scene = self.scenes[record.scene]
        files = (scene.ir[record.ir_code], scene.vi[record.vi_code], scene.ir_clean, scene.vi_clean)
        return digest_of([*(path or "" for path in files), record.spec, self._prompt(record) or ""])

    def _prompt(self, record: Record) -> str | None:
        return self.prompts.get(record.name, self.prompts.get(record.scene))


def open_ems(
    dataset: str,
    roots: Iterable[Path],
    split: str,
    only: Sequence[str] | None,
    advice: str,
    reading: ReadOptions = AS_STORED,
) -> EmsSource:
    """Find the scenes of a split and pair their files.

    Args:
        roots: folders to look in.
        only: degradations to keep, of all combinations on disk; by default DSPFusion's conditions.
        advice: how to get the dataset, for the error message.
        reading: how ambiguous infrared files are read.

    Raises:
        FileNotFoundError: no root has the split.
        ValueError: codes or files do not match, or none of the requested degradations exists.
    """
    roots = list(roots)
    for root in roots:
        folders = _folders(root, split)
        if {"ir", "vi"} <= folders.keys():
            break
    else:
        raise FileNotFoundError(
            f"no images of {dataset}, split {split!r}, in {' or '.join(map(str, roots))}; looked for {split}/IR and "
            f"{split}/VI; {advice}"
        )
    plain = not ({"ir_enhanced", "ir_gt"} & folders.keys())
    scenes = _scenes_by_folder(folders) if plain else _scenes_by_code(folders)
    records = [
        Record(scene, vi_code, ir_code)
        for scene in sorted(scenes)
        for vi_code, ir_code in product(sorted(scenes[scene].vi), sorted(scenes[scene].ir))
    ]
    prompts = read_prompts([root / split, root])
    return EmsSource(dataset, scenes, _kept(records, only, root / split), prompts, reading)


def _kept(records: list[Record], only: Sequence[str] | None, folder: Path) -> list[Record]:
    if only is None:
        return [record for record in records if record.published]
    wanted = {str(parse(spec)) for spec in only}
    absent = sorted(wanted - {record.spec for record in records})
    if absent:
        known = ", ".join(sorted({record.spec for record in records}))
        raise ValueError(f"no pair in {folder} is degraded by {absent[0]!r}; available: {known}")
    return [record for record in records if record.spec in wanted]


def _folders(root: Path, split: str) -> dict[str, Path]:
    """The subfolders of a split by lower-case name."""
    folder = root / split
    return (
        {entry.name.lower(): entry for entry in sorted(folder.iterdir()) if entry.is_dir()} if folder.is_dir() else {}
    )


def _code(modality: str, code: str, path: Path) -> str:
    """The code as the tables spell it.

    Raises:
        ValueError: unknown code.
    """
    known = {other.lower(): other for other in (NORMAL, *terms_by_code(modality))}
    if code.lower() not in known:
        raise ValueError(f"{path} has the unknown code {code!r}; known codes: {', '.join(known.values())}")
    return known[code.lower()]


def _scenes_by_code(folders: dict[str, Path]) -> dict[str, Scene]:
    scenes: dict[str, Scene] = {}
    for modality in ("ir", "vi"):
        for stem, path in image_files(folders[modality]).items():
            scene, underscore, code = stem.partition("_")
            if not underscore:
                raise ValueError(f"{path} has no code in its name; EMS files are named <scene>_<CODE>")
            getattr(scenes.setdefault(scene, Scene()), modality)[_code(modality, code, path)] = path
        references = next((folders[name.lower()] for name in REFERENCES[modality] if name.lower() in folders), None)
        for stem, path in ({} if references is None else image_files(references)).items():
            if stem in scenes:
                setattr(scenes[stem], f"{modality}_clean", path)
    for name, files in scenes.items():
        if not files.ir or not files.vi or files.ir_clean is None or files.vi_clean is None:
            raise ValueError(
                f"scene {name!r} lacks images: it has {len(files.ir)} infrared and {len(files.vi)} visible ones, "
                f"and {sum(path is not None for path in (files.ir_clean, files.vi_clean))} of 2 references"
            )
    return scenes


def _scenes_by_folder(folders: dict[str, Path]) -> dict[str, Scene]:
    scenes: dict[str, Scene] = {}
    for modality in ("ir", "vi"):
        codes = {modality: NORMAL} | {f"{modality}_{code}".lower(): code for code in terms_by_code(modality)}
        for folder, code in codes.items():
            for stem, path in (image_files(folders[folder]) if folder in folders else {}).items():
                getattr(scenes.setdefault(stem, Scene()), modality)[code] = path
    return {name: scene for name, scene in scenes.items() if scene.ir and scene.vi}
