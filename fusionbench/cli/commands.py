"""The sub-commands by name. Signatures become options, so heavy imports stay inside the functions."""

from __future__ import annotations

from typing import Any

from fusionbench.cli import bench, embed, fuse, profile, report, train
from fusionbench.cli import data as data_commands
from fusionbench.cli import weights as weights_commands
from fusionbench.cli.degrade import degrade
from fusionbench.cli.list import show_list
from fusionbench.cli.run import demo, run
from fusionbench.cli.score import score

COMMANDS: dict[str, Any] = {
    "run": run,
    "fuse": fuse.fuse_images,
    "score": score,
    "degrade": degrade,
    "report": report.report,
    "results": report.COMMANDS,
    "list": show_list,
    "demo": demo,
    "data": data_commands.COMMANDS,
    "weights": weights_commands.COMMANDS,
    "train": train.train,
    "bench": bench.bench,
    "profile": profile.profile,
    "embed": embed.embed,
}
