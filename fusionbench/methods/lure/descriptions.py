"""What is said to LURE about an image whose degradation is known."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

from fusionbench.degradations import parse
from fusionbench.methods.lure.text.tasks import CANONICAL, PSEUDO, tasks_of
from fusionbench.methods.method import UNKNOWN

log = logging.getLogger(__name__)


def canonical(tasks: Sequence[str]) -> tuple[str, ...]:
    """The sentences of tasks; that of the pseudo task where there is none."""
    return tuple(CANONICAL[task] for task in tasks) or (CANONICAL[PSEUDO],)


@lru_cache(maxsize=4096)
def known_tasks(degradation: str, modality: str) -> tuple[str, ...]:
    """The tasks of a spec; an image that LURE has no task for is fused unrestored, with a warning."""
    if degradation == UNKNOWN:
        return ()
    tasks = tasks_of(degradation, modality)
    if not tasks and parse(degradation).on(modality):
        log.warning("lure has no task for %r (%s) and fuses that image without restoring it", degradation, modality)
    return tasks
