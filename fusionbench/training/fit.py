"""Training: all phases of a method in order, each with a fit and a checkpoint, resumable at any step.

`<out>/<phase>/last.ckpt` is the checkpoint from which an interrupted phase is resumed,
`<out>/<phase>/weights.safetensors` the result of a finished phase, and `<out>/<method>.safetensors` the final result.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lightning import Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.callbacks import ProgressBar as LightningBar
from lightning.pytorch.loggers import CSVLogger
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from fusionbench import methods
from fusionbench.benchmark.run import environment
from fusionbench.console import bars_are_shown
from fusionbench.data.datamodule import FusionDataModule
from fusionbench.files import exclusive, write_atomically
from fusionbench.registry import check_known, import_object
from fusionbench.report.wandb import Mode, TrainingMirror, training_mirror
from fusionbench.trainer import is_rank_zero, keyboard_interrupts, silence_lightning
from fusionbench.training.callbacks import (
    LogSteps,
    ProgressBar,
    SampleImages,
    SaveOnStop,
    SaveRngState,
    TerminateOnNaN,
)
from fusionbench.training.curves import draw_curves
from fusionbench.training.plugins import make_plugins
from fusionbench.training.recipe import TABLES, Recipe, strip_paths
from fusionbench.training.resume import became_longer, differing_entry, lengths, settled
from fusionbench.version import __version__
from fusionbench.weights.card import MODEL
from fusionbench.weights.checksums import digest8
from fusionbench.weights.safetensors import read_metadata, write_tensors

if TYPE_CHECKING:
    from lightning import Callback

    from fusionbench.methods.method import Method

CHECKPOINT, BEST, FINISHED = "last.ckpt", "best.ckpt", "weights.safetensors"
"""Files in the folder of a phase: the last and the best checkpoint, and the final weights."""


def train(recipe: Recipe, out: Path, *, resume: bool = False, wandb: Mode | None = None) -> Path:
    """Train every phase of a method.

    Args:
        out: folder for checkpoints, logs, curves and weights.
        resume: resume an interrupted training of the same recipe, even in the middle of a phase.
        wandb: 'online' or 'offline' mirrors logs, sample images and the recipe to Weights and Biases.

    Returns:
        The file of the trained weights.

    Raises:
        ValueError: the method cannot be trained, the folder has another recipe, the initial weights have another
            architecture, a checkpoint is damaged, the loss became NaN or infinite, or memory ran out.
        FileNotFoundError: the data or the initial weights are missing.
    """
    # Random numbers drawn during the first import must not affect the seeded ones.
    methods.build(recipe.method, **recipe.options)
    seed_everything(recipe.seed, verbose=False)
    method = _begun(recipe)
    if not method.phases:
        raise ValueError(f"{recipe.method!r} has no training phases and cannot be trained")
    for phase in recipe.phases:
        check_known(f"phase of {recipe.method}", phase, method.phases)
    recipe = _rehearsed(method, recipe, out)
    with exclusive(out) if is_rank_zero() else nullcontext():
        if is_rank_zero():
            _claim(recipe, method.phases, out, resume)
        for phase in method.phases:
            _train_phase(method, phase, recipe, out / phase, resume, wandb)
    result = out / f"{recipe.method}.safetensors"
    if is_rank_zero():
        told = recipe.entries(init_from=method.weights_name)
        metadata = {"method": recipe.method, "version": __version__, "recipe": strip_paths(told)}
        write_tensors(method.state_dict(), result, metadata)
    return result


def _begun(recipe: Recipe) -> Method:
    """The method with its initial weights."""
    if not recipe.init_from:
        return methods.build(recipe.method, **recipe.options)
    given = Path(recipe.init_from).expanduser()
    card = methods.card_of(recipe.method)
    own = (given / name for name in (MODEL, *(part.file for part in card.weights)))
    if card.starter and given.is_dir() and not any(path.is_file() for path in own):
        method = methods.build(recipe.method, **recipe.options)
        method.weights_name = f"{recipe.method}@{digest8(*import_object(card.starter)(method, given))}"
        return method
    if given.exists() or recipe.init_from == recipe.method:
        return methods.load(recipe.method, weights=given if given.exists() else None, strict=True, **recipe.options)
    raise FileNotFoundError(
        f"no initial weights at {given}; pass a weight file, the folder of an exported method, or {recipe.method!r} "
        "for the weights that it fuses with"
    )


def _rehearsed(method: Method, recipe: Recipe, out: Path) -> Recipe:
    """The recipe, with the method's default degradations if it has none.

    Errors of later phases are raised now, before hours of training and before anything is written.
    """
    phases = {phase: dict(part) for phase, part in recipe.phases.items()}
    with torch.random.fork_rng(devices=[]), silence_lightning():
        for phase in method.phases:
            _trainer(recipe, phase, out / phase, TrainingMirror())
            method.begin_phase(phase)
            if FusionDataModule(**recipe.of(phase, "loader")).degradations is None:
                loader = {**phases.get(phase, {}).get("loader", {}), "degradations": list(method.training_degradations)}
                phases[phase] = {**phases.get(phase, {}), "loader": loader}
    return replace(recipe, phases=phases)


def _claim(recipe: Recipe, phases: Sequence[str], out: Path, resume: bool) -> None:
    """Write the recipe into a folder that has no training yet, or one of this recipe to resume."""
    path = out / "recipe.json"
    # A recipe alone is from a training that was refused or ended before its first checkpoint.
    if any(path for pattern in (f"*/{CHECKPOINT}", f"*/{FINISHED}") for path in out.glob(pattern)):
        if not resume:
            raise ValueError(f"{out} already has a training; resume it with --resume, or choose another --out")
        if difference := differing_entry(path, recipe, phases):
            raise ValueError(f"{out} has a training of another recipe: {difference}; choose another --out")
        _check_longer(recipe, phases, out)
    write_atomically(path, json.dumps(settled(recipe.entries()), indent=2, sort_keys=True, default=str) + "\n")


def _check_longer(recipe: Recipe, phases: Sequence[str], out: Path) -> None:
    """Refuse to make a phase longer from whose weights a later one has begun."""
    for phase, later in pairwise(phases):
        if _is_finished(out / phase, recipe, phase) is False and any((out / later).glob("*.*")):
            raise ValueError(
                f"phase {phase!r} would become longer, and {later!r} has begun from what it ended with; make only the "
                f"later one longer, with --phases.{later}.trainer.max_steps, or delete {out / later} to train it again"
            )


def _is_finished(folder: Path, recipe: Recipe, phase: str) -> bool | None:
    """Whether a phase has its length; False for one that had another, None for one that did not end."""
    path = folder / FINISHED
    if not path.exists():
        return None
    try:
        notes = read_metadata(path)
    except ValueError:
        return True  # It is damaged, which is said where it is read.
    return not became_longer(notes, recipe.of(phase, "trainer"))


def _train_phase(method: Method, phase: str, recipe: Recipe, folder: Path, resume: bool, wandb: Mode | None) -> None:
    finished, checkpoint = folder / FINISHED, folder / CHECKPOINT
    if resume and _is_finished(folder, recipe, phase):
        _take_up(method, finished)
        return
    method.begin_phase(phase)
    data = FusionDataModule(**{"seed": recipe.seed, **recipe.of(phase, "loader")})
    start = checkpoint if resume and checkpoint.exists() else None
    if start is not None:
        _check_checkpoint(method, start)
    share = recipe.initial_share(phase)
    initial = copy.deepcopy(method.state_dict()) if share else {}
    with _mirrored(wandb, folder, recipe, phase, method) as mirror, silence_lightning():
        trainer = _trainer(recipe, phase, folder, mirror)
        with keyboard_interrupts(trainer), _sentences(phase, checkpoint):
            trainer.fit(method, datamodule=data, ckpt_path=start, weights_only=True)
    _average(method, initial, share)
    if trainer.is_global_zero:
        write_tensors(method.state_dict(), finished, {"phase": phase, **lengths(recipe.of(phase, "trainer"))})
        draw_curves(folder / "logs", folder / "curves", f"{recipe.method}, {phase}")


def _take_up(method: Method, finished: Path) -> None:
    """Load the weights of a finished phase."""
    try:
        method.load_state_dict(load_file(finished))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ValueError(
            f"{finished} is damaged or of another network; delete it, and --resume repeats the end of phase "
            f"{finished.parent.name!r} from its last checkpoint"
        ) from error


def _check_checkpoint(method: Method, path: Path) -> None:
    """Refuse a checkpoint from which this method cannot be resumed.

    Raises:
        ValueError: it is damaged, not a training checkpoint, of another network, or contains code.
    """
    remedy = f"delete it, and --resume restarts phase {path.parent.name!r}"
    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} contains more than tensors, and code from a checkpoint is never executed; {remedy}"
        ) from error
    except (RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged or not a checkpoint; {remedy}") from error
    if not isinstance(held, dict) or not {"state_dict", "optimizer_states", "loops"} <= held.keys():
        raise ValueError(f"{path} is not a training checkpoint; {remedy}")
    shapes = {name: tensor.shape for name, tensor in method.state_dict().items()}
    if shapes != {name: tensor.shape for name, tensor in held["state_dict"].items()}:
        raise ValueError(f"{path} is the checkpoint of another network; {remedy}")


def _average(method: Method, initial: Mapping[str, Tensor], share: float) -> None:
    """Average the weights with the initial ones; counters and other integers are unchanged."""
    for name, tensor in method.state_dict().items():
        if name in initial and tensor.is_floating_point():
            tensor.lerp_(initial[name].to(tensor.device), share)


@contextmanager
def _sentences(phase: str, checkpoint: Path) -> Iterator[None]:
    """Turn out-of-memory errors, on a device, in this process or a worker, into advice."""
    try:
        yield
    except MisconfigurationException as error:
        raise ValueError(f"the trainer of phase {phase!r} cannot be set up: {error}") from error
    except (MemoryError, RuntimeError) as error:
        kept = f"the last checkpoint is {checkpoint}" if checkpoint.exists() else "no checkpoint was saved yet"
        if "DataLoader worker" in str(error):
            # A signal to the whole process group may reach the data loading workers first.
            if "signal: Terminated" in str(error) or "signal: Interrupt" in str(error):
                raise KeyboardInterrupt from error
            raise ValueError(
                f"phase {phase!r} lost a data loading worker, which the system kills when memory runs out; lower "
                f"--loader.workers or --loader.cache_gib; {kept}"
            ) from error
        full = isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
        if not full:
            raise
        raise ValueError(
            f"phase {phase!r} ran out of memory; lower --loader.batch_size or --loader.crop, or accumulate gradients "
            f"with --trainer.accumulate_grad_batches; {kept}"
        ) from error


def _mirrored(
    wandb: Mode | None, folder: Path, recipe: Recipe, phase: str, method: Method
) -> AbstractContextManager[TrainingMirror]:
    told = strip_paths(recipe.entries(init_from=method.weights_name))
    own = strip_paths({what: recipe.of(phase, what) for what in TABLES})
    settings = {**{name: told.get(name) for name in ("options", "seed", "init_from")}, **own, **environment()}
    return training_mirror(
        wandb, folder, method=recipe.method, phase=phase, recipe=told, settings={**settings, "version": __version__}
    )


def _trainer(recipe: Recipe, phase: str, folder: Path, mirror: TrainingMirror) -> Trainer:
    """The Trainer of a phase.

    Raises:
        ValueError: Lightning refuses devices, strategies or other options.
    """
    options = recipe.of(phase, "trainer")
    own: list[Callback] = make_plugins("callbacks", recipe.plugins(phase, "callbacks"), folder)
    callbacks: list[Callback] = [
        *own,
        SaveRngState(),
        TerminateOnNaN(folder / CHECKPOINT),
        LogSteps(phase),
        SampleImages(folder / "samples", drawn=mirror.picture),
        LearningRateMonitor("step"),
        SaveOnStop(folder / CHECKPOINT),
        ModelCheckpoint(
            dirpath=folder,
            filename=Path(CHECKPOINT).stem,
            every_n_train_steps=recipe.save_every,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        ),
    ]
    if not any(isinstance(callback, ModelCheckpoint) for callback in own):
        callbacks.append(_best(folder))
    theirs = any(isinstance(each, LightningBar) for each in own)
    bar = options.get("enable_progress_bar", True) and (theirs or bars_are_shown())
    if bar and not theirs:
        callbacks.append(ProgressBar())
    others = make_plugins("loggers", recipe.plugins(phase, "loggers"), folder)
    loggers = [CSVLogger(folder, name="logs", flush_logs_every_n_steps=20), *others, *mirror.loggers]
    # Lightning's summary would count the operations of `forward`, which these methods do not have, as 0.
    logged = 10 if options.get("max_steps", -1) not in range(100) else 1
    ours = {"log_every_n_steps": logged, "num_sanity_val_steps": 0, "enable_model_summary": False}
    try:
        return Trainer(
            **{**ours, **options, "enable_progress_bar": bar},
            default_root_dir=folder,
            callbacks=callbacks,
            logger=loggers,
        )
    except (TypeError, ValueError, ImportError, MisconfigurationException) as error:
        raise ValueError(f"the trainer of phase {phase!r} cannot be set up: {error}") from error


def _best(folder: Path) -> ModelCheckpoint:
    """Saves the weights of the lowest validation loss, as a checkpoint to fuse with or to start from."""
    return ModelCheckpoint(
        dirpath=folder,
        filename=Path(BEST).stem,
        monitor="val/loss",
        save_weights_only=True,
        save_on_train_epoch_end=False,
        enable_version_counter=False,
    )
