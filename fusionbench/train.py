"""Training: every phase of a method in order, each one a fit and a checkpoint, resumable in the middle.

`<out>/<phase>/last.ckpt` is where an interrupted phase goes on, `<out>/<phase>/weights.safetensors` what a finished one
leaves, and `<out>/<method>.safetensors` the result.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning import Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from safetensors.torch import load_file
from torch import Tensor

from fusionbench import methods
from fusionbench.dashboards import Mode, training_loggers
from fusionbench.data.datamodule import FusionDataModule
from fusionbench.lazy import unknown
from fusionbench.processes import leads
from fusionbench.report.curves import draw_curves
from fusionbench.results import write_atomically
from fusionbench.tensorfile import write_tensors
from fusionbench.trained import portable
from fusionbench.trainers import interruptible, quiet
from fusionbench.training import FiniteLoss, RandomState, Samples
from fusionbench.version import __version__

if TYPE_CHECKING:
    from lightning import Callback
    from lightning.pytorch.loggers import Logger

    from fusionbench.methods.method import Method

OURS = {"logger", "callbacks", "default_root_dir", "enable_checkpointing"}
"""Arguments of the Trainer that training sets itself."""

ENTRIES = ("trainer", "loader", "keep")
"""Of a phase in a recipe."""


@dataclass(frozen=True)
class Recipe:
    """How a method is trained; what `experiments/*.yaml` hold.

    Attributes:
        method: in METHODS.
        options: constructor arguments of the method.
        loader: arguments of `FusionDataModule`.
        trainer: arguments of the Lightning Trainer.
        phases: by phase, what differs there, `loader` and `trainer`; and `keep`, the share of the weights that the
            phase began with in those that it ends with: 0.5 averages both, which holds on to what a training loses
            while it learns other things (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).
        seed: of everything that is drawn.
        save_every: optimiser steps between two checkpoints.
        start: weights to begin with, a file or the folder of an exported method; the method's own name takes those
            that it fuses with. Empty: random numbers.

    Raises:
        ValueError: a name is unknown, or a share is none.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    loader: Mapping[str, Any] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    save_every: int = 500
    start: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", methods.spelled(self.method))
        known = set(inspect.signature(Trainer.__init__).parameters) - {"self"} - OURS
        loader = set(inspect.signature(FusionDataModule.__init__).parameters) - {"self"}
        for part in (self._own(), *self.phases.values()):
            for what, names in (("trainer", known), ("loader", loader)):
                if not isinstance(part.get(what, {}), Mapping):
                    raise ValueError(f"{what} is {part[what]!r}; give a table of its options")
                for name in set(part.get(what, {})) - names:
                    raise unknown(f"{what} option", name, names)
            for name in set(part) - set(ENTRIES):
                raise unknown("entry of a phase", name, ENTRIES)
        for phase, part in self.phases.items():
            share = part.get("keep", 0)
            if not isinstance(share, int | float) or not 0 <= share < 1:
                raise ValueError(
                    f"phase {phase!r} cannot keep {share} of its first weights; give a share, 0 to below 1"
                )

    def _own(self) -> dict[str, Mapping[str, Any]]:
        return {"trainer": self.trainer, "loader": self.loader}

    def entries(self, **changes: Any) -> dict[str, Any]:
        """The recipe as a table with these changes; without `start` where it is empty."""
        table = {**asdict(self), **changes}
        return {name: value for name, value in table.items() if name != "start" or value}

    def of(self, phase: str, what: str) -> dict[str, Any]:
        """The 'loader' or 'trainer' arguments of a phase."""
        return {**self._own()[what], **self.phases.get(phase, {}).get(what, {})}

    def kept(self, phase: str) -> float:
        """The share of a phase's first weights in its last."""
        return float(self.phases.get(phase, {}).get("keep", 0))


def train(recipe: Recipe, out: Path, *, resume: bool = False, wandb: Mode | None = None) -> Path:
    """Train every phase of a method.

    Args:
        out: folder of the checkpoints, logs, curves and weights.
        resume: go on where an interrupted run of the same recipe stopped, even in the middle of a phase.
        wandb: 'online' or 'offline' mirrors the logs to Weights and Biases.

    Returns:
        The file of the trained weights.

    Raises:
        ValueError: the method is not trained, the folder holds another recipe, the weights to start from are of another
            architecture, a loss became NaN or infinite, or the memory did not suffice.
        FileNotFoundError: the data or the weights to start from are missing.
    """
    methods.untrained(recipe.method, **recipe.options)  # What its first import draws must not move the seed.
    seed_everything(recipe.seed, verbose=False)
    method = _begun(recipe)
    if not method.phases:
        raise ValueError(f"{recipe.method!r} has no training phases; it is run as it is")
    if stray := sorted(set(recipe.phases) - set(method.phases)):
        raise unknown(f"phase of {recipe.method}", stray[0], method.phases)
    if leads():
        _claim(recipe, out, resume)
    for phase in method.phases:
        _train_phase(method, phase, recipe, out / phase, resume, wandb)
    result = out / f"{recipe.method}.safetensors"
    if leads():
        told = recipe.entries(start=method.weights_name)
        notes = {"method": recipe.method, "version": __version__, "recipe": portable(told)}
        write_tensors(method.state_dict(), result, notes)
    return result


def _begun(recipe: Recipe) -> Method:
    """The method as the first phase finds it."""
    if not recipe.start:
        return methods.untrained(recipe.method, **recipe.options)
    given = Path(recipe.start).expanduser()
    if given.exists() or recipe.start == recipe.method:
        return methods.load(recipe.method, weights=given if given.exists() else None, strict=True, **recipe.options)
    raise FileNotFoundError(
        f"no weights to start from at {given}; pass a weight file, the folder of an exported method, or "
        f"{recipe.method!r} for the weights that it fuses with"
    )


def _claim(recipe: Recipe, out: Path, resume: bool) -> None:
    path, text = out / "recipe.json", json.dumps(recipe.entries(), indent=2, sort_keys=True, default=str) + "\n"
    if path.exists():
        if not resume:
            raise ValueError(f"{out} holds a training already; go on with --resume, or choose another --out")
        if path.read_text(encoding="utf-8") != text:
            raise ValueError(f"{out} holds a training of another recipe (see {path}); choose another --out")
    write_atomically(path, text)


def _train_phase(method: Method, phase: str, recipe: Recipe, folder: Path, resume: bool, wandb: Mode | None) -> None:
    finished = folder / "weights.safetensors"
    if resume and finished.exists():
        method.load_state_dict(load_file(finished))
        return
    method.train().requires_grad_(True)
    method.begin_phase(phase)
    data = FusionDataModule(**{"seed": recipe.seed, "contrasts": method.reads_contrasts, **recipe.of(phase, "loader")})
    checkpoint = folder / "last.ckpt"
    start = str(checkpoint) if resume and checkpoint.exists() else None
    share = recipe.kept(phase)
    first = copy.deepcopy(method.state_dict()) if share else {}
    mirrored = training_loggers(wandb, folder, method=recipe.method, phase=phase)
    with mirrored as mirrors, quiet(), _sentences(phase, checkpoint):
        trainer = _trainer(recipe, phase, folder, mirrors)
        with interruptible(trainer):
            trainer.fit(method, datamodule=data, ckpt_path=start)
    _keep(method, first, share)
    if trainer.is_global_zero:
        write_tensors(method.state_dict(), finished, {"phase": phase})
        draw_curves(folder / "logs", folder / "curves", f"{recipe.method}, {phase}")


def _keep(method: Method, first: Mapping[str, Tensor], share: float) -> None:
    """Average the weights with the first ones; counts and other whole numbers stay."""
    for name, tensor in method.state_dict().items():
        if name in first and tensor.is_floating_point():
            tensor.lerp_(first[name].to(tensor.device), share)


@contextmanager
def _sentences(phase: str, checkpoint: Path) -> Iterator[None]:
    """Say in a sentence what to do about memory that did not suffice, on a device, in this process or a worker.

    Devices and strategies that Lightning finds wrong are wrong input, too.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise ValueError(f"the trainer of phase {phase!r} cannot work as asked: {error}") from error
    except (MemoryError, RuntimeError) as error:
        kept = f"the last checkpoint is {checkpoint}" if checkpoint.exists() else "no checkpoint was saved yet"
        if "DataLoader worker" in str(error) and "killed by signal" in str(error):
            raise ValueError(
                f"phase {phase!r} lost a process that loads data, which the system kills when memory runs out; lower "
                f"loader.workers or loader.cache_gib; {kept}"
            ) from error
        full = isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
        if not full:
            raise
        raise ValueError(
            f"phase {phase!r} ran out of memory; lower loader.batch_size or loader.crop, or accumulate gradients with "
            f"trainer.accumulate_grad_batches; {kept}"
        ) from error


def _trainer(recipe: Recipe, phase: str, folder: Path, mirrors: Sequence[Logger]) -> Trainer:
    options = recipe.of(phase, "trainer")
    callbacks: list[Callback] = [
        RandomState(),
        FiniteLoss(folder / "last.ckpt"),
        Samples(folder / "samples"),
        LearningRateMonitor("step"),
        ModelCheckpoint(
            dirpath=folder,
            filename="last",
            every_n_train_steps=recipe.save_every,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        ),
    ]
    if options.get("enable_progress_bar", True):
        callbacks.append(RichProgressBar())
    loggers = [CSVLogger(folder, name="logs", flush_logs_every_n_steps=20), *mirrors]
    # Lightning's summary counts operations of a forward pass, which these methods do not have, and prints 0.
    ours = {"log_every_n_steps": 10, "num_sanity_val_steps": 0, "enable_model_summary": False}
    return Trainer(
        **{**ours, "use_distributed_sampler": False, **options},
        default_root_dir=folder,
        callbacks=callbacks,
        logger=loggers,
    )
