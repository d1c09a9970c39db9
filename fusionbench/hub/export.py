"""Exporting a trained method as a folder with a model card, for others to use and evaluate.

`model.safetensors` has the weights, `config.json` the method, its options and the weights' SHA-256, `README.md` the
model card: data, degradations, recipe, scores with their protocol, licences.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench import methods
from fusionbench.files import whole_file, write_atomically
from fusionbench.hub.readme import check_scores, readme
from fusionbench.version import __version__
from fusionbench.weights.card import CONFIG, MODEL, WeightsCard
from fusionbench.weights.checksums import digest8, sha256
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.safetensors import write_tensors
from fusionbench.weights.store import check_unchanged, recorded_beside

if TYPE_CHECKING:
    from torch import Tensor

    from fusionbench.hub.trained import Trained
    from fusionbench.methods.method import Method

README = "README.md"


def export(
    model: Trained,
    folder: Path,
    *,
    run: Path | None = None,
    licence: str = "",
    about: str = "",
    limits: str = "",
    half: bool = False,
) -> Path:
    """Write a method as a folder with `model.safetensors`, `config.json` and `README.md`.

    Args:
        run: folder of a run whose scores of this method are added to the card.
        licence: licence of the weights; by default that of the exported folder that they come from.
        about: a paragraph on its purpose.
        limits: a sentence on where it fails, shown in lists of methods; by default that of the exported folder that the
            weights come from.
        half: round the weights to 16 bits, for half the size; the method still computes in 32 bits.

    Raises:
        ValueError: the files do not fit the method, or the run's scores are of other weights.
        FileNotFoundError: the run has no results.
    """
    said = recorded_beside(model.files[0])
    licence, limits = licence or said.get("licence", ""), limits or said.get("limits", "")
    method = methods.load(model.name, weights=_place(model), verify=False, **model.options)
    target = folder / MODEL
    with tempfile.TemporaryDirectory() as place:  # the folder is not changed until everything has been checked
        made = Path(place) / MODEL
        _write_model(method, model, made, half)
        title = f"{model.name}@{digest8(made)}"
        results = None
        if run is not None:
            from fusionbench.report.tables import read_results

            results = read_results(run)
            check_scores(model, results, {title} if half else {title, model.title})
        with whole_file(target) as unfinished:
            shutil.copyfile(made, unfinished)
    text = readme(model, title, sha256(target), results, licence=licence, about=about, limits=limits)
    config = {
        "method": model.name,
        "options": dict(model.options),
        "sha256": sha256(target),
        "licence": licence,
        "limits": limits,
        "made_of": {path.name: sha256(path) for path in model.files},
        "fusionbench": __version__,
    }
    write_atomically(folder / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")
    write_atomically(folder / README, text)
    return folder


def _place(model: Trained) -> Path:
    return model.files[0] if len(model.files) == 1 else model.files[0].parent


def _write_model(method: Method, model: Trained, target: Path, half: bool) -> None:
    """Copy a safetensors file unchanged, so that its name in results stays the same; merge other files into one."""
    if len(model.files) == 1 and model.files[0].suffix == ".safetensors" and not half:
        shutil.copyfile(model.files[0], target)
        return
    state = method.get_submodule(_part(model.name)).state_dict()
    numbers = {name: _halved(name, tensor) if half else tensor for name, tensor in state.items()}
    write_tensors(numbers, target, {"method": model.name, "recipe": model.recipe, "version": __version__})


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    rounded = tensor.half()
    if not bool(rounded.isfinite().all()):
        raise ValueError(
            f"{name} contains numbers beyond 65504, which 16 bits cannot represent; export it without half"
        )
    return rounded


def _part(name: str) -> str:
    """The submodule of the exported file: that on the card of a method's only file, or the whole method."""
    cards = methods.card_of(name).weights
    return cards[0].submodule if len(cards) == 1 else ""


def from_pretrained(folder: Path) -> Method:
    """Load an exported method, in evaluation mode.

    Args:
        folder: a folder written by `export`.

    Raises:
        FileNotFoundError: the folder lacks one of its files.
        ValueError: a file is damaged or has been changed, or the method is unknown.
    """
    path = Path(folder).expanduser() / MODEL
    config = _config(path.with_name(CONFIG))
    if not path.is_file():
        raise FileNotFoundError(f"no {MODEL} in {folder}; an exported method has it next to {CONFIG}")
    check_unchanged(path)
    method = methods.build(config["method"], **config["options"])
    state = read_state(path)
    method.check_weights(state)
    load_strict(method.get_submodule(_part(config["method"])), state, WeightsCard(MODEL), path)
    method.weights_name = f"{config['method']}@{digest8(path)}"
    return method.eval().requires_grad_(False)


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no {CONFIG} in {path.parent}; pass a folder written by fusionbench weights export")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return {"method": str(config["method"]), "options": dict(config["options"]), "sha256": str(config["sha256"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the configuration of an exported method ({error})") from error
