"""`fusionbench embed`: what a trained DSPFusion takes degradations for, as vectors, a number and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fusionbench.benchmark import DatasetChoice, MethodChoice
from fusionbench.choices import Names, choose_methods, split_names
from fusionbench.outcomes import DONE


def embed(
    method: str = "dspfusion-s",
    dataset: str = "synthetic",
    root: Path | None = None,
    split: str = "test",
    degradation: Names = "clean,ll,oe,rain,vi:blur,vi:rn,lc,sn,ir:rn",
    view: Literal["kind", "prior"] = "kind",
    weights: str = "",
    limit: int = 12,
    seed: int = 0,
    out: Path = Path("runs/embed"),
) -> int:
    """Draw degradation priors as a map (DSPFusion, Fig. 3), and say how well they tell degradations apart.

    Args:
        method: a row of DSPFusion with degradation priors.
        dataset: one data set; see `fusionbench list datasets`.
        root: its folder.
        split: of the data set.
        degradation: specs, separated by commas; every image is shown under each of them.
        view: kind, the vector that the contrastive loss shapes, or prior, what guides the fusion.
        weights: METHOD=FILE in place of the file that the method looks for.
        limit: at most so many pairs.
        seed: of the degradations and of the map.
        out: folder that gets tsne.png and embedding.csv.
    """
    import pandas as pd
    from rich.console import Console

    from fusionbench.data.pairs import collate
    from fusionbench.methods.dspfusion.embed import agreement, draw
    from fusionbench.methods.dspfusion.embed import embed as embed_pairs
    from fusionbench.methods.dspfusion.method import DSPFusion
    from fusionbench.results import write_atomically
    from fusionbench.run import open_method
    from fusionbench.scoring import open_pairs

    if limit < 2:
        raise ValueError(f"limit is {limit}; similar images are looked for in other scenes, so give 2 or more")
    choice: MethodChoice = choose_methods([method], weights)[0]
    opened = open_method(choice)
    if not isinstance(opened, DSPFusion):
        raise ValueError(f"{method!r} has no degradation priors; embed reads DSPFusion, such as dspfusion-s")
    pairs = open_pairs(DatasetChoice(dataset, root, split), split_names(degradation), seed)
    batches = (collate([shown[place]]) for shown in pairs.values() for place in range(min(limit, len(shown))))
    found = embed_pairs(opened, batches, view)
    out.mkdir(parents=True, exist_ok=True)
    draw(found, out / "tsne.png", seed=seed)
    labels = pd.DataFrame({"image": found.names, "modality": found.modalities, "degradation": found.degradations})
    vectors = pd.DataFrame(found.vectors).add_prefix("v")
    write_atomically(out / "embedding.csv", pd.concat([labels, vectors], axis=1).to_csv(index=False))
    console = Console()
    console.print(
        f"{opened.weights_name}: of {len(found.names)} images, {agreement(found):.1%} are most similar to one of "
        f"another scene that is degraded alike; by chance {_chance(found.labels):.1%}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"written: {out / 'tsne.png'}, {out / 'embedding.csv'}", highlight=False, soft_wrap=True)
    return DONE


def _chance(labels: list[str]) -> float:
    """The share of alike pairs, were similarity drawn by lot."""
    return sum((labels.count(label) / len(labels)) ** 2 for label in set(labels))
