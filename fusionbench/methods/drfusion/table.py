"""Rows of DRFusion: two sizes, both tasks, and the paper's studies of the constraint and of the number of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusionbench.methods.card import MethodCard, Variant, own_weights, studied, training_of
from fusionbench.weights.card import WeightsCard

PAPER = (
    "Shi, Liu, Wu, Cheng, Li, Chen, Degradation-robust fusion: An efficient degradation-aware diffusion framework for "
    "multimodal image fusion in arbitrary degradation scenarios"
)
REPOSITORY = "https://github.com/YShi-cool/DRFusion"

RELEASED = WeightsCard(
    file="net_params.pkl",
    source="YShi-cool/DRFusion@9954f17, one file per dataset and scenario",
    note="the README of YShi-cool/DRFusion links folders on Google Drive, one per dataset and scenario, which need a "
    "browser; no checksum is published",
    folder="drfusion",
)
"""The authors' file of one scenario."""

IMPORTED = WeightsCard(
    file="drfusion.safetensors",
    source="YShi-cool/DRFusion@9954f17, one of the authors' net_params.pkl",
    note="converted from it by fusionbench weights import drfusion; each dataset and scenario has its own file",
    folder="drfusion",
    approximate_size=127_092_484,  # of the network's tensors
    per_cell="{dataset}-{degradation}.safetensors",
)

_SIZES: dict[str, Variant] = {
    "drfusion": ({"size": "paper"}, "the released network, 31.8 million parameters"),
    "drfusion-s": ({"size": "small"}, "a million parameters; trains on a CPU"),
}

_COLOURED: Variant = (
    {"size": "paper", "colour": "released"},
    "the released network, with the colour of the released script, which swaps the chroma on the way",
)

_STUDIES: dict[str, Variant] = {
    "medical": ({"objective": "medical"}, "trained for medical pairs"),
    **{f"t{steps}": ({"steps": steps}, f"Table 5, T = {steps}") for steps in (1, 2, 4, 5)},
    "unconstrained": ({"constrained": False}, "Table 3, w/o constraint: no step is corrected by the observations"),
}


RENAMED = {"every_step": "deep_supervision", "quiet_start": "zero_init", "recompute": "checkpointing"}
"""Options by the names that they had in version 0.1.0."""

RECIPES = {"drfusion": "drfusion-ivif", "drfusion-medical": "drfusion-medical", "drfusion-s": "drfusion-s"}
"""Recipes that come with the package, by method."""


def _row(name: str, options: Mapping[str, Any], note: str) -> MethodCard:
    official = name in ("drfusion", "drfusion-released-colour")
    return MethodCard(
        "fusionbench.methods.drfusion.method:DRFusion",
        "learned",
        PAPER,
        REPOSITORY,
        "none stated",
        options=options,
        renamed=RENAMED,
        weights=(IMPORTED if official else own_weights(name, RECIPES, "drfusion"),),
        note=f"{note}; inverts the degradation, which must be given",
        published=(RELEASED,) if official else (),
        importer="fusionbench.methods.drfusion.import_weights:import_official" if official else "",
        starter="fusionbench.methods.drfusion.import_weights:start_official" if official else "",
        training=training_of(name, RECIPES),
        inverts=True,
    )


_BASES = {name: options for name, (options, _) in _SIZES.items()}
_ROWS = _SIZES | studied(_BASES, _STUDIES) | {"drfusion-released-colour": _COLOURED}
DRFUSION = {name: _row(name, *variant) for name, variant in sorted(_ROWS.items())}
"""Sorted by name."""
