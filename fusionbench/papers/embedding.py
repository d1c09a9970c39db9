"""How a trained DSPFusion or LURE represents degradations: vectors, a plot and a summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from fusionbench.benchmark.spec import DatasetChoice, MethodChoice, Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from fusionbench.methods.dspfusion.method import DSPFusion
    from fusionbench.methods.lure.latent_analysis import Separation
    from fusionbench.methods.lure.method import LURE
    from fusionbench.types import Batch

    Batches = Callable[[], Iterator[Batch]]

SPECS = {"dspfusion": "clean,ll,oe,rain,vi:blur,vi:rn,lc,sn,ir:rn", "lure": "ll,oe,haze,lc,sr4,sr8"}
"""Default degradations by method: those that it is trained on."""


def picture(
    choice: MethodChoice,
    data: DatasetChoice,
    specs: Sequence[str],
    view: Literal["kind", "prior"],
    selection: Selection,
    *,
    crop: int,
    out: Path,
) -> list[str]:
    """Draw `tsne.png` and write `embedding.csv`.

    Args:
        specs: degradations; by default those that the method is trained on.
        selection: the number of pairs, and the seed of the degradations, of t-SNE and of the untrained LURE.
        crop: side of the centre crop of each image; 0 for whole images.

    Returns:
        Sentences that summarise the result.

    Raises:
        ValueError: the method has no such vectors.
    """
    from fusionbench.benchmark.inputs import load_method
    from fusionbench.methods.dspfusion.method import DSPFusion
    from fusionbench.methods.lure.method import LURE

    opened = load_method(choice)
    if isinstance(opened, DSPFusion):
        specs = specs or SPECS["dspfusion"].split(",")
        return _priors(opened, _shown(data, specs, selection, crop), view, selection.seed, out)
    if isinstance(opened, LURE):
        specs = specs or SPECS["lure"].split(",")
        return _latents(choice.name, opened, specs, _shown(data, specs, selection, crop), selection.seed, out)
    raise ValueError(
        f"{choice.name!r} has neither degradation priors nor task latents; embed supports DSPFusion and LURE, such as "
        "dspfusion-s and lure-s"
    )


def _shown(data: DatasetChoice, specs: Sequence[str], selection: Selection, crop: int) -> Batches:
    """The pairs under each degradation, one at a time; can be iterated repeatedly."""
    from fusionbench.benchmark.inputs import load_pairs
    from fusionbench.data.pairs import collate

    pairs = load_pairs(data, specs, selection.seed)

    def batches() -> Iterator[Batch]:
        for under in pairs.values():
            for place in range(len(under.source.names[: selection.limit])):
                batch = collate([under[place]])
                yield _middle(batch, crop) if crop else batch

    return batches


def _middle(batch: Batch, side: int) -> Batch:
    """The centre crop of every image."""
    from torch import Tensor

    height, width = batch["vi"].shape[-2:]
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    cut = batch.copy()
    for key in ("ir", "vi", "ir_clean", "vi_clean"):
        image = batch.get(key)
        if isinstance(image, Tensor):
            cut[key] = image[..., top : top + side, left : left + side]
    return cut


def _priors(method: DSPFusion, batches: Batches, view: Literal["kind", "prior"], seed: int, out: Path) -> list[str]:
    import pandas as pd

    from fusionbench.methods.dspfusion.embedding import agreement, embed
    from fusionbench.report.tsne import draw_maps, tsne

    found = embed(method, batches(), view)
    points, panels = tsne(found.vectors, seed=seed, metric="cosine"), {}
    for modality, title in {"ir": "infrared", "vi": "visible"}.items():
        rows = [row for row, other in enumerate(found.modalities) if other == modality]
        panels[title] = (points[rows], [found.degradations[row] for row in rows])
    draw_maps(panels, out / "tsne.png")
    labels = pd.DataFrame({"image": found.names, "modality": found.modalities, "degradation": found.degradations})
    _write(out, pd.concat([labels, pd.DataFrame(found.vectors).add_prefix("v")], axis=1))
    return [
        f"{method.weights_name}: of {len(found.names)} images, {agreement(found):.1%} are most similar to one of "
        f"another scene with the same degradation; by chance {_chance(found.labels):.1%}"
    ]


def _latents(name: str, method: LURE, specs: Sequence[str], batches: Batches, seed: int, out: Path) -> list[str]:
    import pandas as pd

    from fusionbench.methods.lure.latent_analysis import separation, task_latents
    from fusionbench.methods.lure.text.tasks import IN_WORDS, tasks_of
    from fusionbench.report.tsne import draw_maps, tsne

    modalities = {"vi": "visible", "ir": "infrared"}
    states = {
        f"{word}, {state}": task_latents(encoder, batches(), slot)
        for slot, word in modalities.items()
        if any(tasks_of(spec, slot) for spec in specs)
        for state, encoder in {"untrained": _untrained(name, seed), method.weights_name: method}.items()
    }
    if not states:
        raise ValueError(f"{','.join(specs)} gives no image with a task of lure; give {SPECS['lure']} or some of them")
    said, panels, tables = [], {}, []
    for title, each in states.items():
        found = separation(each)
        said.append(_sentence(title, found))
        points = tsne(each.vectors.numpy(), seed=seed)
        heading = f"{title}\ndistance {found.distance:.2f}, nearest mean {found.nearest:.0%}"
        panels[heading] = (points, [IN_WORDS[task] for task in each.tasks])
        labels = pd.DataFrame({"state": title, "image": each.scenes, "task": each.tasks})
        tables.append(pd.concat([labels, pd.DataFrame(each.vectors.numpy()).add_prefix("v")], axis=1))
    draw_maps(panels, out / "tsne.png")
    _write(out, pd.concat(tables))
    return said


def _untrained(name: str, seed: int) -> LURE:
    """The method before training; the caller's random state is preserved."""
    import torch

    from fusionbench import methods

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cast("LURE", methods.build(name).eval())


def _sentence(title: str, found: Separation) -> str:
    return (
        f"{title}: task means are {found.distance:.2f} standard deviations within tasks apart; on unseen scenes, the "
        f"nearest mean finds {found.nearest:.0%} of the tasks, a ridge classifier {found.probe:.0%}, "
        f"guessing {found.chance:.0%}"
    )


def _write(out: Path, table: pd.DataFrame) -> None:
    from fusionbench.files import write_atomically

    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "embedding.csv", table.to_csv(index=False))


def _chance(labels: list[str]) -> float:
    """The expected fraction of equal pairs by chance."""
    return sum((labels.count(label) / len(labels)) ** 2 for label in set(labels))
