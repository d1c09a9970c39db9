"""The optional parts of the package, which pyproject.toml declares and docs/install.md describes."""

from __future__ import annotations


def install_command(name: str) -> str:
    """The command that adds an extra to the installation at hand, whether it is of a wheel or of a checkout.

    Example:
        >>> install_command("stream")
        "pip install 'fusionbench[stream]'"
    """
    return f"pip install 'fusionbench[{name}]'"
