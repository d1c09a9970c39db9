"""t-SNE plots of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from fusionbench.extras import install_command
from fusionbench.files import whole_file

if TYPE_CHECKING:
    from matplotlib.collections import PathCollection

Points = npt.NDArray[np.floating]


def tsne(vectors: Points, *, seed: int = 0, metric: str = "euclidean") -> Points:
    """The vectors embedded in two dimensions, (n, 2).

    Args:
        vectors: (n, channels).
        seed: seed of t-SNE.
        metric: scikit-learn's name of the distance.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: there are fewer than four vectors.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ModuleNotFoundError(f"t-SNE needs the package scikit-learn; {install_command('embed')}") from error
    if len(vectors) < 4:
        raise ValueError(f"{len(vectors)} vectors are too few for t-SNE; embed at least four")
    perplexity = min(30, (len(vectors) - 1) / 3)
    return TSNE(perplexity=perplexity, metric=metric, random_state=seed, init="pca").fit_transform(vectors)


def draw_maps(panels: Mapping[str, tuple[Points, Sequence[str]]], path: Path) -> None:
    """Draw plots side by side, one colour per label.

    Args:
        panels: points (n, 2) and their labels, by title.
        path: the figure's path; its suffix determines the format.
    """
    figure = Figure(figsize=(4.2 * len(panels), 4.5), layout="constrained")
    every = sorted({label for _, labels in panels.values() for label in labels})
    shown: dict[str, PathCollection] = {}
    for place, (title, (points, labels)) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for number, label in enumerate(every):
            if rows := [row for row, other in enumerate(labels) if other == label]:
                shown[label] = axes.scatter(points[rows, 0], points[rows, 1], s=12, color=f"C{number}")
        axes.set_title(title, fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    columns = min(len(shown), 3 * len(panels))
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=columns, fontsize=9)
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, dpi=150, format=path.suffix[1:])
