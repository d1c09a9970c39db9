"""Wrong input: one sentence that names the thing and the way out, exit status 2, no traceback."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fusionbench.cli.main import main
from fusionbench.images.files import write_image


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two pairs in ir/ and vi/, their fused images in fused/, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FUSIONBENCH_DATA", raising=False)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_image(tmp_path / "ir" / f"{name}.png", rng.integers(0, 256, (24, 32), dtype=np.uint8))
        for kind in ("vi", "fused"):
            write_image(tmp_path / kind / f"{name}.png", rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    (tmp_path / "empty").mkdir()
    return tmp_path


PAIR = "--dataset folder --ir ir --vi vi"

CASES = {
    "unknown method": ("run --method lapp --out o", "unknown method 'lapp'; did you mean 'lap'"),
    "unknown dataset": ("run --dataset mrsr --out o", "unknown dataset 'mrsr'; did you mean 'msrs'"),
    "unknown metric": ("run --metrics EN,Qbaf --out o", "unknown metric 'Qbaf'; did you mean 'Qabf'"),
    "unknown protocol": ("run --protocol dspfusoin --out o", "unknown protocol 'dspfusoin'; did you mean 'dspfusion'"),
    "unknown variant": ("run --metrics MI@tong --out o", "unknown protocol 'tong'"),
    "unknown degradation": ("run --degradation rian --out o", "did you mean 'rain'"),
    "ambiguous degradation": ("run --degradation rn --out o", "'ir:rn' or 'vi:rn'"),
    "wrong modality": ("run --degradation ir:rain --out o", "rain"),
    "value out of range": ("run --degradation ll(7) --out o", "7"),
    "unbalanced brackets": ("run --degradation ll(0.5 --out o", "bracket"),
    "empty term": ("run --degradation ll++lc --out o", "ll++lc"),
    "method named twice": ("run --method lap,lap --out o", "method 'lap' is given twice"),
    "one degradation spelled twice": (
        "run --degradation ll+lc,vi:ll+ir:lc --out o",
        "degradation 'll+lc' is given twice",
    ),
    "no method": ("run --method= --out o", "has no methods"),
    "limit of zero": ("run --limit 0 --out o", "limit is 0"),
    "negative tile": ("run --tile=-1 --out o", "tile is -1"),
    "batches of nothing": ("run --batch-size 0 --out o", "the batch size is 0; it must be 1 or more"),
    "fewer than no workers": ("run --workers=-1 --out o", "workers is -1; it must be 0"),
    "unknown precision": ("run --precision 8-bit --out o", "precision is '8-bit'; it must be one of 16-mixed, 32-true"),
    "fuse by batches of nothing": ("fuse --ir ir --vi vi --batch-size 0 --out o", "the batch size is 0"),
    "bench by fewer than no workers": ("bench lure --workers=-1 --out o", "workers is -1"),
    "degrade by fewer than no workers": (f"degrade {PAIR} --workers=-1 --export o", "workers is -1"),
    "missing dataset": ("run --dataset msrs --root nowhere --out o", "nowhere"),
    "dataset not downloaded": ("run --dataset roadscene --out o", "roadscene"),
    "one folder that holds neither of two datasets": ("run --dataset msrs,tno --data r --out o", "r/msrs"),
    "split that does not exist": ("run --dataset synthetic --split dev --out o", "dev"),
    "missing weights": ("run --method ifcnn --out o", "--weights ifcnn="),
    "weights file that is not there": ("run --method ifcnn --weights ifcnn=no.pth --out o", "no.pth"),
    "weights of no method": ("run --method lap --weights ifcnn=x --out o", "'ifcnn', which is not in --method lap"),
    "weights without a name": ("run --method lap --weights x.pth --out o", "'x.pth' is not of the form NAME=PATH"),
    "external without a folder": ("run --method external --out o", "folder"),
    "fuse without sources": ("fuse --method lap --out o", "--ir and --vi"),
    "fuse a missing file": ("fuse --ir no.png --vi vi/a.png --out o", "no.png does not exist"),
    "fuse file with folder": ("fuse --ir ir/a.png --vi vi --out o", "one is a folder and the other is not"),
    "fuse empty folders": ("fuse --ir empty --vi empty --out o", "empty"),
    "score without a folder": ("score --out o", "--fused"),
    "score a missing folder": (f"score --fused no {PAIR} --out o", "no is not a folder"),
    "score an empty folder": (f"score --fused empty {PAIR} --out o", "no images"),
    "score names of other pairs": (f"score --fused ir/../other {PAIR} --out o", "have no sources"),
    "score no pairs": (f"score --fused fused {PAIR} --limit 0 --out o", "limit is 0"),
    "score all pairs but one": (f"score --fused fused {PAIR} --limit=-1 --out o", "limit is -1"),
    "degrade no pairs": (f"degrade {PAIR} --limit 0 --export o", "limit is 0"),
    "degrade all pairs but one": (f"degrade {PAIR} --limit=-1 --export o", "limit is -1"),
    "degrade by nothing": (f"degrade {PAIR} --degradation= --export o", "no degradation is given"),
    "degrade an unknown dataset": ("degrade --dataset nope --export o", "unknown dataset 'nope'"),
    "shard no pairs": ("data shard --dataset synthetic --limit 0 --out o", "limit is 0"),
    "bench no pairs": ("bench lure --limit=-1 --out o", "limit is -1"),
    "no method in a file": ("run --config null.yaml --out o", "has no methods"),
    "report of nothing": ("report empty", "no results in empty"),
    "config that is not there": ("run --config no.yaml", "no.yaml"),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_is_one_sentence_and_status_2(case, folders, capsys):
    write_image(folders / "other" / "z.png", np.zeros((24, 32, 3), np.uint8))
    (folders / "null.yaml").write_text("method: null\n")
    words, expected = CASES[case]
    assert status_of(words.split()) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert "Traceback" not in error
    assert not (folders / "o").exists()


def status_of(words):
    try:
        return main(words)
    except SystemExit as stop:  # the argument parser's own errors
        return stop.code


def test_unequal_pair_names_both_sizes(folders, capsys):
    write_image(folders / "ir" / "a.png", np.zeros((30, 32), np.uint8))
    main(f"run --method average {PAIR} --metrics EN --out o".split())
    shown = capsys.readouterr()
    assert "32x30" in shown.out + shown.err
    assert "32x24" in shown.out + shown.err


def test_unmatched_files_are_named(folders, capsys):
    (folders / "vi" / "b.png").rename(folders / "vi" / "c.png")
    assert main(f"run --method average {PAIR} --metrics EN --out o".split()) == 2
    error = capsys.readouterr().err
    assert "b" in error
    assert "c" in error


def test_corrupt_image_is_a_row_and_the_rest_goes_on(folders, capsys):
    path = folders / "vi" / "b.png"
    path.write_bytes(path.read_bytes()[:300])
    assert main(f"run --method average {PAIR} --metrics EN --out o".split()) == 3
    rows = (folders / "o" / "folder" / "clean" / "average" / "scores.csv").read_text().splitlines()
    assert rows[1].startswith("a,ok,")
    assert "b.png" in rows[2]
    assert rows[2].startswith("b,")
    assert "b.png" in " ".join(capsys.readouterr().out.split())


def test_fused_image_of_another_size_names_both(folders, capsys):
    write_image(folders / "fused" / "a.png", np.zeros((24, 30, 3), np.uint8))
    assert main(f"score --fused fused {PAIR} --metrics EN --out o".split()) == 2
    assert "30x24, its sources are 32x24" in capsys.readouterr().err


def test_wrong_checkpoint_is_refused(folders, capsys):
    import torch

    torch.save({"conv.weight": torch.zeros(2)}, folders / "ifcnn.pth")
    assert main(["run", "--method", "ifcnn", "--weights", "ifcnn=ifcnn.pth", "--out", "o"]) == 2
    assert "ifcnn.pth" in capsys.readouterr().err


def test_other_settings_in_the_same_folder_are_refused(folders, capsys):
    assert main(f"run --method average {PAIR} --metrics EN --out o".split()) == 0
    assert main(f"run --method average {PAIR} --metrics EN --seed 5 --out o".split()) == 2
    assert "seed was 0, now 5" in capsys.readouterr().err


def test_damaged_meta_is_named(folders, capsys):
    assert main(f"run --method average {PAIR} --metrics EN --out o".split()) == 0
    (folders / "o" / "folder" / "clean" / "average" / "meta.json").write_text("{")
    assert main(f"run --method average {PAIR} --metrics EN --out o".split()) == 2
    assert "meta.json is damaged" in capsys.readouterr().err


def test_debug_shows_the_traceback(folders):
    with pytest.raises(ValueError, match="unknown method"):
        main(["--debug", "run", "--method", "lapp", "--out", "o"])


def test_limit_marks_the_table_partial(folders, capsys):
    assert main(f"run --method average {PAIR} --metrics EN --limit 1 --out o".split()) == 0
    assert "1 of 2 images, partial" in capsys.readouterr().out
    assert json.loads((folders / "o/folder/clean/average/meta.json").read_text())["images"]["available"] == 2
