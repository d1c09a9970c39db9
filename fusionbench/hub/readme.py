"""README.md of an exported method: front matter for model hubs, data, degradations, recipe, scores, licences."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from fusionbench.data import DATASETS
from fusionbench.methods import METHODS
from fusionbench.version import __version__

if TYPE_CHECKING:
    from fusionbench.hub.trained import Trained
    from fusionbench.report.tables import Results, ScoreTable

UNKNOWN = "Not recorded."

USE = """\
```python
from fusionbench import from_pretrained, fuse

fused = fuse(from_pretrained("{name}"), "ir.png", "vi.png")
```

`fusionbench run --method {name} --weights {name}={name} ...` evaluates it, if the folder is called {name}."""


def readme(
    model: Trained,
    title: str,
    digest: str,
    results: Results | None,
    *,
    licence: str = "",
    about: str = "",
    limits: str = "",
) -> str:
    """The text of the model card.

    Args:
        title: the name of the exported file in results; its bytes may differ from the model's file.
        digest: the exported file's SHA-256.
        results: results of a run whose scores of this method are shown.
        licence: licence of the weights.
        about: a paragraph on its purpose.
        limits: a sentence on where it fails.
    """
    card = METHODS[model.name]
    front = {"library_name": "fusionbench", "license": licence or "unknown", "tags": ["image-fusion", model.name]}
    sections = {
        "": "\n\n".join(filter(None, [f"{card.paper}.", card.note and f"{card.note}.", about])),
        "Limits": limits,
        "Use": USE.format(name=model.name),
        "Data": _data(model.recipe),
        "Degradations": _degradations(model.recipe),
        "Recipe": _recipe(model.recipe),
        "Scores": UNKNOWN if results is None else _scores(model, results),
        "Licence": _licences(model, licence),
        "Checksum": f"The SHA-256 of `model.safetensors` is `{digest}`.",
    }
    body = "\n\n".join(f"## {title}\n\n{text}" if title else text for title, text in sections.items() if text)
    head = f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n# {title}"
    return f"{head}\n\n{body}\n\nMade by fusionbench {__version__}.\n"


def _loaders(recipe: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Loader arguments of each phase; one entry without a name if there are no phases."""
    common = dict(recipe.get("loader", {}))
    phases: Mapping[str, Mapping[str, Any]] = recipe.get("phases") or {"": {}}
    return {name: {**common, **phase.get("loader", {})} for name, phase in phases.items()}


def _by_phase(recipe: Mapping[str, Any], key: str) -> list[str]:
    """The values of a loader argument, one line per phase."""
    lines = []
    for phase, loader in _loaders(recipe).items():
        if values := loader.get(key):
            prefix = f"- Phase `{phase}`: " if phase else "- "
            lines.append(prefix + ", ".join(f"`{value}`" for value in values))
    return lines


def _data(recipe: Mapping[str, Any]) -> str:
    lines = _by_phase(recipe, "datasets")
    titles = [f"- `{name}`: {DATASETS[name].title}" for name in _datasets(recipe)]
    return "\n".join([*lines, *titles]) or UNKNOWN


def _datasets(recipe: Mapping[str, Any]) -> list[str]:
    named = [name for loader in _loaders(recipe).values() for name in loader.get("datasets", ())]
    return [name for name in dict.fromkeys(named) if name in DATASETS]


def _degradations(recipe: Mapping[str, Any]) -> str:
    return "\n".join(_by_phase(recipe, "degradations")) or UNKNOWN


def _recipe(recipe: Mapping[str, Any]) -> str:
    if not recipe:
        return UNKNOWN
    return f"```yaml\n{yaml.safe_dump(_plain(recipe), sort_keys=False)}```"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return value


def check_scores(model: Trained, results: Results, titles: AbstractSet[str]) -> None:
    """Refuse scores that are not of this model.

    Args:
        titles: names of the weight files whose scores are this model's.

    Raises:
        ValueError: the run's scores are of other weights, or it has none of this method.
    """
    if model.name not in set(results.scores["method"]):
        raise ValueError(f"{results.out} has no scores of {model.name!r}")
    for (_, _, method), cell in results.cells.items():
        if method == model.name and (scored := cell.meta()["settings"]["weights"]) not in titles:
            these = " or ".join(sorted(titles))
            raise ValueError(f"the scores in {cell.folder} are of {scored}, and this is {these}; score this one first")


def _scores(model: Trained, results: Results) -> str:
    from fusionbench.report.tables import footnotes

    tables = [block for block in results.blocks if model.name in block.means.index]
    shown = [_table(model.name, block) for block in tables]
    notes = "\n".join(f"- {note}" for note in footnotes([_alone(block, model.name) for block in tables]))
    return "\n\n".join([*shown, notes])


def _alone(block: ScoreTable, name: str) -> ScoreTable:
    # The card's title names its weights; those of the run's other methods do not belong here.
    return replace(block, means=block.means.loc[[name]], counts=block.counts.loc[[name]], weights={})


def _table(name: str, block: ScoreTable) -> str:
    from fusionbench.report.markdown import markdown_table
    from fusionbench.report.tables import arrow

    metrics = list(block.means.columns)
    header = [f"{metric} {arrow(metric)}".strip() for metric in metrics]
    values = [block.text(name, metric) for metric in metrics]
    return f"{block.title}\n\n{markdown_table(header, [values], left=0)}"


def _licences(model: Trained, licence: str) -> str:
    lines = [f"- These weights: {licence or 'not stated'}."]
    if code := METHODS[model.name].licence:
        lines.append(f"- The authors' code of the method: {code}.")
    lines += [f"- Dataset `{name}`: {DATASETS[name].licence}." for name in _datasets(model.recipe)]
    return "\n".join(lines)
