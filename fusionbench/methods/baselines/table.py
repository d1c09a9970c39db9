"""Rows of the learned baselines: native networks that read the authors' own weight files."""

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
                part="base",
            ),
            github_card(
                "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Detail_Train.model",
                "34abf7bf7932b0dc8ec08436df8a621a18baed984987d773e73b29ca5967f278",
                62620,
                part="detail",
            ),
            github_card(
                "Zhaozixiang1228/IF-CSCFuse@cc50059:CSC-IVF/Train_result/LISTA_Decoder.model",
                "40ef7eb5fbd776843677990b808ba39aaaf8356f7ba674e4eaa0ee1b97879829",
                96345,
                part="decoder",
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
                part="network",
                unused=("patch_embed.*", "*.relative_position_*"),
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
                part="network",
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
                part="network",
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
                part="network",
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
                part="network",
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
                part="network",
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
                part="network",
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
                part="network",
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
                part="network",
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
                part="network",
                unused=("decode?.bn.*",),
                note="published again by the same author; the file's batch normalisation was never applied",
            ),
        ),
    ),
}
"""The learned baselines, sorted by name."""
