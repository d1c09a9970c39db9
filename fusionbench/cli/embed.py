"""`fusionbench embed`: what a trained DSPFusion or LURE takes degradations for, as vectors, numbers and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fusionbench.benchmark.options import WEIGHTS, Names, choose_dataset, choose_methods, parse_names
from fusionbench.benchmark.spec import Selection
from fusionbench.console import EXIT_OK, warn
from fusionbench.data.table import DRAWN
from fusionbench.images.options import read_options


def embed(
    method: str = "dspfusion-s",
    dataset: str = "",
    data: str = "",
    split: str = "test",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    degradation: Names = "",
    view: Literal["kind", "prior"] = "kind",
    weights: str = "",
    strict: bool = False,
    limit: int = 12,
    crop: int = 0,
    seed: int = 0,
    out: Path = Path("runs/embed"),
) -> int:
    """Draw a t-SNE plot of a method's latents under several degradations.

    Of DSPFusion, the degradation priors (its Fig. 3), which should tell them apart; of LURE, the latents of its tasks
    before and after training (its Fig. 2), which should not.

    Args:
        method: a row of DSPFusion with degradation priors, or of LURE.
        dataset: one dataset; see `fusionbench list datasets`. When none is named, the one that --data holds, or else
            the generated scenes that come with the package.
        data: its folder, or one that holds it under its name.
        split: of the dataset.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        degradation: specs, separated by commas; every image is shown under each of them. By default those that the
            method is trained on.
        view: of DSPFusion; kind, the vector that the contrastive loss shapes, or prior, what guides the fusion.
        weights: METHOD=FILE in place of the file that the method looks for.
        strict: refuse a method whose own weights are missing, instead of taking the small network that comes with the
            package.
        limit: at most so many pairs.
        crop: side of the square in the middle of each image that is shown; 0 shows whole images.
        seed: of the degradations, of the map, and of the untrained LURE.
        out: folder that gets tsne.png and embedding.csv.
    """
    from fusionbench.benchmark.preflight import settle
    from fusionbench.console import make_console

    if limit < 2:
        raise ValueError(f"limit is {limit}; similar images are looked for in other scenes, so give 2 or more")
    if crop < 0:
        raise ValueError(f"crop is {crop}; give the side of a square in pixels, or 0 for whole images")
    (choice,), notices = settle(choose_methods([method], weights), strict=strict, option=WEIGHTS)
    chosen = choose_dataset(dataset, data, DRAWN, split=split, reading=read_options(ir_range, ir_channel))
    console = make_console()
    shown = chosen.announce(console)
    warn(console, *notices)

    from fusionbench.papers.embedding import picture

    said = picture(choice, shown, parse_names(degradation), view, Selection(limit, seed), crop=crop, out=out)
    for sentence in [*said, f"written: {out / 'tsne.png'}, {out / 'embedding.csv'}"]:
        console.print(sentence, highlight=False, soft_wrap=True)
    return EXIT_OK
