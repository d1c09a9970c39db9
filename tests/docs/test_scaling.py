"""The commands of docs/scaling.md run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

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


STANDINS = {
    "srun": """exec "$PYTHON" "$STANDINS/told.py" "$@" """,
    "scontrol": """echo "$@" >> requeued""",
    # Says to the tasks that the time is nearly up once they train, as --signal asks for.
    "sbatch": """touch begun; bash "$1" &
        until [ "$(find runs -name metrics.csv -newer begun 2> /dev/null)" ]; do sleep 0.1; done
        pkill -TERM -P $! ; wait $!""",
}
TOLD = """
import os, sys
from fusionbench.__main__ import main
small = "--method lure-s --options.single_stage true --loader.limit 6 --loader.batch_size 2 --loader.crop 32 "
small += "--loader.workers 0 --trainer.limit_val_batches 0 --trainer.log_every_n_steps 1 --trainer.accelerator cpu"
places = [word for word in ("--out", "runs/dspfusion", "--resume") if word in sys.argv]
sys.argv[1:] = ["train", *small.split(), "--trainer.max_steps", "100000", *places]
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="a queue's script is one of bash")
def test_the_script_for_a_queue_saves_queues_itself_again_and_goes_on(tmp_path):
    [script] = re.findall(r"```bash\n(#!.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "job.sh").write_text(script)
    (tmp_path / "told.py").write_text(TOLD)
    for name, lines in STANDINS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    surroundings = {
        **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1", "PYTHON": sys.executable,
        "STANDINS": str(tmp_path), "SLURM_JOB_ID": "17", "DATA": "nowhere",
    }  # fmt: skip
    steps = [0]
    for start in (1, 2):
        subprocess.run(["sbatch", "job.sh"], env=surroundings, cwd=tmp_path, check=True)
        assert (tmp_path / "requeued").read_text() == start * "requeue 17\n"
        saved = tmp_path / "runs" / "dspfusion" / "single" / "last.ckpt"
        steps.append(torch.load(saved, weights_only=True)["global_step"])
        assert steps[-1] > steps[-2]
    logged = pd.read_csv(tmp_path / "runs" / "dspfusion" / "single" / "logs" / "version_1" / "metrics.csv")
    assert logged["step"].min() == steps[1]
