"""Decoupled training data: degraded images with clean ones, one modality at a time.

The first phase is trained on triples (x, y, m) and needs no pairs. They are taken from ordinary batches: every degraded
image gives a triple, regardless of the other image of its pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from fusionbench.degradations import parse
from fusionbench.degradations.degradation import derive_seed
from fusionbench.methods.lure.encoder import INFRARED, VISIBLE
from fusionbench.methods.lure.text.tasks import DEFAULT_MODALITY, OF_KIND, PSEUDO, TASKS, prompt_bank, tasks_of
from fusionbench.types import Batch, Color

MODALITIES = {"vi": VISIBLE, "ir": INFRARED}


@dataclass(frozen=True, eq=False)
class RestorationBatch:
    """Images of both modalities in one batch, infrared ones as three equal channels.

    Attributes:
        names: names of the scenes.
        degraded: x.
        clean: y.
        modality: m.
        tasks: one task per image.
        sentences: the description of each image.
    """

    names: list[str]
    degraded: Color
    clean: Color
    modality: Int[Tensor, " b"]
    tasks: list[str]
    sentences: list[str]

    def labels(self) -> Int[Tensor, " b"]:
        """Indices of the tasks in `TASKS`."""
        return torch.tensor([TASKS.index(task) for task in self.tasks], device=self.modality.device)


def restoration_batch(batch: Batch, *, seed: int, step: int) -> RestorationBatch:
    """The triples of a batch.

    Fields read: `name` and `degradation`; `vi` and `vi_clean` of a pair with a degraded visible image, `ir` and
    `ir_clean` of one with a degraded infrared image, both images of an undegraded pair.

    Args:
        seed: seed of the sentences drawn from the bank.
        step: the training step; each draws other sentences.

    Raises:
        ValueError: LURE has no task for a degradation, or a degraded image has no clean one.
    """
    names, degraded, clean, modality, tasks, sentences = [], [], [], [], [], []
    for index, (name, spec) in enumerate(zip(batch["name"], batch["degradation"], strict=True)):
        for slot, task in _told(spec, name):
            x, y = _images(batch, slot, index, name)
            names.append(name)
            degraded.append(x)
            clean.append(y)
            modality.append(MODALITIES[slot])
            tasks.append(task)
            sentences.append(sentence(task, slot, derive_seed(seed, name, step, "sentence")))
    where = torch.tensor(modality, device=degraded[0].device)
    return RestorationBatch(names, torch.stack(degraded), torch.stack(clean), where, tasks, sentences)


def sentence(task: str, slot: str, draw: int) -> str:
    """One of the bank's sentences for a task; for the pseudo task, one that does not mention the other modality."""
    choices = prompt_bank()[task]
    if task == PSEUDO:
        other = ("visible", "rgb", "photo", "colour") if slot == "ir" else ("infrared", "thermal", "ir ", "heat")
        choices = tuple(text for text in choices if not any(word in text.lower() for word in other))
    return choices[draw % len(choices)]


def _told(spec: str, name: str) -> list[tuple[str, str]]:
    """The degraded images of a pair with their tasks; both with the pseudo task if neither is degraded."""
    terms = parse(spec).terms
    for term in terms:
        if DEFAULT_MODALITY.get(OF_KIND.get(term.code, "")) != term.modality:
            known = ", ".join(code for code, task in OF_KIND.items())
            raise ValueError(
                f"lure has no task for {str(term)!r}, which degrades {name!r}; train it on {known} (infrared: lc, sr4, "
                "sr8, ir:lr; visible: haze, ll, oe)"
            )
    told = [(slot, tasks_of(spec, slot)[0]) for slot in MODALITIES if tasks_of(spec, slot)]
    return told if terms else [(slot, PSEUDO) for slot in MODALITIES]


def _images(batch: Batch, slot: str, index: int, name: str) -> tuple[Color, Color]:
    reference = batch.get("vi_clean") if slot == "vi" else batch.get("ir_clean")
    if reference is None:
        raise ValueError(
            f"lure learns from clean images, and {name!r} has no {slot}_clean; train on images that are degraded on "
            "the fly, or on folders that contain the clean ones too"
        )
    image = batch["vi"] if slot == "vi" else batch["ir"]
    return image[index].expand(3, -1, -1), reference[index].expand(3, -1, -1)
