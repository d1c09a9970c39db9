"""NETWORKS: the metrics that pyiqa computes, by pyiqa's names, and the files that each of them reads.

For pyiqa 0.1.16. Nothing here imports pyiqa, so that missing files are reported before anything slow begins.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from fusionbench.weights.card import WeightsCard, github_card

LICENCE = "pyiqa is licensed for noncommercial use only (PolyForm Noncommercial 1.0.0)."
"""Shown by `list metrics`, in the footnotes of tables and on first use."""

REPOSITORY = "chaofengc/IQA-PyTorch-Weights"
_HOSTS = ("https://huggingface.co", "https://hf-mirror.com")
_DIGITS = 8  # of the SHA-256, at the end of most released file names


@dataclass(frozen=True)
class Network:
    """What pyiqa needs for one metric.

    Attributes:
        files: paths below torch's hub folder, under their published names.
        range: smallest and largest value, as pyiqa documents it.
        higher_is_better: False for distances from natural images.
        smallest: smallest supported height and width.
        packages: modules that must be importable in addition to pyiqa.
    """

    files: tuple[str, ...] = ()
    range: tuple[float, float] = (0, 1)
    higher_is_better: bool = True
    smallest: int = 1
    packages: tuple[str, ...] = ()

    def cards(self) -> dict[str, WeightsCard]:
        """The card of each file, by its path below torch's hub folder, where pyiqa uses the name in its address."""
        return {quote(place): card_of(place) for place in self.files}


@cache
def card_of(place: str) -> WeightsCard:
    """The card of the file that pyiqa expects at `place`, below torch's hub folder."""
    folder, _, file = place.partition("/")
    if folder == "clip":
        return _clip_card(file)
    if file == "niqe_modelparameters.mat":
        return PRISTINE
    stem = Path(file).stem
    ending = stem[-_DIGITS:] if stem[-_DIGITS - 1 : -_DIGITS] == "-" else ""
    return WeightsCard(
        file,
        urls=tuple(f"{host}/{REPOSITORY}/resolve/main/{quote(file)}" for host in _HOSTS),
        sha256=ending,
        licence="noncommercial, as pyiqa; the terms of the network's authors apply too",
        source=f"{REPOSITORY}: {file}",
        note="" if ending else "no checksum is published: the first downloaded or accepted file is pinned",
        folder="pyiqa",
        aliases={quote(file): ending} if quote(file) != file else {},
        caches=(f"torch:{folder}", f"hf:{REPOSITORY}"),
        approximate_size=_ABOUT.get(file, 0),
    )


# The parameters of Mittal, Soundararajan and Bovik's release. BasicSR ships the same numbers as an npz file.
PRISTINE = github_card(
    "csjunxu/Bovik_NIQE_SPL2013@f6f96d0:modelparameters.mat",
    "fa2aa4d12dd9595c3fb6bf8b4e1a15c79d5d1469238d0901c88dead195be578d",
    8347,
    folder="pyiqa",
    note="NIQE's pristine parameters as its authors released them; BasicSR's niqe_pris_params.npz has the same values",
    aliases={"niqe_pris_params.npz": "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296"},
)


def _clip_card(file: str) -> WeightsCard:
    url = _clip_urls().get(file, "")
    return WeightsCard(
        file,
        urls=(url,) if url else (),
        sha256=url.split("/")[-2] if url else "",
        licence="MIT",
        source=f"openai/CLIP: {file}",
        note="a TorchScript archive, as published" if url else "its address is in the package openai-clip",
        folder="clip",
        caches=("torch:clip",),
        approximate_size=_ABOUT.get(file, 0),
    )


@cache
def _clip_urls() -> Mapping[str, str]:
    """The table of addresses in the installed openai-clip by file name; each address contains the file's SHA-256."""
    spec = find_spec("clip")
    source = None if spec is None or spec.origin is None else Path(spec.origin).with_name("clip.py")
    if source is None or not source.is_file():
        return {}
    # Read instead of imported: its import loads torch and takes seconds.
    for statement in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "_MODELS":
            table: dict[str, str] = ast.literal_eval(statement.value)
            return {url.rpartition("/")[2]: url for url in table.values()}
    return {}


_ABOUT = {
    "ARNIQA.pth": 94_000_000,
    "CLIPIQA+_RN50_512-89f5d940.pth": 320_000,
    "CLIPIQA+_ViTL14_512-e66488f2.pth": 470_000,
    "CNNIQA_koniq10k-e6f14c91.pth": 3_000_000,
    "DBCNN_KonIQ10k-2de81c0a.pth": 61_000_000,
    "DBCNN_scnn-7ea73d75.pth": 3_000_000,
    "HyperIQA-resnet50-koniq10k-c96c41b1.pth": 110_000_000,
    "MANIQA_PIPAL-ae6d356b.pth": 543_000_000,
    "NIMA-spaq-46a7fcb7.pth": 217_000_000,
    "NIMA_InceptionV2_ava-b0c77c00.pth": 218_000_000,
    "NIMA_VGG16_ava-dc4e8265.pth": 59_000_000,
    "NIMA_koniq-250367ae.pth": 217_000_000,
    "P2P_RoIPoolModel-fit.10.bs.120-ca69882e.pth": 47_000_000,
    "RN50.pt": 204_000_000,
    "UNIQUE.pt": 89_000_000,
    "URanker_ckpt-450eb36d.pth": 127_000_000,
    "ViT-B-32.pt": 303_000_000,
    "ViT-L-14.pt": 855_000_000,
    "WaDIQaM-NR-koniq-aaffea29.pth": 21_000_000,
    "cfanet_iaa_ava_res50-3cd62bb3.pth": 294_000_000,
    "cfanet_iaa_ava_swin-393b41b4.pth": 507_000_000,
    "cfanet_nr_flive_res50-ded1c74e.pth": 181_000_000,
    "cfanet_nr_koniq_res50-9a73138b.pth": 181_000_000,
    "cfanet_nr_spaq_res50-a7f799ac.pth": 181_000_000,
    "ckpt_kadid10k.pt": 543_000_000,
    "ckpt_koniq10k.pt": 543_000_000,
    "liqe_koniq.pt": 605_000_000,
    "liqe_mix.pt": 605_000_000,
    "musiq_ava_ckpt-e8d3f067.pth": 109_000_000,
    "musiq_koniq_ckpt-e95806b9.pth": 109_000_000,
    "musiq_paq2piq_ckpt-364c0c84.pth": 109_000_000,
    "musiq_spaq_ckpt-358bb6af.pth": 109_000_000,
    "tres_flive-09b0de5b.pth": 610_000_000,
    "tres_koniq-f0502926.pth": 610_000_000,
}
"""Bytes of the tensors in the files of networks; the files' exact sizes are not published."""

_INF = math.inf
_CLIP = ("clip", "pkg_resources")
_RN50, _VIT_B32, _VIT_L14 = "clip/RN50.pt", "clip/ViT-B-32.pt", "clip/ViT-L-14.pt"
_NIQE, _NRQM, _ARNIQA = "pyiqa/niqe_modelparameters.mat", "pyiqa/NRQM_model.mat", "checkpoints/ARNIQA.pth"


def _one(file: str, low: float = 0, high: float = 1) -> Network:
    return Network((f"pyiqa/{file}",), (low, high))


def _natural(*files: str, smallest: int, high: float = _INF) -> Network:
    return Network(files, (0, high), higher_is_better=False, smallest=smallest)


def _clip_network(*files: str, low: float = 0, high: float = 1, smallest: int = 32) -> Network:
    return Network(files, (low, high), smallest=smallest, packages=_CLIP)


NETWORKS: dict[str, Network] = {
    **{
        name: Network((_ARNIQA, f"pyiqa/regressor_{dataset}.pth"))
        for name, dataset in {
            "arniqa": "koniq10k",
            "arniqa-clive": "clive",
            "arniqa-csiq": "csiq",
            "arniqa-flive": "flive",
            "arniqa-kadid": "kadid10k",
            "arniqa-live": "live",
            "arniqa-spaq": "spaq",
            "arniqa-tid": "tid2013",
        }.items()
    },
    "brisque": _natural("pyiqa/brisque_svm_weights.pth", smallest=32),
    "brisque_matlab": _natural("pyiqa/brisque_matlab.mat", smallest=32),
    "clipiqa": _clip_network(_RN50),
    "clipiqa+": _clip_network(_RN50, "pyiqa/CLIP-IQA+_learned_prompts-603f3273.pth"),
    "clipiqa+_rn50_512": _clip_network(_RN50, "pyiqa/CLIPIQA+_RN50_512-89f5d940.pth"),
    "clipiqa+_vitL14_512": _clip_network(_VIT_L14, "pyiqa/CLIPIQA+_ViTL14_512-e66488f2.pth"),
    "cnniqa": _one("CNNIQA_koniq10k-e6f14c91.pth"),
    "dbcnn": Network(("pyiqa/DBCNN_KonIQ10k-2de81c0a.pth", "pyiqa/DBCNN_scnn-7ea73d75.pth")),
    "entropy": Network(range=(0, 8)),
    "hyperiqa": _one("HyperIQA-resnet50-koniq10k-c96c41b1.pth"),
    "ilniqe": _natural("pyiqa/ILNIQE_templateModel.mat", smallest=32),
    "liqe": _clip_network(_VIT_B32, "pyiqa/liqe_koniq.pt", low=1, high=5, smallest=224),
    "liqe_mix": _clip_network(_VIT_B32, "pyiqa/liqe_mix.pt", low=1, high=5, smallest=224),
    "maniqa": _one("ckpt_koniq10k.pt"),
    "maniqa-kadid": _one("ckpt_kadid10k.pt"),
    "maniqa-pipal": _one("MANIQA_PIPAL-ae6d356b.pth"),
    "musiq": _one("musiq_koniq_ckpt-e95806b9.pth", high=100),
    "musiq-ava": _one("musiq_ava_ckpt-e8d3f067.pth", 1, 10),
    "musiq-paq2piq": _one("musiq_paq2piq_ckpt-364c0c84.pth", high=100),
    "musiq-spaq": _one("musiq_spaq_ckpt-358bb6af.pth", high=100),
    "nima": _one("NIMA_InceptionV2_ava-b0c77c00.pth", high=10),
    "nima-koniq": _one("NIMA_koniq-250367ae.pth"),
    "nima-spaq": _one("NIMA-spaq-46a7fcb7.pth"),
    "nima-vgg16-ava": _one("NIMA_VGG16_ava-dc4e8265.pth", high=10),
    "niqe": _natural(_NIQE, smallest=96),
    "niqe_matlab": _natural("pyiqa/niqe_matlab_params.mat", smallest=96),
    "nrqm": Network((_NRQM,), (0, 10), smallest=64),
    "paq2piq": _one("P2P_RoIPoolModel-fit.10.bs.120-ca69882e.pth", high=100),
    "pi": _natural(_NRQM, _NIQE, smallest=104),
    "piqe": _natural(smallest=16, high=100),
    "qualiclip": _clip_network(_RN50, "pyiqa/QualiCLIP.pth"),
    **{
        f"qualiclip+{suffix}": _clip_network(_RN50, "pyiqa/QualiCLIP.pth", f"pyiqa/QualiCLIP+_{dataset}.pth")
        for suffix, dataset in {"": "koniq", "-clive": "clive", "-flive": "flive", "-spaq": "spaq"}.items()
    },
    "topiq_iaa": _one("cfanet_iaa_ava_swin-393b41b4.pth", 1, 10),
    "topiq_iaa_res50": _one("cfanet_iaa_ava_res50-3cd62bb3.pth", 1, 10),
    "topiq_nr": _one("cfanet_nr_koniq_res50-9a73138b.pth"),
    "topiq_nr-flive": _one("cfanet_nr_flive_res50-ded1c74e.pth"),
    "topiq_nr-spaq": _one("cfanet_nr_spaq_res50-a7f799ac.pth"),
    "tres": _one("tres_koniq-f0502926.pth", high=100),
    "tres-flive": _one("tres_flive-09b0de5b.pth", high=100),
    "unique": _one("UNIQUE.pt", -3, 3),
    "uranker": _one("URanker_ckpt-450eb36d.pth", -1, 2),
    "wadiqam_nr": Network(("pyiqa/WaDIQaM-NR-koniq-aaffea29.pth",), (-1, 0.1), smallest=33),
}
"""By pyiqa's name."""

_SET = "it evaluates a set of images, not a single one"
_LARGE = "it is a language model of several GB that pyiqa downloads itself, partly with remote code"
_FACES = "pyiqa detects faces first, with networks whose files it downloads itself"

LEFT_OUT: dict[str, str] = {
    "afine_nr": "pyiqa downloads its backbone into a separate folder, bypassing the checked files",
    "clipscore": "it compares with a caption",
    "compare2score": _LARGE,
    "fgresq": "pyiqa downloads its backbone from Hugging Face itself",
    "fid": _SET,
    "fid_dinov2": _SET,
    "inception_score": _SET,
    "laion_aes": "openai-clip downloads its backbone itself",
    "maclip": "pyiqa runs it on CUDA devices only",
    "metaiqa": "pyiqa does not check that the file fills the network: random weights could remain",
    "qalign": _LARGE,
    "qalign_4bit": _LARGE,
    "qalign_8bit": _LARGE,
    "qrealign": _LARGE,
    "qrealign-lite": _LARGE,
    "qrealign-mini": _LARGE,
    "qrealign-pro": _LARGE,
    "sfid": _SET,
    "topiq_nr-face": _FACES,
    "topiq_nr-face-v1": _FACES,
    "topiq_nr_swin-face": _FACES,
}
"""No-reference metrics of pyiqa that are not supported, each with the reason. Full-reference ones are not supported
either."""
