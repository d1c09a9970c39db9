"""`fusionbench embed`: latents of DSPFusion or LURE under degradations, as a t-SNE plot and a table."""

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

    For DSPFusion the degradation priors (its Fig. 3), which should separate the degradations; for LURE the latents of
    its tasks before and after training (its Fig. 2), which should not.

    Args:
        method: a DSPFusion method with degradation priors, or a LURE method.
        dataset: one dataset; see `fusionbench list datasets`. By default the one in --data, or the generated scenes
            that come with the package.
        data: the dataset's folder, or a folder that contains it under its name.
        split: the split of the dataset.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
        degradation: specs, separated by commas; every image is encoded under each of them. By default those that the
            method is trained on.
        view: for DSPFusion: kind, the vector of the contrastive loss, or prior, which guides the fusion.
        weights: METHOD=FILE weight file to use instead of the default one.
        strict: refuse a method whose own weights are missing, instead of falling back to the small network that comes
            with the package.
        limit: use only the first N pairs.
        crop: side of the central square of each image to encode; 0 for whole images.
        seed: random seed of the degradations, the t-SNE plot and the untrained LURE.
        out: output folder of tsne.png and embedding.csv.
    """
    from fusionbench.benchmark.preflight import settle
    from fusionbench.console import make_console

    if limit < 2:
        raise ValueError(f"limit is {limit}; images are compared with other scenes, so give 2 or more")
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
