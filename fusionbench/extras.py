"""The optional dependencies of the package, what each is for, and the command that installs one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Extra:
    """What `pip install 'fusionbench[NAME]'` adds.

    Attributes:
        purpose: what it is for.
        modules: the modules that it imports.
    """

    purpose: str
    modules: tuple[str, ...]


EXTRAS = {
    "embed": Extra("t-SNE maps of what a method encodes: fusionbench embed", ("sklearn.manifold",)),
    "iqa": Extra(
        "no-reference metrics such as MUSIQ and CLIP-IQA, for noncommercial use", ("pyiqa", "clip", "pkg_resources")
    ),
    "stream": Extra("writing shards: fusionbench data shard", ("webdataset",)),
    "text": Extra("DistilBERT as LURE's text encoder", ("transformers",)),
    "wandb": Extra("dashboards: --wandb", ("wandb",)),
}
"""By name, sorted. `dev` has the development tools, `all` everything."""


def install_command(name: str) -> str:
    """The command that adds an extra to this installation, whether from a wheel or a checkout.

    Example:
        >>> install_command("stream")
        "pip install 'fusionbench[stream]'"
    """
    return f"pip install 'fusionbench[{name}]'"
