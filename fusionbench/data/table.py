"""The table of data sets. Nothing heavy is imported here.

In a layout `{split}` stands for the name of the split; folder names match whatever their case. A layout without it
holds all pairs, which the split lists in `splits/` then divide.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.weights.store import home

SPLITS = Path(__file__).parent / "splits"


@dataclass(frozen=True)
class Layout:
    """Where the two modalities lie below a data set's root.

    Attributes:
        ir: folder of the infrared (gray) images.
        vi: folder of the visible (colour) images.
        only: the one split that these folders are; empty when they are all splits or carry `{split}`.
    """

    ir: str
    vi: str
    only: str = ""


@dataclass(frozen=True)
class Mirror:
    """Where a data set, or a part of it, can be had.

    Attributes:
        urls: the same file at several addresses, tried in order; empty when a browser is needed.
        file: name that the file gets in the data set's root.
        sha256: checksum, where it is known.
        size: bytes, where they are known.
        strip: leading folders of the archive to leave out.
        keep: folders of the archive to unpack, after stripping; all of them when empty.
        page: where a person downloads it with a browser.
        put: what a person has to put where afterwards.
    """

    urls: tuple[str, ...] = ()
    file: str = ""
    sha256: str | None = None
    size: int | None = None
    strip: int = 0
    keep: tuple[str, ...] = ()
    page: str = ""
    put: str = ""


@dataclass(frozen=True)
class DatasetCard:
    """What is known about a data set.

    Attributes:
        title: its name in full, and what it shows.
        paper: who made it.
        url: its home.
        licence: under what terms, as far as stated.
        splits: those that are published, or that the layouts provide.
        layouts: tried in order.
        counts: how many pairs each published split has.
        lists: file of `splits/` that names the pairs of a split.
        places: where to get it.
        note: what else one should know.
        target: 'module:class' of a source that needs no folder, called with the split.
        degraded: its images are degraded on disk and carry their degradation.
        shown: what the images of a pair's `ir` and `vi` are called where they are shown.
    """

    title: str
    paper: str
    url: str
    licence: str
    splits: tuple[str, ...]
    layouts: tuple[Layout, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    places: tuple[Mirror, ...] = ()
    note: str = ""
    target: str = ""
    degraded: bool = False
    shown: tuple[str, str] = ("infrared", "visible")


ANY, DRAWN = "folder", "synthetic"
"""The data set that is any folder with infrared and visible images in it, and the one that needs no folder."""


def split_names(card: DatasetCard, split: str) -> list[str]:
    """The pairs of a published split; empty where none is published."""
    if split not in card.lists:
        return []
    return (SPLITS / card.lists[split]).read_text(encoding="utf-8").split()


BY_SPLIT = Layout("{split}/ir", "{split}/vi")
FLAT = Layout("ir", "vi")

AANLIB = "Johnson and Becker, The Whole Brain Atlas"
AANLIB_URL = "http://www.med.harvard.edu/AANLIB/home.html"
AANLIB_LICENCE = "copyright Johnson and Becker; see the terms on the atlas's pages"
AANLIB_NOTE = (
    "Slices are chosen by hand, and papers choose differently; the test list is the 24 pairs that several comparisons "
    "share. The gray image (MRI) is the pair's `ir`."
)


def _harvard(other: str) -> tuple[tuple[Layout, ...], tuple[Mirror, ...]]:
    """Layouts and place of one modality of the atlas beside MRI."""
    pair = f"{other.upper()}-MRI"
    layouts = (
        Layout("{split}/mri", f"{{split}}/{other}"),
        Layout(f"{pair}/{{split}}/MRI", f"{pair}/{{split}}/{other.upper()}"),
        Layout(f"{pair}/MRI", f"{pair}/{other.upper()}"),
        Layout("mri", other),
    )
    put = (
        f"save registered slices as 8-bit images of one name in ROOT/test/mri and ROOT/test/{other} (train the same), "
        f"or copy a ready {pair} folder to ROOT"
    )
    return layouts, (Mirror(page=AANLIB_URL, put=put),)


CT_LAYOUTS, CT_PLACES = _harvard("ct")
PET_LAYOUTS, PET_PLACES = _harvard("pet")
SPECT_LAYOUTS, SPECT_PLACES = _harvard("spect")

DATASETS: dict[str, DatasetCard] = {
    "ems": DatasetCard(
        title="Enhanced Multi-Spectral Various Scenarios: degraded pairs with restored references",
        paper="Yi et al., Text-IF, CVPR 2024",
        url="https://github.com/XunpengYi/EMS",
        licence="academic research only, no redistribution; the licences of MFNet, RoadScene, FLIR and LLVIP apply too",
        splits=("train", "val", "test"),
        places=(
            Mirror(
                page="https://drive.google.com/file/d/1AIAJBjU21Kz90TVHiSH-orHvw1Q-UUMZ/view",
                put="unpack EMS-Full so that ROOT/train/IR, VI, IR_enhanced and VI_enhanced exist (val the same)",
            ),
        ),
        note=(
            "Files are <scene>_<CODE>: LC, RN, SN for IR, LL, OE, Rain, haze, Blur, RN for VI, Norm for none; the "
            "references are IR_enhanced and VI_enhanced, or ir_gt and vi_gt. The test split has plain folders ir_LC, "
            "vi_Rain, ... LL, OE and LC are real; their references were restored by hand."
        ),
        degraded=True,
    ),
    "folder": DatasetCard(
        title="Any two folders of images that share their file names",
        paper="",
        url="",
        licence="yours",
        splits=("all",),
        layouts=(BY_SPLIT, FLAT, Layout("infrared", "visible")),
        note="Give --ir DIR --vi DIR, or --data with ir and vi in it.",
    ),
    "harvard_ct_mri": DatasetCard(
        title="Harvard Whole Brain Atlas, CT and MRI",
        paper=AANLIB,
        url=AANLIB_URL,
        licence=AANLIB_LICENCE,
        splits=("train", "test"),
        layouts=CT_LAYOUTS,
        counts={"test": 24},
        lists={"test": "harvard_ct_mri_test.txt"},
        places=CT_PLACES,
        note=AANLIB_NOTE,
        shown=("MRI", "CT"),
    ),
    "harvard_pet_mri": DatasetCard(
        title="Harvard Whole Brain Atlas, PET and MRI",
        paper=AANLIB,
        url=AANLIB_URL,
        licence=AANLIB_LICENCE,
        splits=("train", "test"),
        layouts=PET_LAYOUTS,
        counts={"test": 24},
        lists={"test": "harvard_pet_mri_test.txt"},
        places=PET_PLACES,
        note=AANLIB_NOTE,
        shown=("MRI", "PET"),
    ),
    "harvard_spect_mri": DatasetCard(
        title="Harvard Whole Brain Atlas, SPECT and MRI",
        paper=AANLIB,
        url=AANLIB_URL,
        licence=AANLIB_LICENCE,
        splits=("train", "test"),
        layouts=SPECT_LAYOUTS,
        counts={"test": 24},
        lists={"test": "harvard_spect_mri_test.txt"},
        places=SPECT_PLACES,
        note=AANLIB_NOTE,
        shown=("MRI", "SPECT"),
    ),
    "llvip": DatasetCard(
        title="LLVIP: pedestrians in streets at night, 1280x1024",
        paper="Jia et al., ICCV Workshops 2021",
        url="https://bupt-ai-cz.github.io/LLVIP/",
        licence="noncommercial research and teaching only; must be cited",
        splits=("train", "test"),
        layouts=(Layout("infrared/{split}", "visible/{split}"), BY_SPLIT),
        counts={"train": 12025, "test": 3463},
        places=(
            Mirror(
                page="https://drive.google.com/file/d/1VTlT3Y7e1h-Zsne4zahjx5q0TK2ClMVv/view",
                put="unpack LLVIP.zip so that ROOT/infrared/train, infrared/test, visible/train and visible/test exist",
            ),
        ),
        note="JPEG, so its references carry compression artefacts. Papers score unnamed subsets of the test split.",
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
            Layout("Ir", "Vis"),
            FLAT,
        ),
        places=(
            Mirror(
                page="https://github.com/JinyuanLiu-CV/TarDAL",
                put="unpack M3FD_Fusion.zip to ROOT/M3FD_Fusion and M3FD_Detection.zip to ROOT/M3FD_Detection",
            ),
        ),
        note=(
            "No split was ever published. Here test is M3FD_Fusion and train is M3FD_Detection where these folders "
            "are; a plain Ir and Vis is the split 'all', which a list of names (names=FILE) divides."
        ),
    ),
    "msrs": DatasetCard(
        title="MSRS: road scenes by day and night from MFNet, 640x480",
        paper="Tang et al., PIAFusion, Information Fusion 2022",
        url="https://github.com/Linfeng-Tang/MSRS",
        licence="none stated; cite PIAFusion, derived from MFNet",
        splits=("train", "test"),
        layouts=(BY_SPLIT,),
        counts={"train": 1083, "test": 361},
        lists={"train": "msrs_train.txt", "test": "msrs_test.txt"},
        places=(
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
        layouts=(BY_SPLIT, Layout("cropinfrared", "crop_LR_visible"), FLAT),
        counts={"train": 171, "test": 50},
        lists={"test": "roadscene_test.txt"},
        places=(
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
            "221 pairs without a split of their own; the test list is the 50 that CDDFuse and many after it score, "
            "train is the rest. JPEG."
        ),
    ),
    "synthetic": DatasetCard(
        title="Streets drawn from a seed, with exact clean references; needs no download",
        paper="",
        url="",
        licence="Apache-2.0, as this package",
        splits=("train", "val", "test"),
        target="fusionbench.data.synthetic:SyntheticSource",
    ),
    "tno": DatasetCard(
        title="TNO: military scenes, gray visible images",
        paper="Toet, The TNO Multiband Image Data Collection, Data in Brief 2017",
        url="https://figshare.com/articles/dataset/TNO_Image_Fusion_Dataset/1008029",
        licence="see the terms on figshare",
        splits=("test",),
        layouts=(BY_SPLIT, FLAT),
        counts={"test": 25},
        lists={"test": "tno_test.txt"},
        places=(
            Mirror(
                page="https://figshare.com/articles/dataset/TNO_Image_Fusion_Dataset/1008029",
                put="choose pairs and save each under one name in ROOT/test/ir and ROOT/test/vi",
            ),
        ),
        note="Papers score different choices of it; the list is the 25 pairs, named 01 to 25, that CDDFuse scores.",
    ),
}


def modality_labels(dataset: str) -> dict[str, str]:
    """What the images of `ir` and `vi` are called where pairs of a data set are shown."""
    names = DATASETS[dataset].shown if dataset in DATASETS else DatasetCard.shown
    return dict(zip(("ir", "vi"), names, strict=True))


def check_limit(limit: int | None) -> None:
    """Refuse a number of pairs that leaves none.

    Raises:
        ValueError: it is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; it must be 1 or more")


def data_root() -> Path:
    """Where data sets are looked for: $FUSIONBENCH_DATA, or `data` in $FUSIONBENCH_HOME."""
    given = os.environ.get("FUSIONBENCH_DATA")
    return Path(given).expanduser() if given else home() / "data"
