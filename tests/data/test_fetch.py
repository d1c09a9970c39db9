from __future__ import annotations

import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from fusionbench.data import DATASETS, download, load
from fusionbench.data.fetch import home, unpack
from fusionbench.data.table import BY_SPLIT, DatasetCard, Mirror


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


MEMBERS = {
    "Toy-abc123/README.md": b"read me",
    "Toy-abc123/test/ir/1.png": png(1),
    "Toy-abc123/test/vi/1.png": png(2),
    "Toy-abc123/test/labels/1.png": png(3),
}


def archive(path, members=MEMBERS):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as contents:
        for name, content in members.items():
            contents.writestr(name, content)
    return path


@pytest.fixture
def toy(public, monkeypatch):
    """A dataset that is published at two addresses, the first of which is gone."""
    folder, address = public
    place = Mirror(
        urls=(f"{address}/gone.zip", f"{address}/toy.zip"), file="toy.zip", strip=1, keep=("test/ir", "test/vi")
    )
    card = DatasetCard("Toy", "", "", "none", ("test",), (BY_SPLIT,), counts={"test": 1}, mirrors=(place,))
    monkeypatch.setitem(DATASETS, "toy", card)
    archive(folder / "toy.zip")
    return folder


def test_published_archive_becomes_pairs(toy, tmp_path):
    root = tmp_path / "data"
    assert download("toy", root, progress=False) == [f"2 files of toy are in {root / 'toy'}"]
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert found == ["toy/test/ir/1.png", "toy/test/vi/1.png", "toy/toy.zip.accepted"]
    raw = load("toy", root=root).read(0)
    assert (raw.ir.max(), raw.vi.max()) == (1, 2)


def test_an_archive_without_a_checksum_is_compared_with_the_one_of_the_first_time(toy, tmp_path, capsys):
    download("toy", tmp_path, progress=False)
    assert capsys.readouterr().err.startswith("toy.zip: no checksum is published; ")
    shutil.rmtree(tmp_path / "toy" / "test")
    download("toy", tmp_path, progress=False)
    shutil.rmtree(tmp_path / "toy" / "test")
    archive(toy / "toy.zip", {**MEMBERS, "Toy-abc123/test/ir/1.png": png(9)})
    with pytest.raises(
        ValueError,
        match=(
            r"toy\.zip, fetched from .*was different before .*remove "
            r".*toy\.zip\.accepted"
        ),
    ):
        download("toy", tmp_path, progress=False)
    assert not (tmp_path / "toy" / "toy.zip").exists()
    (tmp_path / "toy" / "toy.zip.accepted").unlink()
    download("toy", tmp_path, progress=False)
    assert load("toy", root=tmp_path).read(0).ir.max() == 9


def test_what_is_there_is_not_fetched_again(toy, tmp_path):
    download("toy", tmp_path, progress=False)
    (toy / "toy.zip").unlink()
    (message,) = download("toy", tmp_path, progress=False)
    assert "is already in" in message
    assert "already" in message


def test_interrupted_unpacking_is_finished(toy, tmp_path):
    folder = tmp_path / "toy"
    (folder / "test" / "vi").mkdir(parents=True)
    (folder / "test" / "ir").mkdir()
    (folder / "test" / "ir" / "1.png").write_bytes(png(1))
    archive(folder / "toy.zip")
    (toy / "toy.zip").unlink()
    download("toy", tmp_path, progress=False)
    assert load("toy", root=tmp_path).names == ["1"]
    assert not (folder / "toy.zip").exists()


def test_damaged_archive_is_named(toy, tmp_path):
    (toy / "toy.zip").write_bytes((toy / "toy.zip").read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"toy\.zip is not a complete zip archive .*delete it and download again"):
        download("toy", tmp_path, progress=False)


def test_archive_of_another_layout_is_refused(toy, tmp_path):
    archive(toy / "toy.zip", {"Toy-main/images/1.png": png(1)})
    with pytest.raises(ValueError, match="contains none of test/ir, test/vi; its layout has changed"):
        download("toy", tmp_path, progress=False)


def test_members_that_lead_out_of_the_folder_are_left_out(tmp_path):
    path = archive(
        tmp_path / "evil.zip",
        {"a/../../outside.png": b"x", "/absolute.png": b"x", "a\\..\\b.png": b"x", "inside.png": b"x"},
    )
    assert unpack(path, tmp_path / "out", Mirror(file="evil.zip")) == 1
    assert not (tmp_path / "outside.png").exists()
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["inside.png"]


def test_an_archive_larger_than_the_disk_is_not_begun(tmp_path, monkeypatch):
    path = archive(tmp_path / "bomb.zip", {"a.png": bytes(10**6)})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**6, 1, 10**6 - 1))
    with pytest.raises(ValueError, match=r"bomb\.zip need 1000000 bytes, and 999999 are free"):
        unpack(path, tmp_path / "out", Mirror(file="bomb.zip"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("offset", "value"), [(6, 1), (8, 99)])
def test_an_archive_that_cannot_be_unpacked_here_is_named(offset, value, tmp_path):
    path = archive(tmp_path / "odd.zip", {"a.png": b"x"})
    data = bytearray(path.read_bytes())
    # The flag of encryption or the way of compression, in the member and in the table of contents.
    data[offset] = data[data.index(b"PK\x01\x02") + offset + 2] = value
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"odd\.zip cannot be unpacked here .*; unpack it into .* manually"):
        unpack(path, tmp_path / "out", Mirror(file="odd.zip"))


def test_a_member_that_is_both_a_file_and_a_folder_is_named(tmp_path):
    path = archive(tmp_path / "odd.zip", {"a": b"x", "a/b.png": b"y"})
    with pytest.raises(ValueError, match="would be both a file and a folder"):
        unpack(path, tmp_path / "out", Mirror(file="odd.zip"))


@pytest.mark.parametrize("name", [name for name, card in DATASETS.items() if any(place.page for place in card.mirrors)])
def test_places_for_a_browser_say_what_to_put_where(tmp_path, name):
    (message,) = download(name, tmp_path, progress=False)
    assert "http" in message
    assert str(tmp_path / name) in message
    assert "ROOT" not in message
    assert f"fusionbench data check {name} --data {tmp_path / name}" in message


@pytest.mark.parametrize("name", ["synthetic", "folder"])
def test_some_data_sets_need_no_download(name):
    assert download(name) == [f"{name} needs no download"]


def test_unknown_data_set_gets_the_nearest_names(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'roadscene'"):
        download("road-scene", tmp_path)


def test_root_is_the_data_set_or_what_holds_it(tmp_path, monkeypatch):
    assert home("msrs", tmp_path) == tmp_path / "msrs"
    assert home("msrs", tmp_path / "MSRS") == tmp_path / "MSRS"
    monkeypatch.setenv("FUSIONBENCH_DATA", str(tmp_path))
    assert home("msrs") == tmp_path / "msrs"
