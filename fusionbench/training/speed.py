"""What makes steps faster on a GPU, as a callback that recipes and scripts name where it helps."""

from __future__ import annotations

import torch
from lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from fusionbench.methods.method import Method


class Speed(Callback):
    """Faster steps on one kind of device; on others a training stays as it is.

    Args:
        compile: compile each network with `torch.compile` when it first runs, which takes minutes. The names and files
            of weights stay the same.
        tf32: multiply matrices in TensorFloat-32 where they are in single precision. Losses are not products of
            matrices.
        channels_last: keep the weights of convolutions with channels last, as DRFusion's dense ones like it; DSPFusion
            and LURE lay out their features so themselves.
        device: where all of this applies.
        backend: of `torch.compile`.
    """

    def __init__(
        self,
        compile: bool = False,  # noqa: A002 - torch's name
        tf32: bool = False,
        channels_last: bool = False,
        device: str = "cuda",
        backend: str = "inductor",
    ) -> None:
        self.compile, self.tf32, self.channels_last = compile, tf32, channels_last
        self.device, self.backend = device, backend
        self._before = ""

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit" or trainer.strategy.root_device.type != self.device:
            return
        if self.tf32:
            self._before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("high")
        for network in pl_module.networks() if isinstance(pl_module, Method) else pl_module.children():
            if self.channels_last:
                network.to(memory_format=torch.channels_last)
            if self.compile:
                network.compile(backend=self.backend)

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._before:
            torch.set_float32_matmul_precision(self._before)
            self._before = ""
