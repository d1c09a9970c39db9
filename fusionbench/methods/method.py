"""The base class of fusion methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, cast

import torch
from lightning import LightningModule
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.degradations.degradation import derive_seed
from fusionbench.registry import import_object
from fusionbench.types import Batch, Color, Gray, Scores

UNKNOWN = "unknown"
"""Stands in a batch for the spec of pairs whose degradation is unknown."""

TEST_METRICS = "fusionbench.metrics.torchmetrics:FusionMetricCollection"
"""What `Trainer.test` measures, as text: methods know no metrics, and what only trains or fuses loads none."""


class Method(LightningModule, ABC):
    """A fusion method: degraded pairs in, one colour image per pair out.

    Subclasses are final. Methods that can be trained list their `phases`; each phase is one fit with one checkpoint,
    from which the next phase starts (Lightning's word `stage` already means fit or test).

    Attributes:
        phases: names of the training phases in order; empty for methods that are not trained here.
        phase: the phase being trained; empty at inference.
        weights_name: `<method>@<8 hex of sha256>` of the weight files that were loaded, with `#<entry>` where one of
            their tables was chosen; empty where there are none.
    """

    phases: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.phase = ""
        self.weights_name = ""
        self._chosen = ""

    @abstractmethod
    def fuse(self, batch: Batch) -> Color:
        """Fuse a batch of any height and width into images of the same size, in [0, 1]."""

    def check_weights(self, state: Mapping[str, Tensor]) -> None:
        """Refuse weights that fit by their shapes but do not belong to this method; called before they are loaded.

        Raises:
            ValueError: they belong to another configuration.
        """

    def networks(self) -> list[nn.Module]:
        """The networks that a training step calls, each of which may be compiled by itself."""
        return list(self.children())

    @property
    def next_phase(self) -> str:
        """The phase that a fit trains: the phase begun, else the one chosen, else the first."""
        return self.phase or self._chosen or self.phases[0]

    @property
    def needs_contrastive(self) -> bool:
        """Whether training steps of the phase read `ir_positives`, `vi_positives` and `negatives`."""
        return False

    @property
    def training_degradations(self) -> tuple[str, ...]:
        """Default degradations for training the phase."""
        return ("clean",)

    def choose_phase(self, phase: str) -> None:
        """Choose the phase that a fit trains; empty for the first one.

        Raises:
            ValueError: the method has no such phase.
        """
        if phase and phase not in self.phases:
            raise ValueError(f"{type(self).__name__} has no phase {phase!r}; its phases are {', '.join(self.phases)}")
        self._chosen = phase

    def begin_phase(self, phase: str) -> None:
        """Enter a training phase: record it and unfreeze everything; subclasses freeze what it does not train.

        Raises:
            ValueError: the method has no such phase.
        """
        self.choose_phase(phase)
        self.phase = phase
        self.requires_grad_(True)

    @override
    def setup(self, stage: str) -> None:
        """Enter the phase to train or to validate; leave it where images are fused as they will be.

        Loaded weights come frozen and in evaluation mode, and are trained all the same.
        """
        if stage not in ("fit", "validate"):
            self.phase = ""
        elif self.phases:
            self.begin_phase(self.next_phase)
            if stage == "fit":
                self.train()

    @override
    def on_train_start(self) -> None:
        """Let each process draw noise, dropout and places of its own; the first draws what it would draw alone."""
        if self.global_rank:
            torch.manual_seed(derive_seed(torch.initial_seed(), self.phase, self.global_rank, "process") % 2**63)

    def check_begun(self) -> None:
        """Refuse to train outside a phase.

        Raises:
            ValueError: no phase has begun.
        """
        if self.phase not in self.phases:
            raise ValueError(f"no phase has begun; call begin_phase with one of {', '.join(self.phases)}")

    def clean_sources(self, batch: Batch) -> tuple[Gray, Color]:
        """The clean sources to learn from.

        Raises:
            ValueError: the batch has none.
        """
        if "ir_clean" not in batch or "vi_clean" not in batch:
            raise ValueError(
                f"{type(self).__name__} learns from clean sources, and {batch['name'][0]!r} has none; train on a "
                "dataset that is degraded on the fly, or whose folder contains the clean images too"
            )
        return batch["ir_clean"], batch["vi_clean"]

    def _log_loss(self, stage: str, terms: Mapping[str, Tensor], count: int) -> Tensor:
        """Log the weighted terms of a loss and return their sum."""
        loss = torch.stack(list(terms.values())).sum()
        self._log(stage, {**terms, "loss": loss}, count)
        return loss

    def _log_psnr(self, values: Mapping[str, Scores]) -> None:
        """Log the PSNR of both images against the clean sources, and their mean.

        Args:
            values: values of every image, by 'ir' and 'vi'.
        """
        means = {f"psnr_{modality}": value.mean() for modality, value in values.items()}
        self._log("val", {**means, "psnr": torch.stack(list(means.values())).mean()}, len(values["vi"]))

    def _log(self, stage: str, values: Mapping[str, Tensor], count: int) -> None:
        """Log values of a training or validation step, as means over `count` images.

        Every process must log the same names in the same order, with a count of 0 where it has no images.
        """
        named = {f"{stage}/{name}": value.detach() for name, value in values.items()}
        # Lightning truncates integer weights when averaging over processes, but not floating-point ones.
        self.log_dict(named, batch_size=cast("int", float(count)), sync_dist=stage == "val")

    @override
    def on_test_start(self) -> None:
        self._scores = import_object(TEST_METRICS)(prefix="test/").to(self.device)

    @override
    def test_step(self, batch: Batch, batch_idx: int) -> Color:
        """Fuse, and score the images as they would be written, against clean sources where the batch has them."""
        fused = self.fuse(batch)
        written = fused.float().clamp(0, 1).mul(255).round() / 255
        ir, vi = batch.get("ir_clean", batch["ir"]), batch.get("vi_clean", batch["vi"])
        pairs = [" ".join(pair) for pair in zip(batch["name"], batch["degradation"], strict=True)]
        self._scores.update(written, ir, vi, name=pairs)
        return fused

    @override
    def on_test_epoch_end(self) -> None:
        self.log_dict(self._scores.compute(), sync_dist=True)

    @override
    def predict_step(self, batch: Batch, batch_idx: int) -> Color:
        return self.fuse(batch)
