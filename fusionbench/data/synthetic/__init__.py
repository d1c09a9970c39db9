"""Procedural infrared-visible street scenes: the data that needs no download."""

from fusionbench.data.synthetic.render import Scene, scene
from fusionbench.data.synthetic.source import SyntheticSource

__all__ = ["Scene", "SyntheticSource", "scene"]
