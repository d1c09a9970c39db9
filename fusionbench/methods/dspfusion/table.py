"""Rows of DSPFusion: the paper's size with the official weights, a small one, and the rows of its Table 5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusionbench.methods.card import MethodCard, Variant, own_weights, studied, training_of
from fusionbench.weights.card import WeightsCard

PAPER = (
    "Tang et al., DSPFusion: Image fusion via degradation and semantic dual-prior guidance, IEEE TIP 2026, "
    "arXiv 2503.23355"
)
REPOSITORY = "https://github.com/Linfeng-Tang/DSPFusion"
RELEASE = f"{REPOSITORY}/releases/download/v1.0"
PARTS = {"net_g": 33_660_396, "net_dp": 468_772, "net_sp": 2_456_032, "net_dm": 19_463_556}
"""The released networks, and the bytes of their tensors."""

RELEASED = tuple(
    WeightsCard(
        file=f"{part}.pth",
        urls=(f"{RELEASE}/{part}.pth",),
        source=f"Linfeng-Tang/DSPFusion@v1.0, release asset {part}.pth",
        note="no checksum is published",
        folder="dspfusion",
        submodule=part,
        # An operation counter left these behind in networks that it had profiled.
        ignored_keys=("*total_ops", "*total_params"),
        approximate_size=size,
    )
    for part, size in PARTS.items()
)
"""The authors' four files, which an import merges into one."""

IMPORTED = WeightsCard(
    file="dspfusion.safetensors",
    source="Linfeng-Tang/DSPFusion@v1.0, the release's four files in one",
    note="merged from the authors' net_g, net_dp, net_sp and net_dm by fusionbench weights import dspfusion",
    folder="dspfusion",
    approximate_size=sum(PARTS.values()),
)

RECIPES = {"dspfusion": "dspfusion", "dspfusion-unstretched": "dspfusion", "dspfusion-s": "dspfusion-s"}
"""Recipes that come with the package, by method."""


def _row(name: str, options: Mapping[str, Any], note: str) -> MethodCard:
    official = name in ("dspfusion", "dspfusion-unstretched")
    return MethodCard(
        "fusionbench.methods.dspfusion.method:DSPFusion",
        "learned",
        PAPER,
        REPOSITORY,
        "none stated",
        options=options,
        weights=(IMPORTED if official else own_weights(name, RECIPES, "dspfusion"),),
        note=note,
        published=RELEASED if official else (),
        importer="fusionbench.methods.dspfusion.import_weights:import_official" if official else "",
        starter="fusionbench.methods.dspfusion.import_weights:start_official" if official else "",
        training=training_of(name, RECIPES),
    )


_STUDIES: dict[str, Variant] = {
    "no-degradation": ({"use_dpen": False}, "Table 5, III: without degradation priors"),
    "no-priors": ({"use_dpen": False, "use_spen": False}, "Table 5, I: without priors; one phase of training"),
    "no-semantic": ({"use_spen": False}, "Table 5, II: without semantic priors; one phase of training"),
    **{f"t{steps}": ({"steps": steps}, f"Fig. 12, {steps} sampling steps") for steps in (1, 5, 20)},
}
"""Variations in the paper, by suffix; its default is ten steps."""

_SIZES: dict[str, Variant] = {
    "dspfusion": ({"stretch": True}, "the official weights; every image stretched to [0, 1] as published"),
    "dspfusion-s": ({"size": "small"}, "a million parameters; trains on a CPU"),
    "dspfusion-unstretched": ({}, "the official weights; images not stretched"),
}

_BASES: dict[str, dict[str, str]] = {"dspfusion": {}, "dspfusion-s": {"size": "small"}}
DSPFUSION = {name: _row(name, *variant) for name, variant in sorted((_SIZES | studied(_BASES, _STUDIES)).items())}
"""Sorted by name."""
