"""`fusionbench embed`: what a trained DSPFusion or LURE takes degradations for, as vectors, numbers and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from fusionbench.benchmark import DatasetChoice
from fusionbench.choices import Names, choose_methods, split_names
from fusionbench.outcomes import DONE


def embed(
    method: str = "dspfusion-s",
    dataset: str = "synthetic",
    root: Path | None = None,
    split: str = "test",
    degradation: Names = "",
    view: Literal["kind", "prior"] = "kind",
    weights: str = "",
    limit: int = 12,
    crop: int = 0,
    seed: int = 0,
    out: Path = Path("runs/embed"),
) -> int:
    """Draw what a method encodes as a map, and say how well it tells degradations apart.

    Of DSPFusion, the degradation priors (its Fig. 3), which should tell them apart; of LURE, the latents of its tasks
    before and after training (its Fig. 2), which should not.

    Args:
        method: a row of DSPFusion with degradation priors, or of LURE.
        dataset: one data set; see `fusionbench list datasets`.
        root: its folder.
        split: of the data set.
        degradation: specs, separated by commas; every image is shown under each of them. By default those that the
            method is trained on.
        view: of DSPFusion; kind, the vector that the contrastive loss shapes, or prior, what guides the fusion.
        weights: METHOD=FILE in place of the file that the method looks for.
        limit: at most so many pairs.
        crop: side of the square in the middle of each image that is shown; 0 shows whole images.
        seed: of the degradations, of the map, and of the untrained LURE.
        out: folder that gets tsne.png and embedding.csv.
    """
    from fusionbench.embedding import picture

    if limit < 2:
        raise ValueError(f"limit is {limit}; similar images are looked for in other scenes, so give 2 or more")
    if crop < 0:
        raise ValueError(f"crop is {crop}; give the side of a square in pixels, or 0 for whole images")
    choice = choose_methods([method], weights)[0]
    data = DatasetChoice(dataset, root, split)
    said = picture(choice, data, split_names(degradation), view, limit=limit, crop=crop, seed=seed, out=out)
    _tell([*said, f"written: {out / 'tsne.png'}, {out / 'embedding.csv'}"])
    return DONE


def _tell(sentences: Sequence[str]) -> None:
    from fusionbench.progress import plain_console

    console = plain_console()
    for sentence in sentences:
        console.print(sentence, highlight=False, soft_wrap=True)
