"""Learning curves of a training as a figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH, HEIGHT = 3.4, 2.3


def read_logs(logs: Path) -> pd.DataFrame:
    """The logged values of a training by optimiser step, from one `version_N/metrics.csv` per start.

    If a resumed run repeats steps, the later values count.
    """
    tables = sorted(logs.glob("version_*/metrics.csv"), key=lambda path: int(path.parent.name.partition("_")[2]))
    if not tables:
        return pd.DataFrame({"step": []})
    return pd.concat([pd.read_csv(table) for table in tables]).groupby("step", as_index=False).last()


def draw_curves(logs: Path, path: Path, title: str) -> Path | None:
    """Plot every logged value over the optimiser steps, training and validation in one panel.

    Args:
        logs: the folder of Lightning's CSVLogger.
        path: the figure's path without suffix.

    Returns:
        The figure's path; None if nothing was logged.
    """
    table = read_logs(logs)
    names = [name for name in table.columns if name not in ("step", "epoch") and table[name].notna().any()]
    panels = sorted({name.partition("/")[2] or name for name in names})
    if not panels:
        return None
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, place + 1)
        for name in (name for name in names if (name.partition("/")[2] or name) == panel):
            seen = table[["step", name]].dropna()
            alone = "o" if len(seen) == 1 else None  # A line through a single point is invisible.
            axes.plot(seen["step"], seen[name], label=name.partition("/")[0], linewidth=1, marker=alone, markersize=4)
        axes.set_title(panel, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=10)
    figure.supxlabel("optimiser steps", fontsize=8)
    path = path.with_suffix(".png")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
