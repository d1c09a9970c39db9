"""Rows of the baselines: classical methods, networks with their authors' weights, methods that run elsewhere."""

from __future__ import annotations

from fusionbench.methods.card import MethodCard
from fusionbench.weights.card import github_card

_IFCNN = "Zhang et al., IFCNN: A general image fusion framework based on CNN, Information Fusion 54, 2020"
_DENSEFUSE = "Li, Wu, DenseFuse: A fusion approach to infrared and visible images, IEEE TIP 28(5), 2019"
_MUFUSION = "Cheng, Xu, Wu, MUFusion: A general unsupervised image fusion network, Information Fusion 92, 2023"
_UNLICENSED = "none stated"

LEARNED = {
    "cscfuse": MethodCard(
        "fusionbench.methods.baselines.cscfuse:CSCFuse",
        "learned",
        "Zhao et al., Deep convolutional sparse coding networks for interpretable image fusion, CVPR Workshops 2023",
        "https://github.com/Zhaozixiang1228/IF-CSCFuse",
        _UNLICENSED,
        weights=(
            github_card(
                "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Base_Train.model",
                "2e713c27a9491158bb7cc99da221542172c96ef8679f907d7d5e3adeddb24fce",
                62109,
                submodule="base",
            ),
            github_card(
                "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Detail_Train.model",
                "34abf7bf7932b0dc8ec08436df8a621a18baed984987d773e73b29ca5967f278",
                62620,
                submodule="detail",
            ),
            github_card(
                "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Decoder.model",
                "40ef7eb5fbd776843677990b808ba39aaaf8356f7ba674e4eaa0ee1b97879829",
                96345,
                submodule="decoder",
            ),
        ),
    ),
    "datfuse": MethodCard(
        "fusionbench.methods.baselines.datfuse:DATFuse",
        "learned",
        "Tang et al., DATFuse: Infrared and visible image fusion via dual attention transformer, IEEE TCSVT 33, 2023",
        "https://github.com/tthinking/DATFuse",
        _UNLICENSED,
        weights=(
            github_card(
                "tthinking/DATFuse@0cd93f1:model_10.pth",
                "075b636954cbd425fc29be808bcfb42232e29b203f054c2a637ed301300d5a1d",
                65189,
                submodule="network",
                ignored_keys=("patch_embed.*", "*.relative_position_*"),
            ),
        ),
    ),
    "densefuse": MethodCard(
        "fusionbench.methods.baselines.densefuse:DenseFuse",
        "learned",
        _DENSEFUSE,
        "https://github.com/hli1221/densefuse-pytorch",
        _UNLICENSED,
        weights=(
            github_card(
                "hli1221/densefuse-pytorch@4394b63:models/densefuse_gray.model",
                "b34cf3650f04161b31ac2467decfeedf7eba39165b7618f846e0f298ecd2ac65",
                300413,
                submodule="network",
            ),
        ),
        note="luma; the authors' PyTorch port, whose weights are not those of the paper's TensorFlow version",
    ),
    "densefuse-rgb": MethodCard(
        "fusionbench.methods.baselines.densefuse:DenseFuse",
        "learned",
        _DENSEFUSE,
        "https://github.com/hli1221/densefuse-pytorch",
        _UNLICENSED,
        options={"color": True},
        weights=(
            github_card(
                "hli1221/densefuse-pytorch@4394b63:models/densefuse_rgb.model",
                "d1829f47c0ff02ecfc294907655384eebc911a00deb89b91e354ae47c8728ea5",
                302727,
                folder="densefuse",
                submodule="network",
            ),
        ),
        note="colour in, colour out",
    ),
    "ifcnn": MethodCard(
        "fusionbench.methods.baselines.ifcnn:IFCNN",
        "learned",
        _IFCNN,
        "https://github.com/uzeful/IFCNN",
        _UNLICENSED,
        options={"merge": "max"},
        weights=(
            github_card(
                "uzeful/IFCNN@8fe59c2:Code/snapshots/IFCNN-MAX.pth",
                "6022b44c88a2f0367ba9b08fcdf0d663745d9a966fca0ee1f41867797b6ff53f",
                337094,
                submodule="network",
            ),
        ),
        note="element-wise maximum, the paper's rule for infrared and visible images",
    ),
    "ifcnn-mean": MethodCard(
        "fusionbench.methods.baselines.ifcnn:IFCNN",
        "learned",
        _IFCNN,
        "https://github.com/uzeful/IFCNN",
        _UNLICENSED,
        options={"merge": "mean"},
        weights=(
            github_card(
                "uzeful/IFCNN@8fe59c2:Code/snapshots/IFCNN-MEAN.pth",
                "fd2ee9361f1d428fc9749e28e8a2c5c5ef6ce6528ab6f5ad8ef5def42e7ffa4b",
                337079,
                folder="ifcnn",
                submodule="network",
            ),
        ),
        note="element-wise mean",
    ),
    "ifcnn-sum": MethodCard(
        "fusionbench.methods.baselines.ifcnn:IFCNN",
        "learned",
        _IFCNN,
        "https://github.com/uzeful/IFCNN",
        _UNLICENSED,
        options={"merge": "sum"},
        weights=(
            github_card(
                "uzeful/IFCNN@8fe59c2:Code/snapshots/IFCNN-SUM.pth",
                "a8c1d293f1bf16a93e6244a4bf8f7a7bd300dc10555c8597ad7ef3320b0410cb",
                337107,
                folder="ifcnn",
                submodule="network",
            ),
        ),
        note="element-wise sum",
    ),
    "lrrnet": MethodCard(
        "fusionbench.methods.baselines.lrrnet:LRRNet",
        "learned",
        "Li et al., LRRNet: A novel representation learning guided fusion network, IEEE TPAMI 45(9), 2023",
        "https://github.com/hli1221/imagefusion-LRRNet",
        _UNLICENSED,
        weights=(
            github_card(
                "hli1221/imagefusion-LRRNet@e489fc3:model/"
                "final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model",
                "1de9dd8dee9b650ce69c74ea53e3b9a6b749222f1059a689aabf28f68ee63e29",
                218515,
                submodule="network",
            ),
        ),
    ),
    "mmdrfuse": MethodCard(
        "fusionbench.methods.baselines.mmdrfuse:MMDRFuse",
        "learned",
        "Deng et al., MMDRFuse: Distilled mini-model with dynamic refresh, ACM MM 2024",
        "https://github.com/yanglinDeng/MMDRFuse",
        _UNLICENSED,
        weights=(
            github_card(
                "yanglinDeng/MMDRFuse@c9e5014:pretrained_models/student.model",
                "e5ad5bab796f4480dbbc35a8f6f63e69ba3ccd1842476d2c2453ca1aca6eb17c",
                2207,
                submodule="network",
            ),
        ),
    ),
    "mufusion": MethodCard(
        "fusionbench.methods.baselines.mufusion:MUFusion",
        "learned",
        _MUFUSION,
        "https://github.com/AWCXV/MUFusion",
        "MIT",
        weights=(
            github_card(
                "AWCXV/MUFusion@223134e:ir_vis/models/TNO.model",
                "5d96ad1812c61e005edb439c85e341bac91c7bf275f1a41cd20a0a62769b2dbb",
                2227655,
                licence="MIT",
                submodule="network",
            ),
        ),
        note="the file that the authors trained for TNO",
    ),
    "seafusion": MethodCard(
        "fusionbench.methods.baselines.seafusion:SeAFusion",
        "learned",
        "Tang, Yuan, Ma, Image fusion in the loop of high-level vision tasks, Information Fusion 82, 2022",
        "https://github.com/Linfeng-Tang/SeAFusion",
        "MIT",
        weights=(
            github_card(
                "Linfeng-Tang/VIF-Benchmark@23f2e51:Checkpoint/SeAFusion/SeAFusion.pth",
                "8d65a7f9a50f36349803368cf9920f40420776995e7e8cc8a56d8d30e499431d",
                682043,
                licence="MIT",
                submodule="network",
                ignored_keys=("decode?.bn.*",),
                note="published again by the same author; the file's batch normalisation was never applied",
            ),
        ),
    ),
}
"""The learned baselines, sorted by name."""


CLASSICAL = {
    "adf": MethodCard(
        "fusionbench.methods.baselines.classical:AnisotropicDiffusion",
        "classical",
        "Bavirisetti, Dhuli, Fusion of infrared and visible sensor images based on anisotropic diffusion and "
        "Karhunen-Loeve transform, IEEE Sensors Journal 16(1), 2016",
    ),
    "average": MethodCard("fusionbench.methods.baselines.classical:Average", "classical", "mean of the two lumas"),
    "dwt": MethodCard(
        "fusionbench.methods.baselines.classical:DiscreteWavelet",
        "classical",
        "Li, Manjunath, Mitra, Multisensor image fusion using the wavelet transform, "
        "Graphical Models and Image Processing 57(3), 1995",
    ),
    "gff": MethodCard(
        "fusionbench.methods.baselines.classical:GuidedFilter",
        "classical",
        "Li, Kang, Hu, Image fusion with guided filtering, IEEE TIP 22(7), 2013",
    ),
    "lap": MethodCard(
        "fusionbench.methods.baselines.classical:LaplacianPyramid",
        "classical",
        "Burt, Adelson, The Laplacian pyramid as a compact image code, IEEE Trans. Communications 31(4), 1983",
    ),
    "max": MethodCard(
        "fusionbench.methods.baselines.classical:Maximum", "classical", "larger of the two lumas, pixel by pixel"
    ),
}


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
