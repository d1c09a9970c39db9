"""Figure 2 in numbers: whether the latents still reveal an image's degradation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fusionbench.methods.lure.method import LURE
from fusionbench.methods.lure.restoration_batch import MODALITIES, restoration_batch
from fusionbench.methods.lure.text.tasks import CANONICAL, PSEUDO, TASKS
from fusionbench.types import Batch

PLACES = 4
"""Sampled positions per side of an image."""

RIDGE = 1e-2
"""Regularisation of the probe, on standardised features."""


@dataclass(frozen=True, eq=False)
class TaskLatents:
    """Latents of the images of one modality, at several positions of each.

    Not means over whole images: these average out the scene, so that the smallest trace of a task would stand out.

    Attributes:
        vectors: one row per position, all levels concatenated.
        tasks: the restoration task; the pseudo task for clean images.
        scenes: the name of the scene.
    """

    vectors: Float[Tensor, "n d"]
    tasks: list[str]
    scenes: list[str]

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError("no latents; give batches with degraded images of this modality")


@dataclass(frozen=True)
class Separation:
    """How well the tasks are separated.

    Attributes:
        distance: distance between the means of two tasks, averaged over pairs of tasks, in units of the standard
            deviation within tasks.
        nearest: accuracy of a nearest-mean classifier on the other half of the scenes; it detects differences that are
            larger than those between scenes.
        probe: accuracy of a ridge classifier, which also finds traces that are small compared with the scenes.
        chance: accuracy of guessing.
    """

    distance: float
    nearest: float
    probe: float
    chance: float


@torch.no_grad()
def task_latents(method: LURE, batches: Iterable[Batch], modality: str) -> TaskLatents:
    """Encode the degraded images of one modality with their descriptions, and each scene's clean image once.

    Args:
        batches: pairs with their clean images, each degraded by at least one task.
        modality: 'ir' or 'vi'.

    Raises:
        ValueError: the batches contain no degraded image of this modality.
    """
    vectors: list[Tensor] = []
    tasks: list[str] = []
    scenes: list[str] = []
    for batch in batches:
        triples = restoration_batch(batch, seed=0, step=0)
        rows = (triples.modality == MODALITIES[modality]).nonzero().flatten().tolist()
        for row in rows:
            name = triples.names[row]
            images = {triples.tasks[row]: triples.degraded[row]}
            if (name, PSEUDO) not in zip(scenes, tasks, strict=True):
                images[PSEUDO] = triples.clean[row]
            for task, image in images.items():
                places = _places(method, image[None], task, modality)
                vectors.append(places)
                tasks += [task] * len(places)
                scenes += [name] * len(places)
    return TaskLatents(torch.cat(vectors) if vectors else torch.empty(0, 0), tasks, scenes)


def _places(method: LURE, image: Tensor, task: str, modality: str) -> Float[Tensor, "n d"]:
    """The latents of an image at a few evenly spread positions, finer levels averaged to the coarsest."""
    latents = method.encode(image, CANONICAL[task], modality)
    size = (latents[-1].shape[-2], latents[-1].shape[-1])
    levels = torch.cat([F.adaptive_avg_pool2d(latent.float(), size) for latent in latents], dim=1)[0]
    rows, columns = (torch.linspace(0, side - 1, min(side, PLACES)).long() for side in size)
    return levels[:, rows][:, :, columns].flatten(1).T.cpu()


def separation(latents: TaskLatents) -> Separation:
    """Measure how well the tasks are separated.

    Raises:
        ValueError: there are fewer than two tasks or two scenes.
    """
    known = [task for task in TASKS if task in latents.tasks]
    scenes = sorted(set(latents.scenes))
    if len(known) < 2 or len(scenes) < 2:
        raise ValueError(f"{len(known)} tasks and {len(scenes)} scenes cannot be compared; give at least two of each")
    labels = torch.tensor([known.index(task) for task in latents.tasks])
    groups = [latents.vectors[labels == label] for label in range(len(known))]
    means = torch.stack([group.mean(dim=0) for group in groups])
    within = torch.stack([(group - mean).square().sum(dim=1).mean() for group, mean in zip(groups, means, strict=True)])
    between = F.pdist(means).mean() / within.mean().sqrt().clamp_min(1e-12)
    odd = torch.tensor([scenes.index(scene) % 2 == 1 for scene in latents.scenes])
    nearest, probe = (
        (classifier(latents.vectors, labels, odd) + classifier(latents.vectors, labels, ~odd)) / 2
        for classifier in (_nearest, _probe)
    )
    chance = torch.bincount(labels).max() / len(labels)
    return Separation(float(between), nearest, probe, float(chance))


def _nearest(vectors: Tensor, labels: Tensor, trained: Tensor) -> float:
    """Fraction of the test rows whose label is that of the nearest class mean of the training rows."""
    known = range(int(labels.max()) + 1)
    means = torch.stack([vectors[trained & (labels == label)].mean(dim=0) for label in known])
    found = torch.cdist(vectors[~trained], means).argmin(dim=1)
    return float((found == labels[~trained]).double().mean())


def _probe(vectors: Tensor, labels: Tensor, trained: Tensor) -> float:
    """Fraction of the test rows that a ridge classifier, fitted to the training rows, labels correctly."""
    mean, spread = vectors[trained].mean(dim=0), vectors[trained].std(dim=0).clamp_min(1e-8)
    features = F.pad((vectors - mean) / spread, (0, 1), value=1.0).double()
    known, targets = features[trained], F.one_hot(labels[trained], int(labels.max()) + 1).double()
    penalty = RIDGE * len(known) * torch.eye(features.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(known.T @ known + penalty, known.T @ targets)
    found = (features[~trained] @ weights).argmax(dim=1)
    return float((found == labels[~trained]).double().mean())
