"""Which of several processes this one is, as Lightning, torchrun and SLURM tell them."""

from __future__ import annotations

import os


def leads() -> bool:
    """Whether this process is the only one or the first, and writes what there is one of.

    Known before any connection between the processes: a launcher numbers them over all machines (RANK, SLURM_PROCID)
    or within each (LOCAL_RANK, with NODE_RANK or GROUP_RANK for the machine).
    """
    for overall in ("RANK", "SLURM_PROCID"):
        if overall in os.environ:
            return int(os.environ[overall]) == 0
    return all(int(os.environ.get(part, "0")) == 0 for part in ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK"))


def launched() -> int:
    """How many processes of this program torchrun or srun started.

    SLURM tells a script of several tasks of them before srun starts any; only a step's own number counts.
    """
    return max(int(os.environ.get(count, "1")) for count in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"))
