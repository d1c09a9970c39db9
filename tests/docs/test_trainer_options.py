"""The table of docs/training.md: every argument of Lightning's Trainer, and what comes of it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lightning import Trainer

from fusionbench.images.files import write_image
from fusionbench.training.fit import train
from fusionbench.training.recipe import Recipe

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
ROWS = re.findall(r"^\| `(\w+: [^`]+)` \| (\d*) ?\| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Ten small pairs, of which two are held out."""
    root, rng = tmp_path_factory.mktemp("data") / "msrs", np.random.default_rng(0)
    for index in range(10):
        for part, shape in (("ir", (48, 48)), ("vi", (48, 48, 3))):
            write_image(root / "train" / part / f"{index}.png", rng.integers(0, 256, shape, np.uint8))
    return root


def test_the_table_has_every_argument_of_the_trainer():
    assert set(inspect.signature(Trainer).parameters) <= {option.partition(":")[0] for option, *_ in ROWS}


@pytest.mark.slow
@pytest.mark.parametrize(("option", "steps", "outcome"), ROWS, ids=[option for option, *_ in ROWS])
def test_a_line_of_the_table_is_true(option, steps, outcome, data, tmp_path):
    given = yaml.safe_load(option)
    length = {} if {"max_steps", "max_epochs"} & given.keys() else {"max_epochs": 1}
    loader = {"datasets": "msrs", "root": str(data), "batch_size": 2, "crop": 16, "workers": 0, "val_share": 0.2}

    def trained() -> None:
        trainer = {"accelerator": "cpu", "enable_progress_bar": False, **length, **given}
        train(Recipe("drfusion-s", loader=loader, trainer=trainer), tmp_path)

    if outcome.startswith("refused: "):
        with pytest.raises(ValueError, match=re.escape(outcome.removeprefix("refused: "))):
            trained()
        return
    trained()
    checkpoint = tmp_path / "fusion" / "last.ckpt"
    reached = torch.load(checkpoint, weights_only=True)["global_step"] if checkpoint.exists() else 0
    assert reached == int(steps)
