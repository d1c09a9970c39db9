"""Rows of the baselines: classical methods, networks with their authors' weights, external methods."""

from __future__ import annotations

from typing import Any

from fusionbench.methods.card import MethodCard
from fusionbench.weights.card import WeightsCard, github_card

_IFCNN = "Zhang et al., IFCNN: A general image fusion framework based on CNN, Information Fusion 54, 2020"
_DENSEFUSE = "Li, Wu, DenseFuse: A fusion approach to infrared and visible images, IEEE TIP 28(5), 2019"
_MUFUSION = "Cheng, Xu, Wu, MUFusion: A general unsupervised image fusion network, Information Fusion 92, 2023"


def _network(target: str, paper: str, repository: str, *files: WeightsCard, **details: Any) -> MethodCard:
    """A network that reads its authors' weights.

    Args:
        target: below this folder, as 'module:Class'.
        repository: on GitHub.
        files: what it reads.
        details: the card's other fields.
    """
    known = {"licence": "none stated", "weights": files, **details}
    return MethodCard(f"{__package__}.{target}", "learned", paper, f"https://github.com/{repository}", **known)


def _file(source: str, sha256: str, size: int, *, submodule: str = "network", **details: Any) -> WeightsCard:
    return github_card(source, sha256, size, submodule=submodule, **details)


LEARNED = {
    "cscfuse": _network(
        "cscfuse:CSCFuse",
        "Zhao et al., Deep convolutional sparse coding networks for interpretable image fusion, CVPR Workshops 2023",
        "Zhaozixiang1228/IF-CSCFuse",
        _file(
            "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Base_Train.model",
            "2e713c27a9491158bb7cc99da221542172c96ef8679f907d7d5e3adeddb24fce",
            62109,
            submodule="base",
        ),
        _file(
            "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Detail_Train.model",
            "34abf7bf7932b0dc8ec08436df8a621a18baed984987d773e73b29ca5967f278",
            62620,
            submodule="detail",
        ),
        _file(
            "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Decoder.model",
            "40ef7eb5fbd776843677990b808ba39aaaf8356f7ba674e4eaa0ee1b97879829",
            96345,
            submodule="decoder",
        ),
    ),
    "datfuse": _network(
        "datfuse:DATFuse",
        "Tang et al., DATFuse: Infrared and visible image fusion via dual attention transformer, IEEE TCSVT 33, 2023",
        "tthinking/DATFuse",
        _file(
            "tthinking/DATFuse@0cd93f1:model_10.pth",
            "075b636954cbd425fc29be808bcfb42232e29b203f054c2a637ed301300d5a1d",
            65189,
            ignored_keys=("patch_embed.*", "*.relative_position_*"),
        ),
    ),
    "densefuse": _network(
        "densefuse:DenseFuse",
        _DENSEFUSE,
        "hli1221/densefuse-pytorch",
        _file(
            "hli1221/densefuse-pytorch@4394b63:models/densefuse_gray.model",
            "b34cf3650f04161b31ac2467decfeedf7eba39165b7618f846e0f298ecd2ac65",
            300413,
        ),
        note="luma; the authors' PyTorch port, whose weights differ from the paper's TensorFlow version",
    ),
    "densefuse-rgb": _network(
        "densefuse:DenseFuse",
        _DENSEFUSE,
        "hli1221/densefuse-pytorch",
        _file(
            "hli1221/densefuse-pytorch@4394b63:models/densefuse_rgb.model",
            "d1829f47c0ff02ecfc294907655384eebc911a00deb89b91e354ae47c8728ea5",
            302727,
            folder="densefuse",
        ),
        options={"color": True},
        note="colour in, colour out",
    ),
    "ifcnn": _network(
        "ifcnn:IFCNN",
        _IFCNN,
        "uzeful/IFCNN",
        _file(
            "uzeful/IFCNN@8fe59c2:Code/snapshots/IFCNN-MAX.pth",
            "6022b44c88a2f0367ba9b08fcdf0d663745d9a966fca0ee1f41867797b6ff53f",
            337094,
        ),
        options={"merge": "max"},
        note="element-wise maximum, the paper's rule for infrared and visible images",
    ),
    "ifcnn-mean": _network(
        "ifcnn:IFCNN",
        _IFCNN,
        "uzeful/IFCNN",
        _file(
            "uzeful/IFCNN@8fe59c2:Code/snapshots/IFCNN-MEAN.pth",
            "fd2ee9361f1d428fc9749e28e8a2c5c5ef6ce6528ab6f5ad8ef5def42e7ffa4b",
            337079,
            folder="ifcnn",
        ),
        options={"merge": "mean"},
        note="element-wise mean",
    ),
    "ifcnn-sum": _network(
        "ifcnn:IFCNN",
        _IFCNN,
        "uzeful/IFCNN",
        _file(
            "uzeful/IFCNN@8fe59c2:Code/snapshots/IFCNN-SUM.pth",
            "a8c1d293f1bf16a93e6244a4bf8f7a7bd300dc10555c8597ad7ef3320b0410cb",
            337107,
            folder="ifcnn",
        ),
        options={"merge": "sum"},
        note="element-wise sum",
    ),
    "lrrnet": _network(
        "lrrnet:LRRNet",
        "Li et al., LRRNet: A novel representation learning guided fusion network, IEEE TPAMI 45(9), 2023",
        "hli1221/imagefusion-LRRNet",
        _file(
            "hli1221/imagefusion-LRRNet@e489fc3:model/"
            "final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model",
            "1de9dd8dee9b650ce69c74ea53e3b9a6b749222f1059a689aabf28f68ee63e29",
            218515,
        ),
    ),
    "mmdrfuse": _network(
        "mmdrfuse:MMDRFuse",
        "Deng et al., MMDRFuse: Distilled mini-model with dynamic refresh, ACM MM 2024",
        "yanglinDeng/MMDRFuse",
        _file(
            "yanglinDeng/MMDRFuse@c9e5014:pretrained_models/student.model",
            "e5ad5bab796f4480dbbc35a8f6f63e69ba3ccd1842476d2c2453ca1aca6eb17c",
            2207,
        ),
    ),
    "mufusion": _network(
        "mufusion:MUFusion",
        _MUFUSION,
        "AWCXV/MUFusion",
        _file(
            "AWCXV/MUFusion@223134e:ir_vis/models/TNO.model",
            "5d96ad1812c61e005edb439c85e341bac91c7bf275f1a41cd20a0a62769b2dbb",
            2227655,
            licence="MIT",
        ),
        licence="MIT",
        note="the file that the authors trained for TNO",
    ),
    "seafusion": _network(
        "seafusion:SeAFusion",
        "Tang, Yuan, Ma, Image fusion in the loop of high-level vision tasks, Information Fusion 82, 2022",
        "Linfeng-Tang/SeAFusion",
        _file(
            "Linfeng-Tang/VIF-Benchmark@23f2e51:Checkpoint/SeAFusion/SeAFusion.pth",
            "8d65a7f9a50f36349803368cf9920f40420776995e7e8cc8a56d8d30e499431d",
            682043,
            licence="MIT",
            ignored_keys=("decode?.bn.*",),
            note="published again by the same author; the file's batch normalisation is never applied",
        ),
        licence="MIT",
    ),
}
"""The learned baselines, sorted by name."""


CLASSICAL = {
    "adf": MethodCard(
        f"{__package__}.classical:AnisotropicDiffusion",
        "classical",
        "Bavirisetti, Dhuli, Fusion of infrared and visible sensor images based on anisotropic diffusion and "
        "Karhunen-Loeve transform, IEEE Sensors Journal 16(1), 2016",
    ),
    "average": MethodCard(f"{__package__}.classical:Average", "classical", "mean of the two lumas"),
    "dwt": MethodCard(
        f"{__package__}.classical:DiscreteWavelet",
        "classical",
        "Li, Manjunath, Mitra, Multisensor image fusion using the wavelet transform, "
        "Graphical Models and Image Processing 57(3), 1995",
    ),
    "gff": MethodCard(
        f"{__package__}.classical:GuidedFilter",
        "classical",
        "Li, Kang, Hu, Image fusion with guided filtering, IEEE TIP 22(7), 2013",
    ),
    "lap": MethodCard(
        f"{__package__}.classical:LaplacianPyramid",
        "classical",
        "Burt, Adelson, The Laplacian pyramid as a compact image code, IEEE Trans. Communications 31(4), 1983",
    ),
    "max": MethodCard(f"{__package__}.classical:Maximum", "classical", "larger of the two lumas, pixel by pixel"),
}


def _external(name: str, paper: str, repository: str, licence: str = "none stated", note: str = "") -> MethodCard:
    address = f"https://github.com/{repository}"
    options = {"name": name, "repository": address}
    return MethodCard(f"{__package__}.external:External", "external", paper, address, licence, options, note=note)


EXTERNAL = {
    "dafusion": _external(
        "dafusion",
        "Wang et al., A degradation-aware guided fusion network for infrared and visible image, "
        "Information Fusion 118, 2025",
        "wang-x-1997/DAFusion",
    ),
    "dcinn": _external(
        "dcinn",
        "Wang et al., A general paradigm with detail-preserving conditional invertible network for image fusion, "
        "IJCV 2023",
        "wwhappylife/DCINN",
    ),
    "ddfm": _external(
        "ddfm",
        "Zhao et al., DDFM: Denoising diffusion model for multi-modality image fusion, ICCV 2023",
        "Zhaozixiang1228/MMIF-DDFM",
    ),
    "defusion": _external(
        "defusion",
        "Liang et al., Fusion from decomposition: A self-supervised decomposition approach for image fusion, ECCV 2022",
        "erfect2020/DecompositionForFusion",
    ),
    "emma": _external(
        "emma", "Zhao et al., Equivariant multi-modality image fusion, CVPR 2024", "Zhaozixiang1228/MMIF-EMMA"
    ),
    "external": MethodCard(
        f"{__package__}.external:External",
        "external",
        "any method, by its fused images in a folder or its command",
        options={"name": "external"},
    ),
    "fusionbooster": _external(
        "fusionbooster",
        "Cheng et al., FusionBooster: A unified image fusion boosting paradigm, IJCV 2024",
        "AWCXV/FusionBooster",
        "MIT",
    ),
    "gtmfuse": _external(
        "gtmfuse",
        "Mei et al., GTMFuse: Group-attention transformer-driven multiscale dense feature-enhanced network, "
        "Knowledge-Based Systems 293, 2024",
        "XingLongH/GTMFuse",
    ),
    "mask-difuser": _external(
        "mask-difuser",
        "Tang, Li, Ma, Mask-DiFuser: A masked diffusion model for unified unsupervised image fusion, IEEE TPAMI 2025",
        "Linfeng-Tang/Mask-DiFuser",
    ),
    "metafusion": _external(
        "metafusion",
        "Zhao et al., MetaFusion: Infrared and visible image fusion via meta-feature embedding from object detection, "
        "CVPR 2023",
        "wdzhao123/MetaFusion",
    ),
    "murf": _external(
        "murf",
        "Xu, Yuan, Ma, MURF: Mutually reinforcing multi-modal image registration and fusion, IEEE TPAMI 45(10), 2023",
        "hanna-xu/MURF",
    ),
    "paif": _external(
        "paif",
        "Liu et al., PAIF: Perception-aware infrared-visible image fusion for attack-tolerant semantic segmentation, "
        "ACM MM 2023",
        "LiuZhu-CV/PAIF",
    ),
    "rffusion": _external(
        "rffusion", "Wang et al., Efficient rectified flow for image fusion, NeurIPS 2025", "zirui0625/RFfusion", "MIT"
    ),
    "segmif": _external(
        "segmif",
        "Liu et al., Multi-interactive feature learning and a full-time multi-modality benchmark for image fusion and "
        "segmentation, ICCV 2023",
        "JinyuanLiu-CV/SegMiF",
    ),
    "text-difuse": _external(
        "text-difuse",
        "Zhang, Cao, Ma, Text-DiFuse: An interactive multi-modal image fusion framework based on text-modulated "
        "diffusion model, NeurIPS 2024",
        "Leiii-Cao/Text-DiFuse",
        "MIT",
    ),
    "text-if": _external(
        "text-if",
        "Yi et al., Text-IF: Leveraging semantic text guidance for degradation-aware and interactive image fusion, "
        "CVPR 2024",
        "XunpengYi/Text-IF",
        "MIT",
    ),
    "u2fusion": _external(
        "u2fusion",
        "Xu et al., U2Fusion: A unified unsupervised image fusion network, IEEE TPAMI 44(1), 2022",
        "hanna-xu/U2Fusion",
        note="the official weights are for TensorFlow",
    ),
    "vdmufusion": _external(
        "vdmufusion",
        "Shi et al., VDMUFusion: A versatile diffusion model-based unsupervised framework for image fusion, IEEE TIP",
        "yuliu316316/VDMUFusion",
        "free for research only",
    ),
}
"""The methods that run outside this package, sorted by name."""
