"""Numbers and pictures of how far the tasks lie apart."""

from __future__ import annotations

import pytest
import torch

from fusionbench.methods.lure.latent_analysis import TaskLatents, separation, task_latents
from fusionbench.methods.lure.method import LURE
from fusionbench.methods.lure.text.tasks import PSEUDO

from .conftest import scrambled


def clouds(shift, generator, count=40):
    """Two tasks of unit spread in three dimensions, their means apart by `shift` along the first."""
    vectors = torch.randn(2 * count, 3, generator=generator)
    vectors[count:, 0] += shift
    tasks = ["ll"] * count + [PSEUDO] * count
    return TaskLatents(vectors, tasks, [f"scene{index % 10}" for index in range(2 * count)])


def test_tasks_that_lie_apart_are_found():
    found = separation(clouds(8.0, torch.Generator().manual_seed(0)))
    # Spread in three dimensions is sqrt(3).
    assert found.distance == pytest.approx(8 / 3**0.5, rel=0.1)
    assert found.nearest == found.probe == 1
    assert found.chance == 0.5


def test_tasks_in_one_place_are_not_found():
    found = separation(clouds(0.0, torch.Generator().manual_seed(0)))
    assert found.distance < 0.4
    assert 0.3 < found.nearest < 0.7
    assert 0.3 < found.probe < 0.7


def test_small_trace_is_seen_by_the_ridge_probe_alone(generator):
    latents = clouds(0.0, generator)
    vectors = torch.cat([latents.vectors, torch.randn(80, 1, generator=generator) * 1e-3], dim=1)
    vectors[40:, 3] += 0.02
    found = separation(TaskLatents(vectors, latents.tasks, latents.scenes))
    assert found.probe > 0.95 > 0.7 > found.nearest


def test_one_task_cannot_be_told_apart():
    with pytest.raises(ValueError, match="1 tasks and 2 scenes cannot be compared"):
        separation(TaskLatents(torch.zeros(4, 2), ["ll"] * 4, ["a", "a", "b", "b"]))


def test_latents_are_those_of_degraded_and_clean_images(generator):
    method = scrambled(LURE(size="tiny", perceptual="none"), generator).eval()
    batches = [
        {
            "name": ["scene0"], "degradation": [spec], "ir_scale": [1], "vi_scale": [1],
            "ir": torch.rand(1, 1, 32, 32), "vi": torch.rand(1, 3, 32, 32),
            "ir_clean": torch.rand(1, 1, 32, 32), "vi_clean": torch.rand(1, 3, 32, 32),
        }
        for spec in ("ll", "haze", "lc")
    ]  # fmt: skip
    visible = task_latents(method, batches, "vi")
    # Sixteen places each of: low light, clean (once per scene), haze.
    assert visible.tasks == ["ll"] * 16 + [PSEUDO] * 16 + ["hz"] * 16
    assert visible.vectors.shape == (48, 4 * 4)
    assert set(task_latents(method, batches, "ir").tasks) == {"lc", PSEUDO}
    with pytest.raises(ValueError, match="no latents"):
        task_latents(method, batches[:2], "ir")
