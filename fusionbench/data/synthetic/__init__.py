"""Procedurally generated infrared-visible street scenes, which need no download."""

from fusionbench.data.synthetic.render import Scene, scene
from fusionbench.data.synthetic.source import SyntheticSource

__all__ = ["Scene", "SyntheticSource", "scene"]
