"""What a run's pictures show: sources under the names that the dataset has for them."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.benchmark.results import REFERENCES, CellFolder
from fusionbench.images.files import write_image
from fusionbench.report import pictures
from fusionbench.report.tables import read_results


@pytest.mark.parametrize(
    ("dataset", "names"),
    [("harvard_pet_mri", ["MRI", "PET"]), ("msrs", ["infrared", "visible"]), ("mine", ["infrared", "visible"])],
)
def test_sources_are_called_what_they_are(dataset, names, tmp_path, monkeypatch):
    cell = CellFolder(tmp_path / dataset / "ll" / "lap")
    shared = {"protocol": "exact", "seed": 0, "split": "test", "version": "1"}
    cell.bind_settings({"dataset": dataset, "degradation": "ll", "method": "lap", **shared}, {})
    cell.scores.name_columns(["EN"])
    write_image(cell.image("a"), np.zeros((32, 48, 3), np.uint8))
    pixels = np.arange(32 * 48, dtype=np.uint8).reshape(32, 48)
    for source in ("ir", "vi"):
        write_image(tmp_path / dataset / REFERENCES / source / "a.png", pixels)
    drawn = []
    monkeypatch.setattr(pictures, "comparison", lambda rows, path, title: drawn.extend(rows) or [path])
    assert pictures.draw_run(read_results(tmp_path)) == [tmp_path / "report" / f"{dataset}_a"]
    (row,) = drawn
    assert [panel.label for panel in row.panels] == names
