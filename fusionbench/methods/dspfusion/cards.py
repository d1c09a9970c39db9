"""Rows of DSPFusion: the paper's size with the official weights, a small one, and the rows of its Table 5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusionbench.methods.card import MethodCard
from fusionbench.weights import WeightsCard

PAPER = (
    "Tang et al., DSPFusion: Image fusion via degradation and semantic dual-prior guidance, IEEE TIP 2026, "
    "arXiv 2503.23355"
)
REPOSITORY = "https://github.com/Linfeng-Tang/DSPFusion"
RELEASE = f"{REPOSITORY}/releases/download/v1.0"
PARTS = {"net_g": 33_660_396, "net_dp": 468_772, "net_sp": 2_456_032, "net_dm": 19_463_556}
"""The networks that were released, and the bytes of their tensors."""

RELEASED = tuple(
    WeightsCard(
        file=f"{part}.pth",
        urls=(f"{RELEASE}/{part}.pth",),
        source=f"Linfeng-Tang/DSPFusion@v1.0, release asset {part}.pth",
        note="no checksum is published",
        folder="dspfusion",
        part=part,
        # A counter of operations left these behind in networks that it had measured.
        unused=("*total_ops", "*total_params"),
        about=size,
    )
    for part, size in PARTS.items()
)
"""The authors' four files, from which an import makes one."""

IMPORTED = WeightsCard(
    file="dspfusion.safetensors",
    source="Linfeng-Tang/DSPFusion@v1.0, the release's four files in one",
    note="made of the authors' net_g, net_dp, net_sp and net_dm by fusionbench weights import dspfusion",
    folder="dspfusion",
    about=sum(PARTS.values()),
)


def _own(name: str) -> WeightsCard:
    return WeightsCard(
        file=f"{name}.safetensors",
        source=f"training of one's own: fusionbench train --method {name}",
        note="no such weights are published",
        folder="dspfusion",
    )


def _row(options: Mapping[str, Any], weights: WeightsCard, note: str) -> MethodCard:
    official = weights is IMPORTED
    return MethodCard(
        "fusionbench.methods.dspfusion.method:DSPFusion",
        "learned",
        PAPER,
        REPOSITORY,
        "none stated",
        options=options,
        weights=(weights,),
        note=note,
        published=RELEASED if official else (),
        importer="fusionbench.methods.dspfusion.official:import_official" if official else "",
    )


_ABLATIONS: dict[str, tuple[Mapping[str, Any], str]] = {
    "no-degradation": ({"use_dpen": False}, "Table 5, III: without degradation priors"),
    "no-priors": ({"use_dpen": False, "use_spen": False}, "Table 5, I: without priors; one phase of training"),
    "no-semantic": ({"use_spen": False}, "Table 5, II: without semantic priors; one phase of training"),
}

_STUDIES: dict[str, tuple[Mapping[str, Any], str]] = {
    **_ABLATIONS,
    **{f"t{steps}": ({"steps": steps}, f"Fig. 12, {steps} sampling steps") for steps in (1, 5, 20)},
}
"""What the paper varies, by suffix; ten steps are its choice."""

DSPFUSION = {
    "dspfusion": _row(
        {"stretch": True}, IMPORTED, "the official weights; every image stretched to [0, 1] as published"
    ),
    **{
        f"dspfusion-{suffix}": _row(options, _own(f"dspfusion-{suffix}"), note)
        for suffix, (options, note) in _STUDIES.items()
    },
    "dspfusion-s": _row({"size": "small"}, _own("dspfusion-s"), "a million parameters; trains on a CPU"),
    **{
        f"dspfusion-s-{suffix}": _row({"size": "small", **options}, _own(f"dspfusion-s-{suffix}"), note)
        for suffix, (options, note) in _STUDIES.items()
    },
    "dspfusion-unstretched": _row({}, IMPORTED, "the official weights; images as the network gives them"),
}
"""Sorted by name."""
