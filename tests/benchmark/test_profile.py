"""What methods cost: counts that can be computed by hand, times and memory of calls whose cost is known."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest
import torch
from rich.console import Console

from fusionbench.benchmark import profile
from fusionbench.benchmark.profile import Request, parse_size, profile_all, profile_method, table, timed
from fusionbench.cli.main import main


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))


def request(method, **changes):
    return Request(method, **{"height": 24, "width": 40, "runs": 3, "warm_up": 0, **changes})


def test_operations_of_a_network_are_counted_by_hand():
    # IFCNN: 7x7 to 64 channels and 3x3 on either image, then 3x3 and 1x1 to 3 channels on the merged features.
    found = profile_method(request("ifcnn"))
    per_pixel = 2 * (49 * 3 * 64 + 9 * 64 * 64) + 9 * 64 * 64 + 64 * 3
    assert found.macs == 24 * 40 * per_pixel
    assert found.flops == 2 * found.macs
    assert found.parameters == 49 * 3 * 64 + 2 * (9 * 64 * 64 + 2 * 64) + 64 * 3 + 3


def test_methods_without_networks_have_no_parameters_and_say_so():
    found = profile_method(request("average"))
    assert (found.parameters, found.flops, found.weights) == (0, 0, "none")
    assert found.runs == 3
    assert 0 < found.fastest_quarter <= found.seconds <= found.slowest_quarter


def test_missing_weights_are_random_but_a_named_file_must_be_there(tmp_path):
    assert profile_method(request("mmdrfuse")).weights == "random"
    with pytest.raises(FileNotFoundError, match=r"nothing\.pth"):
        profile_method(request("mmdrfuse", weights=tmp_path / "nothing.pth"))


def test_numbers_are_per_image_of_a_batch():
    one, four = profile_method(request("mmdrfuse")), profile_method(request("mmdrfuse", batch=4))
    assert one.flops == four.flops > 0


def test_times_are_medians_of_calls_after_the_warm_up():
    calls = []

    def call():
        calls.append(None)
        time.sleep(0.2 if len(calls) <= 2 else 0.01)

    times = timed(call, request("average", warm_up=2, runs=5))
    assert len(times) == 5
    assert len(calls) == 7
    assert 0.01 <= min(times) < 0.2


def test_slow_methods_are_called_thrice_in_any_case():
    times = timed(lambda: time.sleep(0.02), request("average", runs=50, allowed=0.01))
    assert len(times) == profile.LEAST_RUNS


@pytest.mark.skipif(not profile.CLEAR.exists(), reason="only Linux tells the peak of a process's memory")
def test_peak_memory_is_what_the_block_held_at_once():
    # In a process of its own: what a long suite has freed may be taken up again without being counted.
    program = (
        "import torch; from fusionbench.benchmark.profile import peak_memory; held = torch.zeros(2**22)\n"
        "with peak_memory(torch.device('cpu')) as found:\n"
        "    block = torch.ones(2**25) + 1\n"  # twice 128 MiB at a time
        "    del block\n"
        "print(found['bytes'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 250 * 2**20 < int(done.stdout) < 300 * 2**20


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--method lapp", "unknown method 'lapp'"),
        ("--method ddfm", "'ddfm' runs outside this package"),
        ("--size 480", "size '480' is not of the form HEIGHTxWIDTH"),
        ("--size 0x640", "height is 0"),
        ("--device tpu", "device is 'tpu'"),
        ("--runs 0", "runs is 0"),
        ("--weights ifcnn=x", "'ifcnn', which is not in"),
    ],
)
def test_wrong_requests_are_one_sentence(capsys, tmp_path, words, expected):
    assert main(["profile", *words.split(), "--out", str(tmp_path / "o")]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_command_writes_a_table(tmp_path, capsys):
    words = ["profile", "--method", "average", "--size", "16x16", "--runs", "1", "--device", "cpu", "--out"]
    assert main([*words, str(tmp_path)]) == 0
    written = pd.read_csv(tmp_path / "profile.csv")
    assert written.loc[0, ["method", "device", "size"]].tolist() == ["average", "cpu", "16x16"]
    assert "two operations per multiply-add" in " ".join(capsys.readouterr().out.split())


def test_a_failing_method_is_listed(tmp_path):
    found, problems = profile_all([request("mmdrfuse", weights=tmp_path / "no.pth")])
    assert found == []
    assert problems[0].startswith("mmdrfuse on cpu: no weights for 'mmdrfuse'")


def test_numbers_are_printed_without_exponents():
    entry = replace(profile_method(request("average")), parameters=49_200, flops=3 * 10**12, weights="random")
    console = Console(width=100, record=True)
    console.print(table([entry]))
    shown = console.export_text()
    assert "average*" in shown
    assert "0.0492" in shown
    assert "3000" in shown


def test_sizes_are_height_times_width():
    assert parse_size("480x640") == (480, 640)


@pytest.mark.gpu
def test_cuda_is_measured_with_its_own_allocator():
    found = profile_method(request("ifcnn", device="cuda", height=480, width=640))
    features = 64 * 480 * 640 * 4
    assert found.memory > 2 * features
    assert found.hardware == torch.cuda.get_device_name(0)


@pytest.mark.parametrize(("option", "told"), [("", True), ("--quiet", False)])
def test_every_step_is_told_while_it_is_measured(option, told, tmp_path, capfd):
    words = f"profile --method average --device cpu --size 24x40 --warm-up 1 --runs 3 --out {tmp_path} {option}"
    assert main(words.split()) == 0
    steps = ["loading", "a call whose memory", "a call whose operations", "warm-up", "timed calls: 3"]
    error = capfd.readouterr().err
    assert [f"average on cpu: {step}" in error for step in steps] == [told] * len(steps)


def test_a_slow_call_has_a_line_of_its_own(caplog):
    with caplog.at_level(logging.INFO, "fusionbench"):
        timed(lambda: time.sleep(0.01), request("average"))
        assert "call 1" not in caplog.text
        timed(lambda: time.sleep(1.01), request("average", allowed=0))
        assert "call 3: 1.01 s" in caplog.text
