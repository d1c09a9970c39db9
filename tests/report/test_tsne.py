"""Maps of vectors: what lies together stays together, and every label is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fusionbench.report.tsne import draw_maps, tsne

pytest.importorskip("sklearn")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:sklearn")


def clusters():
    """Four groups of six vectors each."""
    rng = np.random.default_rng(0)
    return np.concatenate([direction + 0.05 * rng.normal(size=(6, 8)) for direction in np.eye(8)[:4]]).astype(
        np.float32
    )


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_maps_keep_clusters_together_and_repeat_with_the_seed(metric):
    points = tsne(clusters(), metric=metric)
    assert points.shape == (24, 2)
    np.testing.assert_array_equal(points, tsne(clusters(), metric=metric))
    centers = points.reshape(4, 6, 2).mean(axis=1)
    within = np.linalg.norm(points.reshape(4, 6, 2) - centers[:, None], axis=-1).mean()
    between = np.linalg.norm(centers[:, None] - centers[None], axis=-1)[~np.eye(4, dtype=bool)].min()
    assert between > 2 * within


def test_few_vectors_make_no_map():
    with pytest.raises(ValueError, match="2 vectors are too few for t-SNE"):
        tsne(clusters()[:2])


def test_maps_are_drawn_side_by_side_with_one_colour_per_label(tmp_path):
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(8, 2)), ["haze", "low light"] * 4
    draw_maps({"before": (points, labels), "after": (points, labels)}, tmp_path / "new" / "map.png")
    with Image.open(tmp_path / "new" / "map.png") as picture:
        assert picture.width > 1.5 * picture.height
        pixels = {tuple(pixel) for pixel in np.asarray(picture.convert("RGB")).reshape(-1, 3)}
    assert {(31, 119, 180), (255, 127, 14)} <= pixels  # the first two colours of matplotlib
