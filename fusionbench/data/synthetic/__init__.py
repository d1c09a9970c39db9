"""Procedural infrared-visible street scenes: the data that needs no download."""

from fusionbench.data.synthetic.scene import Scene, scene
from fusionbench.data.synthetic.source import SyntheticSource

__all__ = ["Scene", "SyntheticSource", "scene"]
