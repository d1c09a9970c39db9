"""The table of datasets; importing it imports nothing heavy.

In a layout, `{split}` stands for the name of the split, `ir` and `vi` for all usual names of folders of infrared and
visible images; folder names match regardless of case. A layout without `{split}` holds all pairs, which the lists in
`splits/`, or in the folder `meta` beside the images, divide into splits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.plugins import Table
from fusionbench.weights.store import home

SPLITS = Path(__file__).parent / "splits"


@dataclass(frozen=True)
class Layout:
    """The folders of the two modalities below a dataset's root.

    Attributes:
        ir: folder of the infrared (gray) images.
        vi: folder of the visible (colour) images.
        only: the split of these folders, if they hold a single one; empty if they hold all splits or contain `{split}`.
    """

    ir: str
    vi: str
    only: str = ""


@dataclass(frozen=True)
class Mirror:
    """Where a dataset or a part of it is available.

    Attributes:
        urls: addresses of the same file, tried in order; empty if a browser is needed.
        file: name of the file in the dataset's root.
        sha256: checksum, if known.
        size: bytes, if known.
        strip: number of leading folders in the archive to drop.
        keep: folders of the archive to unpack, after stripping; all if empty.
        page: the page to download it from with a browser.
        manual_steps: what to do with the downloaded files.
    """

    urls: tuple[str, ...] = ()
    file: str = ""
    sha256: str | None = None
    size: int | None = None
    strip: int = 0
    keep: tuple[str, ...] = ()
    page: str = ""
    manual_steps: str = ""


@dataclass(frozen=True)
class DatasetCard:
    """A dataset.

    Attributes:
        title: its full name, and what it shows.
        paper: who made it.
        url: its home page.
        licence: its terms, as far as stated.
        splits: the splits that are published or that the layouts provide.
        layouts: tried in order.
        counts: number of pairs in each published split.
        lists: by split, the file in `splits/` that lists its pairs.
        mirrors: where it is available.
        note: what else a user should know.
        target: 'module:class' of a source that needs no folder, called with the split.
        folders: other names of its folder, as its archives or its authors' code have them, in lower case with '_'.
        degraded: whether its images are degraded on disk.
        shown: labels of a pair's `ir` and `vi` images in figures and reports.
    """

    title: str
    paper: str
    url: str
    licence: str
    splits: tuple[str, ...]
    layouts: tuple[Layout, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    mirrors: tuple[Mirror, ...] = ()
    note: str = ""
    target: str = ""
    folders: tuple[str, ...] = ()
    degraded: bool = False
    shown: tuple[str, str] = ("infrared", "visible")


ANY, DRAWN = "folder", "synthetic"
"""The dataset of any folder with infrared and visible images, and the generated one, which needs no folder."""


def split_names(card: DatasetCard, split: str) -> list[str]:
    """The names of the pairs in a published split; empty if no list is published."""
    if split not in card.lists:
        return []
    return (SPLITS / card.lists[split]).read_text(encoding="utf-8").split()


BY_SPLIT = Layout("{split}/ir", "{split}/vi")
SPLIT_BELOW = Layout("ir/{split}", "vi/{split}")
FLAT = Layout("ir", "vi")
USUAL = (BY_SPLIT, SPLIT_BELOW, FLAT)
"""Layouts that any dataset may have."""

AANLIB = "Johnson and Becker, The Whole Brain Atlas"
AANLIB_URL = "http://www.med.harvard.edu/AANLIB/home.html"
AANLIB_LICENCE = "copyright Johnson and Becker; see the terms on the atlas's pages"
AANLIB_NOTE = (
    "Slices are chosen by hand, and papers choose differently; the test list is the 24 pairs that several comparisons "
    "share. The gray image (MRI) is the pair's `ir`."
)


def _harvard(other: str) -> DatasetCard:
    """One modality of the atlas, paired with MRI."""
    pair = f"{other.upper()}-MRI"
    layouts = (
        Layout("{split}/mri", f"{{split}}/{other}"),
        Layout(f"{pair}/{{split}}/MRI", f"{pair}/{{split}}/{other.upper()}"),
        Layout(f"{pair}/MRI", f"{pair}/{other.upper()}"),
        Layout(f"MRI_{other.upper()}/MRI", f"MRI_{other.upper()}/{other.upper()}"),
        Layout("mri", other),
    )
    manual_steps = (
        f"save registered slices as 8-bit images with equal names in ROOT/test/mri and ROOT/test/{other} (and the "
        f"same for train), or copy an existing {pair} folder to ROOT"
    )
    # The second is how its most widely used archive spells the name of the atlas.
    archives = ("harvard", "havard_medical_image_fusion_datasets", "harvard_medical_image_fusion_datasets")
    return DatasetCard(
        title=f"Harvard Whole Brain Atlas, {other.upper()} and MRI",
        paper=AANLIB,
        url=AANLIB_URL,
        licence=AANLIB_LICENCE,
        splits=("train", "test"),
        layouts=layouts,
        counts={"test": 24},
        lists={"test": f"harvard_{other}_mri_test.txt"},
        mirrors=(Mirror(page=AANLIB_URL, manual_steps=manual_steps),),
        folders=(f"{other}_mri", f"mri_{other}", *archives),
        note=AANLIB_NOTE,
        shown=("MRI", other.upper()),
    )


_ROWS: dict[str, DatasetCard] = {
    "ems": DatasetCard(
        title="Enhanced Multi-Spectral Various Scenarios: degraded pairs with restored references",
        paper="Yi et al., Text-IF, CVPR 2024",
        url="https://github.com/XunpengYi/EMS",
        licence="academic research only, no redistribution; the licences of MFNet, RoadScene, FLIR and LLVIP apply too",
        splits=("train", "val", "test"),
        mirrors=(
            Mirror(
                page="https://drive.google.com/file/d/1AIAJBjU21Kz90TVHiSH-orHvw1Q-UUMZ/view",
                manual_steps="unpack EMS-Full to ROOT/train/IR, VI, IR_enhanced and VI_enhanced, and the same for val",
            ),
        ),
        note=(
            "Files are <scene>_<CODE>: LC, RN, SN for IR, LL, OE, Rain, haze, Blur, RN for VI, Norm for none; the "
            "references are IR_enhanced and VI_enhanced, or ir_gt and vi_gt. The test split has plain folders ir_LC, "
            "vi_Rain, ... LL, OE and LC are real degradations; their references were restored manually."
        ),
        degraded=True,
    ),
    "folder": DatasetCard(
        title="Any two folders of images with equal file names",
        paper="",
        url="",
        licence="yours",
        splits=("all",),
        layouts=USUAL,
        note="Give --ir DIR --vi DIR, or --data DIR with a folder of infrared and one of visible images in it.",
    ),
    "harvard_ct_mri": _harvard("ct"),
    "harvard_pet_mri": _harvard("pet"),
    "harvard_spect_mri": _harvard("spect"),
    "llvip": DatasetCard(
        title="LLVIP: pedestrians in streets at night, 1280x1024",
        paper="Jia et al., ICCV Workshops 2021",
        url="https://bupt-ai-cz.github.io/LLVIP/",
        licence="noncommercial research and teaching only; must be cited",
        splits=("train", "test"),
        layouts=USUAL,
        counts={"train": 12025, "test": 3463},
        mirrors=(
            Mirror(
                page="https://drive.google.com/file/d/1VTlT3Y7e1h-Zsne4zahjx5q0TK2ClMVv/view",
                manual_steps="unpack LLVIP.zip to ROOT/infrared/train, infrared/test, visible/train and visible/test",
            ),
        ),
        note="JPEG, so the references have compression artefacts. Papers score unspecified subsets of the test split.",
    ),
    "m3fd": DatasetCard(
        title="M3FD: roads and campus by day, dusk and night, 1024x768",
        paper="Liu et al., TarDAL, CVPR 2022",
        url="https://github.com/JinyuanLiu-CV/TarDAL",
        licence="none stated for the images",
        splits=("all",),
        layouts=(
            BY_SPLIT,
            Layout("M3FD_Fusion/Ir", "M3FD_Fusion/Vis", only="test"),
            Layout("M3FD_Detection/Ir", "M3FD_Detection/Vis", only="train"),
            *USUAL[1:],
        ),
        folders=("m3fd_fusion", "m3fd_detection"),
        mirrors=(
            Mirror(
                page="https://github.com/JinyuanLiu-CV/TarDAL",
                manual_steps="unpack M3FD_Fusion.zip to ROOT/M3FD_Fusion and M3FD_Detection.zip to ROOT/M3FD_Detection",
            ),
        ),
        note=(
            "No split was ever published. Here test is M3FD_Fusion and train is M3FD_Detection, if these folders "
            "exist; plain folders Ir and Vis are the split 'all', which a list of names divides (--names FILE)."
        ),
    ),
    "msrs": DatasetCard(
        title="MSRS: road scenes by day and night from MFNet, 640x480",
        paper="Tang et al., PIAFusion, Information Fusion 2022",
        url="https://github.com/Linfeng-Tang/MSRS",
        licence="none stated; cite PIAFusion, derived from MFNet",
        splits=("train", "test"),
        layouts=(Layout("Infrared/{split}/MSRS", "Visible/{split}/MSRS"), *USUAL),
        counts={"train": 1083, "test": 361},
        lists={"train": "msrs_train.txt", "test": "msrs_test.txt"},
        mirrors=(
            Mirror(
                urls=(
                    "https://codeload.github.com/Linfeng-Tang/MSRS/zip/HEAD",
                    "https://github.com/Linfeng-Tang/MSRS/archive/HEAD.zip",
                ),
                file="MSRS.zip",
                strip=1,
                keep=("train/ir", "train/vi", "test/ir", "test/vi"),
            ),
        ),
        note="Frames of sequences: neighbours look alike. 00556D, 00633D, 00881N and 01023N are training images.",
    ),
    "roadscene": DatasetCard(
        title="RoadScene: roads by day and night from FLIR videos, odd sizes",
        paper="Xu et al., FusionDN, AAAI 2020; U2Fusion, TPAMI 2022",
        url="https://github.com/hanna-xu/RoadScene",
        licence="none stated; derived from FLIR videos",
        splits=("train", "test"),
        layouts=(Layout("cropinfrared", "crop_LR_visible"), *USUAL),
        counts={"train": 171, "test": 50},
        lists={"test": "roadscene_test.txt"},
        mirrors=(
            Mirror(
                urls=(
                    "https://codeload.github.com/hanna-xu/RoadScene/zip/HEAD",
                    "https://github.com/hanna-xu/RoadScene/archive/HEAD.zip",
                ),
                file="RoadScene.zip",
                strip=1,
                keep=("cropinfrared", "crop_LR_visible"),
            ),
        ),
        note=(
            "221 pairs without a published split; the test list is the 50 that CDDFuse and many later papers score, "
            "train is the rest. JPEG."
        ),
    ),
    "synthetic": DatasetCard(
        title="Street scenes generated from a seed, with exact clean references; needs no download",
        paper="",
        url="",
        licence="Apache-2.0, as this package",
        splits=("train", "val", "test"),
        target="fusionbench.data.synthetic:SyntheticSource",
    ),
    "tno": DatasetCard(
        title="TNO: military scenes, grayscale visible images",
        paper="Toet, The TNO Multiband Image Data Collection, Data in Brief 2017",
        url="https://figshare.com/articles/dataset/TNO_Image_Fusion_Dataset/1008029",
        licence="see the terms on figshare",
        splits=("test",),
        layouts=USUAL,
        counts={"test": 25},
        folders=("tno_image_fusion", "tno_image_fusion_dataset"),
        lists={"test": "tno_test.txt"},
        mirrors=(
            Mirror(
                page="https://figshare.com/articles/dataset/TNO_Image_Fusion_Dataset/1008029",
                manual_steps="choose pairs and save both images of each under the same name in ROOT/test/ir and "
                "ROOT/test/vi",
            ),
        ),
        note="Papers score different selections; the list has the 25 pairs, named 01 to 25, that CDDFuse scores.",
    ),
}

DATASETS = Table("datasets", DatasetCard, _ROWS)


def modality_labels(dataset: str) -> dict[str, str]:
    """Labels of the `ir` and `vi` images of a dataset in figures and reports."""
    names = DATASETS[dataset].shown if dataset in DATASETS else DatasetCard.shown
    return dict(zip(("ir", "vi"), names, strict=True))


def check_limit(limit: int | None) -> None:
    """Refuse a limit that leaves no pairs.

    Raises:
        ValueError: it is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; it must be 1 or more")


def data_root() -> Path:
    """The default folder of datasets: $FUSIONBENCH_DATA, or `data` in $FUSIONBENCH_HOME."""
    given = os.environ.get("FUSIONBENCH_DATA")
    return Path(given).expanduser() if given else home() / "data"
