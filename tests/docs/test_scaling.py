"""The commands of docs/scaling.md run as they stand."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
PROGRAMS = {
    "fusionbench": [sys.executable, "-m", "fusionbench"],
    "torchrun": [sys.executable, "-m", "torch.distributed.run"],
}


@pytest.mark.slow
def test_the_commands_of_the_page_run_as_they_stand(tmp_path):
    lines = [line.strip() for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("    ")]
    commands = [shlex.split(line) for line in lines if line.split()[0] in PROGRAMS]
    assert len(commands) == 8
    for program, *words in commands:
        done = subprocess.run(
            [*PROGRAMS[program], *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
        assert "written" in done.stdout or "shards" in done.stdout
