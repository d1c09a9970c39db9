"""Rows of LURE: three sizes, the paper's text encoder, and the ablations of its Table 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusionbench.methods.card import MethodCard, Variant, own_weights, studied, training_of

PAPER = (
    "Ma, Li, Cheng, Zhang, Shen, Song, Wu, Learning a unified degradation-aware representation model for multi-modal "
    "image fusion, arXiv 2503.07033v2, 2025"
)

DISTILBERT = "distilbert-base-uncased"
"""The paper's language model, on Hugging Face."""

RECIPES = {"lure": "lure", "lure-distilbert": "lure", "lure-s": "lure-s", "lure-s-narrow": "lure-s-unified"}
"""Recipes that come with the package, by method."""

ABLATIONS: dict[str, Variant] = {
    "cc": ({"similarity": "correlation"}, "Using CC: correlation over pixels instead of cosine over channels"),
    "gate": ({"guidance": "gate"}, "TGA -> Gate: the text weights channels instead of attention"),
    "no-residual": ({"inner_residual": False}, "w/o Inner Residual: the degradation path alone is the latent"),
    "no-rule": ({"rule": "none"}, "w/o Rule: fused latents are learned from scratch"),
    "no-unified": ({"unified_weight": 0.0}, "w/o Unified Loss: degraded latents are not tied to clean ones"),
    "single-stage": ({"single_stage": True}, "Single Stage: restoration and fusion trained jointly"),
}
"""Options of each row of Table 6, and their meaning."""


def _row(name: str, options: Mapping[str, Any], note: str) -> MethodCard:
    encoder = options.get("text_encoder", "ngrams")
    known = f"the authors have published none; the file must have been trained with the text encoder {encoder!r}"
    return MethodCard(
        "fusionbench.methods.lure.method:LURE",
        "learned",
        PAPER,
        options=options,
        weights=(own_weights(name, RECIPES, "lure", known),),
        note=note,
        backbones=(DISTILBERT,) if encoder == "distilbert" else (),
        training=training_of(name, RECIPES),
    )


_SIZES: dict[str, Variant] = {
    "lure": ({"size": "full"}, "the paper's widths and depths, with the text encoder of this package"),
    "lure-distilbert": ({"size": "full", "text_encoder": "distilbert"}, "the paper's text encoder as well"),
    "lure-s": ({"size": "small"}, "a million parameters; trains on a CPU"),
    "lure-s-narrow": ({"size": "narrow"}, "narrower latents; trained by the recipe lure-s-unified"),
}

_BASES = {name: _SIZES[name][0] for name in ("lure", "lure-s")}
_STUDIES = {suffix: (options, f"Table 6, {note}") for suffix, (options, note) in ABLATIONS.items()}
LURE = {name: _row(name, *variant) for name, variant in sorted((_SIZES | studied(_BASES, _STUDIES)).items())}
"""Sorted by name."""
