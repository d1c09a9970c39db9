"""Training in several processes: the same weights and the same validation as in one with a batch as large."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fusionbench.data.samplers import EpochSampler
from fusionbench.images.files import write_image
from fusionbench.trainer import is_rank_zero
from fusionbench.training.curves import read_logs
from fusionbench.training.fit import train
from fusionbench.training.recipe import Recipe
from tests.pairs import Counted

LAUNCHERS = {
    "lightning": [sys.executable, "-m", "fusionbench"],
    "torchrun": [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
        *("-m", "fusionbench"),
    ],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eleven pairs, of which three are held out; whole pairs in double precision take long, so these are small."""
    root, rng = tmp_path_factory.mktemp("data") / "msrs", np.random.default_rng(0)
    for index in range(11):
        write_image(root / "train" / "ir" / f"{index:02d}.png", rng.integers(0, 256, (32, 40), dtype=np.uint8))
        write_image(root / "train" / "vi" / f"{index:02d}.png", rng.integers(0, 256, (32, 40, 3), dtype=np.uint8))
    return root


def trained(command: list[str], data, out, *, batch: int, devices: int, accelerator: str = "cpu"):
    """The weights and the last validation after four steps of each phase; the three validation pairs are uneven."""
    loader = f"{{batch_size: {batch}, crop: 16, workers: 0, val_share: 0.27, flip: false}}"
    options = (
        f"{{max_epochs: 2, accelerator: {accelerator}, devices: {devices}, precision: 64-true, log_every_n_steps: 1, "
        f"enable_progress_bar: false, enable_model_summary: false{', strategy: ddp' if devices > 1 else ''}}}"
    )
    words = ["train", "--method", "lure-s", "--data", str(data), "--out", str(out), "--loader", loader]
    words += ["--loader.degradations", "[ll]", "--loader.eval_degradations", "[ll]", "--trainer", options]
    words += ["--options", "{perceptual: none}"]
    done = subprocess.run(
        [*command, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("written:") == 1
    for chatter in ("GPU available", "Tip", "LeafSpec", "GLOBAL_RANK"):
        assert chatter not in done.stdout + done.stderr
    logs = {phase: read_logs(out / phase / "logs") for phase in ("representation", "fusion")}
    return load_file(out / "lure-s.safetensors"), {phase: log["val/loss"].dropna() for phase, log in logs.items()}


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    return trained(LAUNCHERS["lightning"], data, tmp_path_factory.mktemp("alone") / "out", batch=4, devices=1)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_train_to_the_weights_of_one_with_twice_the_batch(launcher, alone, data, tmp_path):
    weights, validation = alone
    shared, validated = trained(LAUNCHERS[launcher], data, tmp_path / "out", batch=2, devices=2)
    assert weights.keys() == shared.keys()
    # In double precision, where only the order of sums differs (1e-16 relative); Adam may enlarge that by the inverse
    # of its epsilon (1e8) where a gradient is nothing but rounding. One step moves a weight by about 1e-4.
    for name, tensor in weights.items():
        torch.testing.assert_close(shared[name], tensor, rtol=0, atol=1e-8, msg=name)
    for phase, losses in validation.items():
        assert len(losses) == 2
        # A pair counted twice would show in the third digit.
        torch.testing.assert_close(
            torch.tensor(validated[phase].to_numpy()), torch.tensor(losses.to_numpy()), rtol=1e-7, atol=0
        )


RANDOM = """
import torch
import torch.distributed as dist
from fusionbench.training.callbacks import SaveRngState

dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())
kept = SaveRngState().state_dict()
expected = torch.rand(3)
torch.manual_seed(7)
restored = SaveRngState()
restored.load_state_dict(kept)
restored.on_train_batch_start(None, None, None, 0)
assert torch.equal(torch.rand(3), expected)
assert len(kept["processes"]) == 2
dist.destroy_process_group()
"""


def test_every_process_resumes_with_random_numbers_of_its_own(tmp_path):
    (tmp_path / "program.py").write_text(RANDOM)
    done = subprocess.run(
        [*LAUNCHERS["torchrun"][:-2], str(tmp_path / "program.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


NOISE = """
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file

from fusionbench.methods.dspfusion.denoiser import Schedule
from fusionbench.training.fit import train
from fusionbench.training.recipe import Recipe

out, noised, drawn = Path(sys.argv[1]), Schedule.noised, []


def noted(self, prior, noise):
    drawn.append(noise.clone())
    return noised(self, prior, noise)


Schedule.noised = noted


def trained(steps, folder, **options):
    drawn.clear()
    loader = dict(datasets="synthetic", limit=10, val_share=0.2, batch_size=2, crop=32, workers=0)
    trainer = dict(accelerator="cpu", devices=2, strategy="ddp", limit_val_batches=0, enable_progress_bar=False)
    phases = {"priors": {"trainer": {"max_epochs": 0}}, "diffusion": {"trainer": {"max_steps": steps}}}
    made = dict(iterations=4, early_crop=24, constant=1.0)
    recipe = Recipe("dspfusion-s", options=made, loader=loader, trainer=trainer, phases=phases)
    train(recipe, out / folder, **options)
    return [*drawn]


whole = trained(4, "whole")
other = [noise.clone() for noise in whole]
for noise in other:
    dist.broadcast(noise, 0)
same = all(torch.equal(*pair) for pair in zip(whole, other, strict=True))
assert same == (dist.get_rank() == 0), "the second process draws what the first draws"
parts = [*trained(2, "parts"), *trained(4, "parts", resume=True)]
assert len(parts) == len(whole) == 4 and all(torch.equal(*pair) for pair in zip(whole, parts, strict=True))
dist.barrier()
weights = [load_file(out / folder / "dspfusion-s.safetensors") for folder in ("whole", "parts")]
assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
dist.barrier()
dist.destroy_process_group()
"""


def test_processes_draw_noise_of_their_own_and_resume_bit_for_bit(tmp_path):
    (tmp_path / "program.py").write_text(NOISE)
    done = subprocess.run(
        [*LAUNCHERS["torchrun"][:-2], str(tmp_path / "program.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_trainer_that_cannot_work_is_refused_with_a_sentence(data, tmp_path):
    recipe = Recipe(
        "lure-s",
        options={"perceptual": "none"},
        loader={"datasets": "msrs", "root": str(data)},
        trainer={"accelerator": "cpu", "fast_dev_run": -1},
    )
    with pytest.raises(ValueError, match=r"the trainer of phase 'representation' cannot be set up"):
        train(recipe, tmp_path / "out")


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_devices_train_to_the_weights_of_one_with_twice_the_batch(data, tmp_path):
    weights, _ = trained(LAUNCHERS["lightning"], data, tmp_path / "one", batch=4, devices=1, accelerator="gpu")
    shared, _ = trained(LAUNCHERS["lightning"], data, tmp_path / "two", batch=2, devices=2, accelerator="gpu")
    for name, tensor in weights.items():
        # Kernels for another batch size may be others, so that more than the order of sums differs.
        torch.testing.assert_close(shared[name], tensor, rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize("count", [8, 11])
def test_processes_read_together_what_one_reads_in_a_batch_as_large(count):
    def places(processes: int, process: int) -> list[int]:
        sampler = EpochSampler(Counted(count, seed=5), processes=processes, process=process)
        sampler.set_epoch(3)
        return [turn.place for turn in sampler]

    first, second = places(2, 0), places(2, 1)
    assert len(first) == len(second) == count // 2
    assert not set(first) & set(second)
    for start in range(0, count // 4 * 2, 2):
        together = {*first[start : start + 2], *second[start : start + 2]}
        assert together == set(places(1, 0)[2 * start : 2 * start + 4])


def test_fewer_pairs_than_processes_are_refused():
    with pytest.raises(ValueError, match=r"1 training pairs are too few for 2 processes.*trainer\.devices"):
        EpochSampler(Counted(1, seed=5), processes=2)


@pytest.mark.parametrize(
    ("environment", "leading"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "2", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "1"}, False),
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_the_first_process_of_a_launch_leads(environment, leading, monkeypatch):
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_rank_zero() is leading


@pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*")
def test_memory_that_runs_out_ends_with_a_sentence(tmp_path, monkeypatch):
    from fusionbench.methods.lure.method import LURE

    monkeypatch.setattr(LURE, "training_step", lambda self, batch, index: torch.empty(2**55).sum())
    recipe = Recipe(
        "lure-s",
        options={"perceptual": "none"},
        loader={"batch_size": 2, "crop": 32, "workers": 0, "limit": 4, "degradations": ["ll"]},
        trainer={"max_steps": 1, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu",
                 "log_every_n_steps": 1},
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"ran out of memory; lower --loader\.batch_size.*no checkpoint was saved yet"):
        train(recipe, tmp_path / "out")
