"""Fusion methods by name; importing this table imports no method and nothing heavy."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusionbench.methods.baselines.table import CLASSICAL, EXTERNAL, LEARNED
from fusionbench.methods.card import MethodCard
from fusionbench.methods.drfusion.table import DRFUSION
from fusionbench.methods.dspfusion.table import DSPFUSION
from fusionbench.methods.lure.table import LURE
from fusionbench.plugins import Table
from fusionbench.registry import current_names, import_object, lookup
from fusionbench.weights.checksums import IMPORTED, accept, digest8
from fusionbench.weights.entry import CellName, depends_on_cell, file_of, split_entry
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.store import cache_path, locate, recorded_beside, require
from fusionbench.weights.store import download as download_files
from fusionbench.weights.store import verify as verify_file

if TYPE_CHECKING:
    from fusionbench.methods.method import Method

log = logging.getLogger(__name__)


FALLBACKS = {name: f"{name}-s" for name in ("drfusion", "dspfusion", "lure")}
"""What runs if a method's own weights are missing: its small network, whose weights come with the package."""

METHODS = Table("methods", MethodCard, {**CLASSICAL, **LEARNED, **DRFUSION, **DSPFUSION, **LURE, **EXTERNAL})
"""Every method, by family and then by name."""


def card_of(name: str) -> MethodCard:
    """The row of a method, whose name is found regardless of case.

    Raises:
        ValueError: unknown method.
    """
    return METHODS[spelled(name)]


def spelled(name: str) -> str:
    """A method's name as METHODS spells it.

    Raises:
        ValueError: unknown method.

    Example:
        >>> spelled("LURE-S")
        'lure-s'
    """
    return lookup("method", name, METHODS)


VARIANTS_SHOWN = ("-s", "-medical", "-s-medical")
"""Suffixes of names that are not variants: the small networks, and those for other data."""


def variant_of(name: str) -> str:
    """The base of a variant or ablation, such as 'lure' for 'lure-gate'; empty for other methods.

    Example:
        >>> variant_of("lure-s-gate"), variant_of("lure-s"), variant_of("ifcnn-sum")
        ('lure-s', '', 'ifcnn')
    """
    name = spelled(name)
    bases = [base for base in METHODS if name.startswith(f"{base}-") and METHODS[base].target == METHODS[name].target]
    shown = any(name == base + ending for base in bases for ending in VARIANTS_SHOWN)
    return "" if shown else max(bases, key=len, default="")


def is_ready(name: str) -> bool:
    """Whether a method can run now: it needs no weights, or they are available."""
    card = card_of(name)
    return card.family != "external" and all(locate(spelled(name), part) for part in card.weights)


def limits_of(name: str) -> str:
    """Known limits of the weights that a method would read, as recorded in their folder; empty if there are none.

    Raises:
        ValueError: unknown method, or the folder's config.json is damaged.
    """
    places = [locate(spelled(name), part) for part in card_of(name).weights]
    return " ".join(filter(None, (recorded_beside(place).get("limits") for place in places if place)))


def check_able(name: str, degradation: str | None) -> None:
    """Refuse images whose degradation a method does not support.

    Args:
        degradation: a spec; None if it is unknown.

    Raises:
        ValueError: the method does not support it, or the method or the spec is unknown.
    """
    from fusionbench.degradations import parse

    if why := card_of(name).unable(None if degradation is None else parse(degradation)):
        raise ValueError(f"{spelled(name)!r} cannot fuse these images: {why}")


def weight_files(
    name: str, weights: Path | None = None, *, option: str = "weights=FILE", cell: CellName | None = None
) -> list[Path]:
    """The weight files of a method, in the order of its card.

    Args:
        name: in METHODS.
        weights: a file instead of the method's only one, or a folder with its files under their names.
        option: the caller's option for a file.
        cell: for which dataset and degradation, where files depend on them.

    Raises:
        FileNotFoundError: one is missing; the message says how to get it.
        ValueError: unknown method; a method without weights; one file for a method that reads several.
    """
    name = spelled(name)
    card = card_of(name)
    if weights is not None and not card.weights:
        raise ValueError(f"{name!r} has no weights; leave them out")
    if weights is not None and len(card.weights) > 1 and file_of(Path(weights).expanduser()).is_file():
        files = ", ".join(part.file for part in card.weights)
        raise ValueError(f"{name!r} reads several files; pass the folder that holds {files}")
    found, missing = [], []
    for part in card.weights:
        try:
            found.append(require(name, part, weights, cell))
        except FileNotFoundError as error:
            missing.append(str(error))
    if missing:
        remedy = "give a file that exists" if weights else f"get what is missing with {ways(name, option)}"
        by_cell = depends_on_cell(weights) or any(part.per_cell for part in card.weights)
        where = f" on {', '.join(cell)}" if cell and by_cell else ""
        raise FileNotFoundError(f"no weights for {name!r}{where}: {'; '.join(missing)}; {remedy}")
    return found


class Found(NamedTuple):
    """What runs where a method is asked for.

    Attributes:
        name: of the method, or of its fallback.
        files: the weight files that it reads, in the order of its card.
        notice: what a person is told where a fallback runs; empty otherwise.
    """

    name: str
    files: list[Path]
    notice: str = ""


def find(name: str, weights: Path | None = None, *, strict: bool = False, option: str = "weights=FILE") -> Found:
    """A method with its weight files; the fallback where its own are missing and it has one.

    Args:
        weights: as for `load`; with those, nothing takes its place.
        strict: never take a fallback.
        option: the caller's option for a file.

    Raises:
        FileNotFoundError: weights are missing; the message names the ways to get them.
        ValueError: unknown method; a method without weights; one file for a method that reads several.
    """
    name = spelled(name)
    try:
        return Found(name, weight_files(name, weights, option=option))
    except FileNotFoundError:
        if strict or weights is not None or name not in FALLBACKS:
            raise
    return Found(FALLBACKS[name], weight_files(FALLBACKS[name]), fallback_notice(name, option))


def ways(name: str, option: str = "") -> str:
    """How to get the weights of a method: the commands that apply to it.

    Args:
        option: the option that names a file, if the caller has one.

    Example:
        >>> ways("ifcnn-mean")
        '`fusionbench weights download ifcnn-mean` or `fusionbench weights import ifcnn-mean --from PATH`'
    """
    name = spelled(name)
    card = METHODS[name]
    commands = [f"`fusionbench weights download {name}`"] if card.downloads else []
    if card.training:
        commands.append(f"`fusionbench train {card.training}`")
    where = f" (the authors' file: `fusionbench weights info {name}`)" if card.published and not card.downloads else ""
    commands.append(f"`fusionbench weights import {name} --from PATH`{where}")
    listed = ", ".join(commands[:-1]) + " or " + commands[-1] if len(commands) > 1 else commands[0]
    return listed + (f", or pass {option}" if option else "")


def varies(name: str, weights: Path | None, cells: Iterable[CellName]) -> bool:
    """Whether the weights of a method depend on dataset and degradation: by their path, or as such files are there."""
    if weights is not None or not any(part.per_cell for part in METHODS[name].weights):
        return depends_on_cell(weights)
    parts = METHODS[name].weights
    return any(locate(name, part, cell) != locate(name, part) for cell in cells for part in parts)


def fallback(name: str, weights: Path | None = None, cell: CellName | None = None) -> str:
    """The small network that runs instead of a method whose weights are missing; empty if there is none.

    Args:
        weights: weights given by the user; with those, there is no fallback.
        cell: for which dataset and degradation.
    """
    name = spelled(name)
    if weights is not None or name not in FALLBACKS or all(locate(name, part, cell) for part in METHODS[name].weights):
        return ""
    return FALLBACKS[name]


def fallback_notice(name: str, option: str = "weights=FILE") -> str:
    """The message when the fallback of a method runs.

    Args:
        option: as for `find`.
    """
    return (
        f"the weights of {name!r} are missing, so {FALLBACKS[name]!r} runs instead, the small network that comes with "
        f"the package, and results carry its name; get the weights of {name!r} with {ways(name, option)}"
    )


def load(
    name: str,
    *,
    weights: Path | None = None,
    files: Sequence[Path] | None = None,
    verify: bool = True,
    strict: bool = False,
    **options: Any,
) -> Method:
    """Load a method in evaluation mode, ready to fuse; its parameters require no gradients.

    If the weights of `lure`, `dspfusion` or `drfusion` are missing, the small network that comes with the package is
    loaded with a warning; its `weights_name` says which one it is.

    Args:
        name: in METHODS.
        weights: a file instead of the one found by the method's card, one of its tables (`FILE#params`), or a folder
            of its files.
        files: the files of its card, in that order, where they were found and verified before.
        verify: refuse files that differ from the published ones.
        strict: refuse a method whose weights are missing instead of loading its fallback.
        options: constructor arguments in addition to those of the row.

    Raises:
        FileNotFoundError: weights are missing.
        ValueError: unknown method or option; a file that differs from the published one or has another architecture.

    Example:
        >>> load("average").training
        False
    """
    name = spelled(name)
    options = _checked_options(name, card_of(name), options)
    if files is None:
        name, files, notice = find(name, weights, strict=strict)
        if notice:
            warnings.warn(notice, stacklevel=2)
        if verify:
            for part, path in zip(METHODS[name].weights, files, strict=True):
                verify_file(name, part, path)
    method = build(name, **options)
    for part, path in zip(METHODS[name].weights, files, strict=True):
        module = method.get_submodule(part.submodule)
        state = read_state(path, module)
        method.check_weights(state)
        load_strict(module, state, part, path)
    entries = [f"#{entry}" for path in files if (entry := split_entry(path)[1])]
    method.weights_name = f"{name}@{digest8(*files)}{''.join(entries)}" if files else ""
    log.debug("loaded %s%s", method.weights_name or name, f" from {', '.join(map(str, files))}" if files else "")
    return method.eval().requires_grad_(False)


def build(name: str, **options: Any) -> Method:
    """A method with freshly initialised parameters, to be trained; `load` is for fusing.

    Args:
        name: in METHODS.
        options: constructor arguments in addition to those of the row.

    Raises:
        ValueError: unknown method or option.
    """
    card = card_of(name)
    options = _checked_options(name, card, options)
    return import_object(card.target)(**{**card.options, **options})


def download(name: str, *, progress: bool = True) -> list[Path]:
    """Download the weight files of a method to where they are searched, and import them if necessary.

    Raises:
        ValueError: unknown method; a method without weights; a file without an address or with another checksum.
        OSError: no address could be reached.
    """
    name = spelled(name)
    card = card_of(name)
    if not card.weights:
        raise ValueError(f"{name!r} has no weights; there is nothing to download")
    if not card.downloads:
        try:
            return weight_files(name)
        except FileNotFoundError as error:
            by_hand = "".join(f" ({part.note})" for part in card.published[:1])
            sentence = f"{name!r} has no public address of its weights{by_hand}; get them with {ways(name)}"
            raise ValueError(sentence) from error
    if not card.importer:
        return download_files(name, card.weights, progress=progress)
    folder = download_files(name, card.published, progress=progress)[0].parent
    place = cache_path(name, card.weights[0])
    import_object(card.importer)(folder, place)
    accept(place, IMPORTED)
    return [place]


def weights_name(method: Method) -> str:
    """`<method>@<8 hex of sha256>` of the weights that were loaded; empty for methods without."""
    return method.weights_name


def _checked_options(name: str, card: MethodCard, given: Mapping[str, Any]) -> dict[str, Any]:
    options = current_names(f"option of {name}", given, card.renamed)
    known = set(inspect.signature(import_object(card.target)).parameters) - set(card.options)
    if surplus := sorted(set(options) - known):
        raise ValueError(f"{name!r} takes no option {surplus[0]!r}; it takes: {', '.join(sorted(known)) or 'none'}")
    return options
