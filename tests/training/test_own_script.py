"""The methods under a Trainer of one's own: a phase is entered, and the data are what it learns from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning import Trainer

from fusionbench import methods
from fusionbench.data.datamodule import EMSDataModule, FusionDataModule
from fusionbench.images.files import write_image
from fusionbench.methods.dspfusion.method import PAPER
from fusionbench.methods.lure.text.tasks import LEARNED

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:.*LeafSpec.*:FutureWarning",
)

OPTIONS = {"drfusion-s": {}, "dspfusion-s": {}, "lure-s": {"perceptual": "none"}}
PHASES = [
    ("drfusion-s", "fusion"),
    ("dspfusion-s", "priors"),
    ("dspfusion-s", "diffusion"),
    ("lure-s", "representation"),
    ("lure-s", "fusion"),
]


def data(**options) -> FusionDataModule:
    return FusionDataModule(limit=4, crop=32, batch_size=2, workers=0, val_share=0.25, **options)


def fit(method, pairs, **options) -> Trainer:
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
        **{"max_steps": 1, **options},
    )  # fmt: skip
    trainer.fit(method, datamodule=pairs)
    return trainer


@pytest.mark.parametrize(("name", "phase"), PHASES)
@pytest.mark.parametrize("how", ["built", "loaded"])
def test_every_phase_trains_what_it_is_for_on_built_and_on_loaded_weights(name, phase, how):
    make = methods.load if how == "loaded" else methods.build
    method = make(name, phase=phase, **OPTIONS[name])
    before = {key: value.clone() for key, value in method.state_dict().items()}
    trainer = fit(method, data())
    assert method.phase == phase
    assert method.training
    moved = {key.split(".")[0] for key, value in method.state_dict().items() if not value.equal(before[key])}
    expected = {
        "priors": {"net_g", "net_dp", "net_sp"}, "diffusion": {"net_dm"}, "representation": {"network", "text"},
        "fusion": {"network"} if name == "lure-s" else {"diffusion"},
    }  # fmt: skip
    assert moved == expected[phase]
    assert trainer.logged_metrics["train/loss"].isfinite()


@pytest.mark.parametrize("name", OPTIONS)
def test_without_a_phase_the_first_is_trained(name):
    method = methods.build(name, **OPTIONS[name])
    fit(method, data())
    assert method.phase == method.phases[0]
    frozen = [parameter for parameter in method.parameters() if not parameter.requires_grad]
    assert frozen  # of the later phase, or of no phase


@pytest.mark.parametrize("name", OPTIONS)
def test_a_phase_that_there_is_not_is_refused_where_it_is_named(name):
    with pytest.raises(ValueError, match="has no phase 'fuson'; its phases are"):
        methods.build(name, phase="fuson", **OPTIONS[name])


def test_data_are_degraded_as_the_method_learns_and_have_contrasts_where_it_reads_them():
    for name, phase, expected, contrasts in (
        ("dspfusion-s", "priors", PAPER, True),
        ("dspfusion-s", "diffusion", PAPER, False),
        ("lure-s", "representation", LEARNED, False),
        ("lure-s", "fusion", ("clean",), False),
        ("drfusion-s", "fusion", ("noise", "blur", "composite"), False),
    ):
        pairs = data()
        fit(methods.build(name, phase=phase, **OPTIONS[name]), pairs, max_steps=0)
        assert pairs.train_pairs.degradations == pairs.val_pairs.degradations == expected
        assert ("negatives" in next(iter(pairs.train_dataloader()))) == contrasts


def test_degradations_that_are_named_go_first():
    pairs = data(degradations="ll", eval_degradations=["oe"])
    fit(methods.build("dspfusion-s"), pairs, max_steps=0)
    assert (pairs.train_pairs.degradations, pairs.val_pairs.degradations) == (("ll",), ("oe",))


def test_one_data_module_serves_phase_after_phase():
    method, pairs = methods.build("dspfusion-s"), data()
    fit(method, pairs)
    assert "negatives" in next(iter(pairs.train_dataloader()))
    method.begin_phase("diffusion")
    fit(method, pairs)
    assert "negatives" not in next(iter(pairs.train_dataloader()))


def test_lure_without_a_phase_is_not_trained_on_everything_at_once():
    method = methods.build("lure-s", perceptual="none")
    with pytest.raises(ValueError, match="no phase has begun; call begin_phase with one of representation, fusion"):
        method.terms({"vi": torch.zeros(1, 3, 8, 8)}, 0)


@pytest.fixture
def msrs(tmp_path, monkeypatch):
    """The folder data/msrs of the present folder."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 25), ("test", 2)):
        for name in map(str, range(count)):
            for part, shape in (("ir", (64, 64)), ("vi", (64, 64, 3))):
                write_image(tmp_path / f"data/msrs/{split}/{part}/{name}.png", rng.integers(0, 256, shape, np.uint8))
    monkeypatch.chdir(tmp_path)


def shortened(code: str) -> str:
    """The code with trainings of one step on small crops."""
    code, lengths = re.subn(r"max_steps=\d+", "max_steps=1", code)
    code = re.sub(r'MSRSDataModule\("data/msrs"', r"\g<0>, crop=32, batch_size=2, workers=0", code)
    code = re.sub(r"crop=64, batch_size=4(, workers=0), limit=24", r"crop=32, batch_size=2\1, limit=4", code)
    code = code.replace("L.Trainer(", "L.Trainer(enable_model_summary=False, enable_progress_bar=False, ")
    assert lengths
    return code


@pytest.mark.filterwarnings("ignore:`isinstance.treespec:FutureWarning", "ignore:.*does not have many workers.*")
def test_the_code_of_the_page_runs(msrs):
    page = (ROOT / "docs" / "own-script.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    held: dict[str, Any] = {}
    exec(shortened("\n".join(code)), held)
    assert held["method"].next_phase == "priors"  # as its checkpoint was made
    assert held["fused"][0].shape == (2, 3, 64, 64)


def test_the_code_of_the_notebook_runs_and_has_no_outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    book = json.loads((ROOT / "docs" / "notebooks" / "train.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    held: dict[str, Any] = {}
    exec(shortened("\n".join("".join(cell["source"]) for cell in cells)), held)
    assert held["again"].hparams == held["method"].hparams
    assert held["fused"].shape == held["pair"]["vi"].shape


def test_a_time_alone_may_limit_a_training():
    fit(methods.build("dspfusion-s"), data(), max_steps=-1, max_time="00:00:00:01", limit_val_batches=0)


def test_lure_learns_low_contrast_from_ems(tmp_path):
    rng = np.random.default_rng(0)
    for split, scenes in (("train", "abc"), ("val", "d")):
        for folder, codes in {"IR": "Norm LC SN", "VI": "Norm Rain"}.items():
            for name in [f"{scene}_{code}" for scene in scenes for code in codes.split()]:
                write_image(tmp_path / split / folder / f"{name}.png", rng.integers(0, 256, (32, 32, 3), np.uint8))
            for scene in scenes:
                image = rng.integers(0, 256, (32, 32, 3), np.uint8)
                write_image(tmp_path / split / f"{folder}_enhanced" / f"{scene}.png", image)
    options = {"root": tmp_path, "crop": 32, "batch_size": 3, "workers": 0}
    pairs = EMSDataModule(**options, only={"ems": ["lc"]})
    trainer = fit(methods.build("lure-s", perceptual="none"), pairs)
    assert pairs.train_pairs.source.names == [f"{scene}_Norm_LC" for scene in "abc"]
    assert trainer.logged_metrics["train/unified"].isfinite()
    with pytest.raises(ValueError, match="contrasts are all files of a scene"):
        fit(methods.build("dspfusion-s"), pairs)
