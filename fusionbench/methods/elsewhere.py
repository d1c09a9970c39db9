"""Rows of methods that run outside this package: a folder of their images, or a command that makes them."""

from __future__ import annotations

from fusionbench.methods.card import MethodCard


def _row(name: str, paper: str, repository: str, licence: str = "none stated", note: str = "") -> MethodCard:
    return MethodCard(
        "fusionbench.methods.baselines.external:External",
        "external",
        paper,
        repository,
        licence,
        options={"name": name, "repository": repository},
        note=note,
    )


EXTERNAL = {
    "dafusion": _row(
        "dafusion",
        "Wang et al., A degradation-aware guided fusion network for infrared and visible image, "
        "Information Fusion 118, 2025",
        "https://github.com/wang-x-1997/DAFusion",
    ),
    "dcinn": _row(
        "dcinn",
        "Wang et al., A general paradigm with detail-preserving conditional invertible network for image fusion, "
        "IJCV 2023",
        "https://github.com/wwhappylife/DCINN",
    ),
    "ddfm": _row(
        "ddfm",
        "Zhao et al., DDFM: Denoising diffusion model for multi-modality image fusion, ICCV 2023",
        "https://github.com/Zhaozixiang1228/MMIF-DDFM",
    ),
    "defusion": _row(
        "defusion",
        "Liang et al., Fusion from decomposition: A self-supervised decomposition approach for image fusion, ECCV 2022",
        "https://github.com/erfect2020/DecompositionForFusion",
    ),
    "emma": _row(
        "emma",
        "Zhao et al., Equivariant multi-modality image fusion, CVPR 2024",
        "https://github.com/Zhaozixiang1228/MMIF-EMMA",
    ),
    "external": MethodCard(
        "fusionbench.methods.baselines.external:External",
        "external",
        "any method: its fused images in a folder, or its command",
        options={"name": "external"},
    ),
    "fusionbooster": _row(
        "fusionbooster",
        "Cheng et al., FusionBooster: A unified image fusion boosting paradigm, IJCV 2024",
        "https://github.com/AWCXV/FusionBooster",
        "MIT",
    ),
    "gtmfuse": _row(
        "gtmfuse",
        "Mei et al., GTMFuse: Group-attention transformer-driven multiscale dense feature-enhanced network, "
        "Knowledge-Based Systems 293, 2024",
        "https://github.com/XingLongH/GTMFuse",
    ),
    "mask-difuser": _row(
        "mask-difuser",
        "Tang, Li, Ma, Mask-DiFuser: A masked diffusion model for unified unsupervised image fusion, IEEE TPAMI 2025",
        "https://github.com/Linfeng-Tang/Mask-DiFuser",
    ),
    "metafusion": _row(
        "metafusion",
        "Zhao et al., MetaFusion: Infrared and visible image fusion via meta-feature embedding from object detection, "
        "CVPR 2023",
        "https://github.com/wdzhao123/MetaFusion",
    ),
    "murf": _row(
        "murf",
        "Xu, Yuan, Ma, MURF: Mutually reinforcing multi-modal image registration and fusion, IEEE TPAMI 45(10), 2023",
        "https://github.com/hanna-xu/MURF",
    ),
    "paif": _row(
        "paif",
        "Liu et al., PAIF: Perception-aware infrared-visible image fusion for attack-tolerant semantic segmentation, "
        "ACM MM 2023",
        "https://github.com/LiuZhu-CV/PAIF",
    ),
    "rffusion": _row(
        "rffusion",
        "Wang et al., Efficient rectified flow for image fusion, NeurIPS 2025",
        "https://github.com/zirui0625/RFfusion",
        "MIT",
    ),
    "segmif": _row(
        "segmif",
        "Liu et al., Multi-interactive feature learning and a full-time multi-modality benchmark for image fusion and "
        "segmentation, ICCV 2023",
        "https://github.com/JinyuanLiu-CV/SegMiF",
    ),
    "text-difuse": _row(
        "text-difuse",
        "Zhang, Cao, Ma, Text-DiFuse: An interactive multi-modal image fusion framework based on text-modulated "
        "diffusion model, NeurIPS 2024",
        "https://github.com/Leiii-Cao/Text-DiFuse",
        "MIT",
    ),
    "text-if": _row(
        "text-if",
        "Yi et al., Text-IF: Leveraging semantic text guidance for degradation-aware and interactive image fusion, "
        "CVPR 2024",
        "https://github.com/XunpengYi/Text-IF",
        "MIT",
    ),
    "u2fusion": _row(
        "u2fusion",
        "Xu et al., U2Fusion: A unified unsupervised image fusion network, IEEE TPAMI 44(1), 2022",
        "https://github.com/hanna-xu/U2Fusion",
        note="the official weights are TensorFlow's",
    ),
    "vdmufusion": _row(
        "vdmufusion",
        "Shi et al., VDMUFusion: A versatile diffusion model-based unsupervised framework for image fusion, IEEE TIP",
        "https://github.com/yuliu316316/VDMUFusion",
        "free for research only",
    ),
}
"""The methods that run elsewhere, sorted by name."""
