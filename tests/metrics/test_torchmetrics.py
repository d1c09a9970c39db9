"""Scores as torchmetrics: alone, in a LightningModule, and in two processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from fusionbench.metrics import FusionMetric, FusionMetricCollection, evaluate

NAMES = ["EN", "MI", "SD@tang-sheet"]


@pytest.fixture(scope="module")
def batches(triple):
    """Two batches of two images each, with their names."""
    images = [torch.cat([image[..., :48, :48], image[..., 48:96, 48:96]]) for image in triple]
    others = [image.flip(-1) * 0.5 for image in images]
    return [(*images, ["a", "b"]), (*others, ["c", "d"])]


def expected(batches, name, take=slice(None)):
    scores = torch.cat([evaluate(*batch[:3], [name])[name] for batch in batches])
    return scores[take].mean()


def test_metric_is_the_mean_over_images(batches):
    metric = FusionMetric("MI")
    for batch in batches:
        metric.update(*batch[:3])
    torch.testing.assert_close(metric.compute(), expected(batches, "MI"), rtol=1e-12, atol=0)
    metric.reset()
    metric.update(*batches[0][:3])
    torch.testing.assert_close(metric.compute(), expected(batches[:1], "MI"), rtol=1e-12, atol=0)


def test_metric_that_saw_no_image_is_undefined():
    with pytest.warns(UserWarning, match="called before the ``update`` method"):
        assert FusionMetric("EN").compute().isnan()


def test_image_counts_once_however_often_it_is_seen(batches):
    metric = FusionMetric("EN")
    for batch in [*batches, *batches[:1]]:
        metric.update(*batch)
    torch.testing.assert_close(metric.compute(), expected(batches, "EN"), rtol=1e-12, atol=0)


def test_images_without_the_score_do_not_count(batches):
    fused, ir, vi, names = batches[0]
    metric = FusionMetric("CC")
    metric.update(fused, ir, vi, names)
    metric.update(torch.full_like(fused, 0.5), ir, vi, ["e", "f"])
    torch.testing.assert_close(metric.compute(), expected(batches[:1], "CC"), rtol=1e-12, atol=0)


def test_collection_has_the_means_of_its_metrics(batches):
    collection = FusionMetricCollection(NAMES, prefix="val/")
    for batch in batches:
        step = collection(*batch)
        assert set(step) == {f"val/{name}" for name in NAMES}
    for name in NAMES:
        torch.testing.assert_close(collection.compute()[f"val/{name}"], expected(batches, name), rtol=1e-12, atol=0)


def test_unknown_score_is_refused_when_the_metric_is_made():
    with pytest.raises(ValueError, match="unknown metric 'EM'; did you mean"):
        FusionMetric("EM")


class Validated(lightning.LightningModule):
    """A module that does nothing but log its scores."""

    def __init__(self) -> None:
        super().__init__()
        self.entropy = FusionMetric("EN")
        self.scores = FusionMetricCollection(NAMES, prefix="val/")

    def validation_step(self, batch, index):
        fused, ir, vi, names = batch
        self.entropy.update(fused, ir, vi, names)
        self.scores.update(fused, ir, vi, names)
        self.log("entropy", self.entropy)
        self.log_dict(self.scores)


# The loader is a list in memory, where workers would only cost time.
@pytest.mark.filterwarnings("ignore:The 'val_dataloader' does not have many workers")
def test_lightning_module_logs_the_means(batches, tmp_path):
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    loader = DataLoader(batches, batch_size=None)
    (logged,) = trainer.validate(Validated(), loader, verbose=False)
    assert set(logged) == {"entropy", *(f"val/{name}" for name in NAMES)}
    for name in NAMES:
        assert logged[f"val/{name}"] == pytest.approx(expected(batches, name).item(), rel=1e-6)


PROCESS = """
import sys, torch
import torch.distributed as dist
from fusionbench.metrics import FusionMetric, FusionMetricCollection

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
batches = torch.load(f"{folder}/batches.pt", weights_only=True)
# Three images for two processes: the sampler repeats the first one. Of the last metric one process sees nothing.
mine = batches[0] if rank == 0 else [torch.stack([new[0], old[0]]) for new, old in zip(batches[1], batches[0])]
names = ["a", "b"] if rank == 0 else ["c", "a"]
collection, alone = FusionMetricCollection(["EN", "MI"]), FusionMetric("EN")
collection.update(*mine, name=names)
if rank == 0:
    alone.update(*mine, name=names)
means = collection.compute() | {"alone": alone.compute()}
torch.save(means, f"{folder}/means{rank}.pt")
# A process that leaves while the other one still reads from it would break that one's connection.
dist.barrier()
dist.destroy_process_group()
"""


def test_two_processes_count_every_image_once(batches, tmp_path):
    torch.save([list(batch[:3]) for batch in batches], tmp_path / "batches.pt")
    # One process asks a metric for its value that saw no image there: torchmetrics warns.
    command = [sys.executable, "-W", "ignore::UserWarning", "-c", PROCESS]
    started = [
        subprocess.Popen([*command, str(rank), str(tmp_path)], stderr=subprocess.PIPE, text=True) for rank in (0, 1)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0], ended
    for rank in (0, 1):
        means = torch.load(Path(tmp_path / f"means{rank}.pt"), weights_only=True)
        for name in ("EN", "MI"):
            torch.testing.assert_close(means[name], expected(batches, name, slice(3)), rtol=1e-12, atol=0)
        torch.testing.assert_close(means["alone"], expected(batches[:1], "EN"), rtol=1e-12, atol=0)
