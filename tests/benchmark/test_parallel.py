"""Runs in several processes leave what one process leaves, and end as it does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fusionbench.api.fuse import fuse_files
from fusionbench.benchmark.parallel import make_shards, run_in_processes
from fusionbench.benchmark.results import PARTS
from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import ONE_DEVICE, Benchmark, DatasetChoice, Execution, MethodChoice
from fusionbench.cli.main import main
from tests.pairs import files, write_pairs

TWO = Execution(accelerator="cpu", devices=2)
SIZES = ((24, 32), (17, 21), (24, 32), (24, 32), (17, 21), (24, 32), (24, 32))


@pytest.fixture
def sources(tmp_path):
    """Seven pairs, of which the fourth cannot be read."""
    write_pairs(tmp_path, SIZES)
    (tmp_path / "vi" / "3.png").write_bytes(b"broken")
    return tmp_path


def test_two_processes_leave_the_files_of_one_and_finish_what_is_added(sources, tmp_path, one_thread):
    asked = {
        "datasets": (DatasetChoice("folder", ir_dir=sources / "ir", vi_dir=sources / "vi"),),
        "degradations": ("clean", "ll+ir:sn"),
        "methods": (MethodChoice("average"), MethodChoice("lap")),
    }
    for metrics in (("EN", "CC@input"), ("EN", "VIF", "CC@input")):
        one = run(Benchmark(**asked, metrics=metrics), tmp_path / "one")
        two = run(Benchmark(**asked, metrics=metrics), tmp_path / "two", execution=TWO)
        assert two.problems == one.problems
        assert any("3.png" in problem for problem in two.problems)
        assert files(tmp_path / "two") == files(tmp_path / "one")
    assert not list((tmp_path / "two").rglob(PARTS))
    assert (tmp_path / "two/folder/clean/lap/failures.csv").read_text().startswith("3,")


def test_fused_folders_are_dealt_out_too(sources, tmp_path):
    pictures = []
    for execution in (ONE_DEVICE, TWO):
        out = tmp_path / str(len(pictures))
        data = DatasetChoice("folder", ir_dir=sources / "ir", vi_dir=sources / "vi")
        written, failures = fuse_files(MethodChoice("lap"), data, out, execution=execution)
        assert [path.stem for path in written] == ["0", "1", "2", "4", "5", "6"]
        assert list(failures) == ["3"]
        pictures.append(files(out))
    assert pictures[0] == pictures[1]


def command(sources, out, devices: int) -> list[str]:
    words = f"run --dataset folder --ir {sources / 'ir'} --vi {sources / 'vi'} --method gff,adf --degradation clean,ll"
    return [
        *words.split(),
        "--metrics",
        "EN,Qabf",
        "--out",
        str(out),
        "--accelerator",
        "cpu",
        "--devices",
        f"{devices}",
    ]


def started(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fusionbench", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(pattern: str, out: Path, process: subprocess.Popen[str]) -> None:
    while not list(out.rglob(pattern)) and process.poll() is None:
        time.sleep(0.002)
    assert process.poll() is None, process.stderr.read()


def test_killed_run_goes_on_in_as_many_processes_as_one_likes(sources, tmp_path, one_thread):
    out, copy = tmp_path / "out", tmp_path / "copy"
    process = started(command(sources, out, 2))
    try:
        wait_for(f"{PARTS}/*/scores.csv", out, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    shutil.copytree(out, copy)
    assert list(out.rglob(PARTS))
    finished = {path: path.stat().st_mtime_ns for path in out.rglob("images/[!.]*.png")}
    assert main(command(sources, out, 2)) == 3
    assert all(path.stat().st_mtime_ns == modified for path, modified in finished.items())
    assert main(command(sources, copy, 1)) == 3
    assert main(command(sources, tmp_path / "whole", 1)) == 3
    assert files(out / "folder") == files(copy / "folder") == files(tmp_path / "whole" / "folder")


def test_interrupt_ends_all_processes_with_one_line(sources, tmp_path):
    process = started(command(sources, tmp_path / "out", 2))
    wait_for("images/[!.]*.png", tmp_path / "out", process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130, error
    *logged, last = error.strip().splitlines()
    assert last == "fusionbench: interrupted; the same command continues where it stopped"
    assert all(line.endswith("% done)") for line in logged), error
    assert not list((tmp_path / "out").rglob(PARTS))
    assert gone(process.pid)


def gone(group: int) -> bool:
    """Whether every process of a group has ended within some seconds."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


WORK = """
import os, signal, time

def refuse(share, done, reach):
    done(1)
    if share.process == 1:
        raise ValueError("the input\\nis wrong")
    time.sleep(60)

def fail(share, done, reach):
    if share.process == 1:
        {}["name"]
    time.sleep(60)

def die(share, done, reach):
    if share.process == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(3600)
"""


@pytest.mark.parametrize(
    ("work", "sentence"), [("refuse", "^the input is wrong$"), ("die", "process 1 of 2 was killed by SIGKILL.*memory")]
)
def test_an_error_in_one_process_ends_the_run_and_keeps_the_rest(work, sentence, tmp_path, monkeypatch):
    (tmp_path / "work_in_processes.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("work_in_processes")
    ended = []
    with pytest.raises(ValueError, match=sentence):
        run_in_processes(getattr(module, work), make_shards(TWO), jobs=2, done=lambda count: None, ended=ended.append)
    assert ended == [0, 1]


def test_a_defect_in_one_process_is_a_sentence_whose_cause_is_the_traceback(tmp_path, monkeypatch, capfd):
    (tmp_path / "failing_in_processes.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("failing_in_processes")
    with pytest.raises(RuntimeError, match=r"^one of 2 processes failed: KeyError: 'name'$") as failed:
        run_in_processes(module.fail, make_shards(TWO), jobs=1, done=lambda count: None, ended=lambda job: None)
    assert "in fail\n" in str(failed.value.__cause__)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"accelerator": "cpu", "devices": 0}, "'0' is not a number|0 is not a number"),
        ({"accelerator": "cpu", "devices": "a"}, "'a' is not a number"),
        ({"accelerator": "cuda", "devices": "99"}, "CUDA devices that do not exist; there are"),
        ({"accelerator": "gpu", "devices": "0,0"}, "CUDA devices that do not exist"),
        ({"accelerator": "mps", "devices": 2}, "not on 'mps'"),
    ],
)
def test_devices_that_are_not_there_are_refused(asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_shards(Execution(**asked))


@pytest.mark.parametrize("count", ["WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_a_run_that_a_launcher_started_several_times_is_refused(count, monkeypatch):
    monkeypatch.setenv(count, "4")
    with pytest.raises(ValueError, match=r"one of 4 processes started by torchrun or srun.*--devices 4"):
        make_shards(ONE_DEVICE)


def test_a_script_of_a_slurm_job_of_several_tasks_may_run(sources, tmp_path, monkeypatch):
    for name, value in {"JOB_ID": "1", "JOB_NAME": "job", "NTASKS": "4", "NTASKS_PER_NODE": "4", "PROCID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    data = DatasetChoice("folder", ir_dir=sources / "ir" / "0.png", vi_dir=sources / "vi" / "0.png")
    written, _ = fuse_files(MethodChoice("average"), data, tmp_path / "o")
    assert len(written) == 1
