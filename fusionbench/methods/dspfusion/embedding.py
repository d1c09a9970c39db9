"""Fig. 3 of the paper: whether degradation priors separate degradations, as vectors and as a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from fusionbench.degradations import parse
from fusionbench.methods.common.padding import padded
from fusionbench.methods.dspfusion.method import MULTIPLE, DSPFusion, to_rgb
from fusionbench.methods.method import UNKNOWN
from fusionbench.types import Batch

Vectors = npt.NDArray[np.float32]
View = Literal["kind", "prior"]

MODALITIES = ("ir", "vi")


@dataclass(frozen=True, eq=False)
class Embedding:
    """One vector per image, infrared and visible.

    Attributes:
        vectors: (n, channels).
        names: names of the pairs.
        modalities: 'ir' or 'vi'.
        degradations: codes of the images' degradations ('rain', 'sn', 'clean'), without values.
    """

    vectors: Vectors
    names: list[str]
    modalities: list[str]
    degradations: list[str]

    @property
    def labels(self) -> list[str]:
        """Modality and degradation of each vector, which should form a cluster."""
        return [f"{m}: {kind}" for m, kind in zip(self.modalities, self.degradations, strict=True)]


@torch.no_grad()
def embed(method: DSPFusion, batches: Iterable[Batch], view: View = "kind") -> Embedding:
    """Encode both images of every pair with the degradation encoder.

    Args:
        method: a method with a degradation encoder.
        batches: pairs of known degradation; ideally the same scenes under several degradations.
        view: 'kind', the vector that the contrastive loss shapes, or 'prior', what guides the fusion.

    Raises:
        ValueError: the method has no degradation encoder, or there are no pairs.
    """
    if not method.guides.degradation:
        raise ValueError("this DSPFusion has no degradation priors; there is nothing to embed")
    found: list[Vectors] = []
    names: list[str] = []
    modalities: list[str] = []
    degradations: list[str] = []
    for batch in batches:
        ir, vi = padded(to_rgb(batch["ir"]), batch["vi"], multiple=MULTIPLE)
        priors = method.net_dp(torch.cat([ir, vi]))
        vectors = method.net_dp.kind(priors) if view == "kind" else priors.flatten(1)
        found.append(vectors.float().cpu().numpy())
        for modality in MODALITIES:
            names += batch["name"]
            modalities += [modality] * len(batch["name"])
            degradations += [_kind(spec, modality) for spec in batch["degradation"]]
    if not found:
        raise ValueError("no pairs to embed; give a dataset and degradations that it has")
    return Embedding(np.concatenate(found), names, modalities, degradations)


def _kind(spec: str, modality: str) -> str:
    if spec == UNKNOWN:
        return UNKNOWN
    return "+".join(term.code for term in parse(spec).on(modality)) or "clean"


def agreement(embedding: Embedding) -> float:
    """Fraction of images whose most similar image of another scene has the same modality and degradation.

    Raises:
        ValueError: all images show one scene.
    """
    vectors = F.normalize(torch.from_numpy(embedding.vectors), dim=1)
    scenes = {name: number for number, name in enumerate(dict.fromkeys(embedding.names))}
    if len(scenes) < 2:
        raise ValueError("all images show one scene; embed at least two")
    scene = torch.tensor([scenes[name] for name in embedding.names])
    similar = (vectors @ vectors.T).masked_fill(scene[:, None] == scene[None, :], -2.0)
    labels = embedding.labels
    matches = [labels[i] == labels[j] for i, j in enumerate(similar.argmax(dim=1).tolist())]
    return float(np.mean(matches))
