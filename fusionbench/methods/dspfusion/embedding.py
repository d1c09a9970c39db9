"""Fig. 3 of the paper: do degradation priors tell degradations apart, as vectors, as a number and as a picture?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from fusionbench.degradations import parse
from fusionbench.extras import install_command
from fusionbench.methods.common.padding import padded
from fusionbench.methods.dspfusion.method import MULTIPLE, DSPFusion, to_rgb
from fusionbench.methods.method import UNKNOWN
from fusionbench.types import Batch

Vectors = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
View = Literal["kind", "prior"]

MODALITIES = ("ir", "vi")


@dataclass(frozen=True, eq=False)
class Embedding:
    """One vector per image, infrared and visible ones alike.

    Attributes:
        vectors: (n, channels).
        names: of the pairs.
        modalities: 'ir' or 'vi'.
        degradations: codes of what was done to the image ('rain', 'sn', 'clean'), without their values.
    """

    vectors: Vectors
    names: list[str]
    modalities: list[str]
    degradations: list[str]

    @property
    def labels(self) -> list[str]:
        """Modality and degradation of each vector: what should lie together."""
        return [f"{m}: {kind}" for m, kind in zip(self.modalities, self.degradations, strict=True)]


@torch.no_grad()
def embed(method: DSPFusion, batches: Iterable[Batch], view: View = "kind") -> Embedding:
    """Encode both images of every pair with the degradation encoder.

    Args:
        method: with a degradation encoder.
        batches: pairs of known degradation; one scene in several makes the best comparison.
        view: 'kind', the vector that the contrastive loss shapes, or 'prior', what guides the fusion.

    Raises:
        ValueError: the method has no degradation encoder, or there are no pairs.
    """
    if not method.guides.degradation:
        raise ValueError("this DSPFusion was built without degradation priors; there is nothing to embed")
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
        raise ValueError("no pairs to embed; name a dataset and degradations that it has")
    return Embedding(np.concatenate(found), names, modalities, degradations)


def _kind(spec: str, modality: str) -> str:
    if spec == UNKNOWN:
        return UNKNOWN
    return "+".join(term.code for term in parse(spec).on(modality)) or "clean"


def agreement(embedding: Embedding) -> float:
    """Share of images whose most similar image of another scene has their modality and degradation.

    Raises:
        ValueError: all images show one scene.
    """
    vectors = F.normalize(torch.from_numpy(embedding.vectors), dim=1)
    scenes = {name: number for number, name in enumerate(dict.fromkeys(embedding.names))}
    if len(scenes) < 2:
        raise ValueError("all images show one scene; embed two or more")
    scene = torch.tensor([scenes[name] for name in embedding.names])
    similar = (vectors @ vectors.T).masked_fill(scene[:, None] == scene[None, :], -2.0)
    labels = embedding.labels
    matches = [labels[i] == labels[j] for i, j in enumerate(similar.argmax(dim=1).tolist())]
    return float(np.mean(matches))


def tsne(embedding: Embedding, seed: int = 0, perplexity: float = 30) -> Points:
    """The vectors in two dimensions (n, 2), neighbours kept together.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: there are fewer than four vectors.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ModuleNotFoundError(f"t-SNE needs the package scikit-learn; {install_command('embed')}") from error
    count = len(embedding.names)
    if count < 4:
        raise ValueError(f"{count} vectors make no map; embed four or more")
    scaled = TSNE(perplexity=min(perplexity, (count - 1) / 3), metric="cosine", random_state=seed, init="pca")
    return scaled.fit_transform(embedding.vectors).astype(np.float64)


def draw(embedding: Embedding, path: Path, *, seed: int = 0) -> None:
    """A picture of the map, infrared and visible images side by side, one colour per degradation.

    Args:
        embedding: of four images or more.
        path: of the picture; its suffix chooses the format.
        seed: of the map.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: there are fewer than four vectors.
    """
    from matplotlib.figure import Figure

    points = tsne(embedding, seed)
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    titles = {"ir": "infrared", "vi": "visible"}
    for place, modality in enumerate(MODALITIES, start=1):
        axes = figure.add_subplot(1, 2, place)
        mine = [row for row, other in enumerate(embedding.modalities) if other == modality]
        for kind in sorted({embedding.degradations[row] for row in mine}):
            rows = [row for row in mine if embedding.degradations[row] == kind]
            axes.scatter(points[rows, 0], points[rows, 1], s=12, label=kind)
        axes.set_title(titles[modality])
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
