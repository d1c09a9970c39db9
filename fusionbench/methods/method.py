"""What every fusion method is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, cast

from lightning import LightningModule
from torch import Tensor
from typing_extensions import override

from fusionbench.types import Batch, Color

UNTOLD = "unknown"
"""What a batch says in place of a spec of pairs whose degradation nobody has told."""


class Method(LightningModule, ABC):
    """A fusion method: degraded pairs in, one colour image per pair out.

    Subclasses are final. Training methods name their `phases`; one phase is one fit and one checkpoint, and the
    next phase starts from it (Lightning's word `stage` already means fit or test).

    Attributes:
        phases: names of the training phases in order; empty for methods that are not trained here.
        phase: the phase being trained; empty at inference.
        reads_contrasts: whether training steps of the phase read `ir_positives`, `vi_positives` and `negatives`.
        weights_name: `<method>@<8 hex of sha256>` of the weight files that were loaded; empty where there are none.
    """

    phases: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.phase = ""
        self.reads_contrasts = False
        self.weights_name = ""

    @abstractmethod
    def fuse(self, batch: Batch) -> Color:
        """Fuse a batch of any height and width into images of the same size, in [0, 1]."""

    def check_weights(self, state: Mapping[str, Tensor]) -> None:
        """Refuse weights that shapes alone would let pass; called before any are loaded.

        Raises:
            ValueError: they belong to another configuration.
        """

    def begin_phase(self, phase: str) -> None:
        """Enter a training phase: remember it; subclasses freeze and unfreeze what it trains.

        Raises:
            ValueError: the method has no such phase.
        """
        if phase not in self.phases:
            raise ValueError(f"{type(self).__name__} has no phase {phase!r}; its phases are {', '.join(self.phases)}")
        self.phase = phase

    def _log(self, stage: str, values: Mapping[str, Tensor], count: int) -> None:
        """Log what a training or validation step measured, as means over so many images.

        Every process must log the same names in the same order, those it has nothing for with a count of 0.
        """
        named = {f"{stage}/{name}": value.detach() for name, value in values.items()}
        # Lightning weighs the means of processes by whole numbers that it divides and cuts off, but not by others.
        self.log_dict(named, batch_size=cast("int", float(count)), sync_dist=stage == "val")

    @override
    def predict_step(self, batch: Batch, batch_idx: int) -> Color:
        return self.fuse(batch)
