"""No-reference scores: no number without the right files, and the right number with them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch

from fusionbench.images.files import read_image
from fusionbench.images.tensors import to_tensor
from fusionbench.metrics import evaluate
from fusionbench.metrics.pyiqa import score as learned
from fusionbench.metrics.pyiqa.preflight import find_files
from fusionbench.metrics.pyiqa.rows import NO_REFERENCE, pyiqa_name
from fusionbench.metrics.pyiqa.sandbox import quietly, sandboxed
from fusionbench.metrics.pyiqa.score import load, pyiqa_score
from fusionbench.metrics.pyiqa.table import LICENCE, NETWORKS
from fusionbench.weights.card import PUBLISHED
from fusionbench.weights.checksums import accept

QUICK = ["ARNIQA", "CLIP-IQA", "LIQE", "MUSIQ", "MUSIQ-AVA", "NIQE", "PI"]
SLOW = ["MANIQA", "TReS"]  # twenty and fifty crops of 224 x 224
SMALL = {"LIQE": (225, 226)}


def noise(name: str, count: int = 1, seed: int = 0) -> torch.Tensor:
    """Smooth random images of a size that the score can read."""
    least = NETWORKS[pyiqa_name(name)].smallest
    height, width = SMALL.get(name, (max(64, least), max(96, 2 * least)))
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, height // 4, width // 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (0.8 * smooth + 0.2 * torch.rand(smooth.shape, generator=generator)).mul(255).round() / 255


def test_quick_and_slow_are_all():
    assert sorted([*QUICK, *SLOW]) == sorted(NO_REFERENCE)


@pytest.mark.parametrize("name", NO_REFERENCE)
def test_without_weights_files_and_places_are_named_at_once(name, home, lookups):
    with pytest.raises(FileNotFoundError) as caught:
        pyiqa_score(noise(name), pyiqa_name(name))
    assert lookups == []
    for card in NETWORKS[pyiqa_name(name)].cards().values():
        assert str(home / "weights" / card.folder / card.file) in str(caught.value)
        assert card.urls[0] in str(caught.value)


@pytest.mark.parametrize("name", NO_REFERENCE)
def test_random_numbers_under_the_right_name_are_refused(name, put, lookups):
    put(pyiqa_name(name), accepted=False)
    with pytest.raises(ValueError, match=r"is not the published|the provenance of"):
        pyiqa_score(noise(name), pyiqa_name(name))
    assert lookups == []


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_accepted_files_make_the_score_whatever_the_batch_and_the_generator(name, put, lookups):
    metric = pyiqa_name(name)
    put(metric)
    images = torch.cat([noise(name, seed=seed) for seed in range(2)])
    together = evaluate(images, None, None, [name])[name]
    assert together.dtype == torch.float64
    assert together.shape == (2,)
    assert torch.isfinite(together).all()
    learned._loaded.cache_clear()
    torch.manual_seed(17)
    assert torch.equal(pyiqa_score(images[1:], metric), together[1:])
    assert lookups == []


@pytest.mark.parametrize("name", ["ARNIQA", "MUSIQ", "NIQE", "PI"])
def test_other_files_make_another_score(name, put):
    metric = pyiqa_name(name)
    put(metric)
    first = pyiqa_score(noise(name), metric)
    put(metric, seed=1)
    assert not torch.equal(pyiqa_score(noise(name), metric), first)


@pytest.mark.parametrize("name", SLOW)
def test_large_networks_are_filled_from_accepted_files(name, put, lookups):
    put(pyiqa_name(name))
    assert callable(load(pyiqa_name(name)))
    assert lookups == []


def test_a_gray_image_is_three_equal_channels(put):
    put("musiq")
    gray = noise("MUSIQ")[:, :1]
    assert torch.equal(pyiqa_score(gray, "musiq"), pyiqa_score(gray.expand(-1, 3, -1, -1), "musiq"))


@pytest.mark.parametrize("name", ["CLIP-IQA", "LIQE", "NIQE", "PI"])
def test_the_smallest_image_has_a_score_and_a_smaller_one_a_reason(name, put):
    metric, least = pyiqa_name(name), NETWORKS[pyiqa_name(name)].smallest
    put(metric)
    image = torch.rand(1, 3, least, least, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(pyiqa_score(image, metric)).all()
    with pytest.raises(ValueError, match=f"needs images of at least {least} pixels per side, not {least - 1}"):
        pyiqa_score(image[..., 1:], metric)


def test_an_altered_file_is_refused_again(put):
    (path,) = put("musiq")
    load("musiq")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"recorded \(made by a test\)"):
        load("musiq")


def test_a_file_of_another_architecture_is_refused(put, made):
    (path,) = put("musiq")
    path.write_bytes(made("musiq_ava_ckpt-e8d3f067.pth").read_bytes())
    accept(path, "made by a test")
    with pytest.raises(ValueError, match=r"cannot be loaded from musiq_koniq.*head"):
        load("musiq")


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04junk"])
@pytest.mark.parametrize("metric", ["musiq", "niqe"])
def test_damaged_files_are_refused_in_one_sentence(metric, content, put):
    (path,) = put(metric)
    path.write_bytes(content)
    accept(path, "made by a test")
    with pytest.raises(ValueError, match=f"'{metric}' cannot be loaded from {path.name}") as caught:
        load(metric)
    assert "\n" not in str(caught.value)


def test_a_tensor_that_no_file_fills_is_found(put):
    (path,) = put("musiq")
    state = torch.load(path, weights_only=True)
    state["head.weight"] = torch.full_like(state["head.weight"], torch.nan)
    torch.save(state, path)
    accept(path, "made by a test")
    with pytest.raises(ValueError, match=r"do not contain head\.weight"):
        load("musiq")


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_code_in_an_accepted_file_is_never_run(put, tmp_path):
    (path,) = put("musiq")
    torch.save({"weight": Payload(tmp_path / "mark")}, path)
    accept(path, "made by a test")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load("musiq")
    assert not (tmp_path / "mark").exists()


def test_pyiqa_cannot_reach_the_network_nor_files_of_its_own(put, tmp_path, lookups):
    (path,) = put("musiq")
    cache = tmp_path / "torch" / "hub" / "pyiqa"
    cache.mkdir(parents=True)
    (cache / path.name).write_bytes(path.read_bytes())
    with quietly():
        import pyiqa
    with sandboxed({}), pytest.raises(OSError, match="requests a file from huggingface"):
        pyiqa.create_metric("musiq", device="cpu")
    assert lookups == []


def test_the_enclosure_leaves_everything_as_it_was(put):
    with quietly():
        from pyiqa.utils import download_util
    import timm
    import torchvision

    def state() -> list[object]:
        tools = [torch.hub._hub_dir, download_util.DEFAULT_CACHE_DIR, timm.create_model, torchvision.models.resnet50]
        return [*tools, torch.nn.init.normal_, os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD"), *torch.get_rng_state()]

    before = state()
    put("arniqa")
    load("arniqa")
    assert state() == before


def test_what_computed_a_score_is_named_with_its_hash(put):
    (path,) = put("musiq")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert find_files("musiq").identity() == {
        "pyiqa": "musiq",
        "version": "0.1.16",
        "files": {path.name: digest},
        "unpublished": {path.name: "made by a test"},
    }


def test_files_in_the_cache_of_torch_are_found(made, tmp_path):
    place = tmp_path / "torch" / "hub" / "pyiqa" / "musiq_koniq_ckpt-e95806b9.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(made(place.name).read_bytes())
    accept(place, "made by a test")
    assert list(find_files("musiq").files.values()) == [place]


def test_the_licence_is_told_at_the_first_use_only(put, capsys):
    put("niqe")
    learned._tell_licence.cache_clear()
    learned._loaded.cache_clear()
    for _ in range(2):
        pyiqa_score(noise("NIQE"), "niqe")
    assert capsys.readouterr().err.strip() == LICENCE


@pytest.mark.shared
@pytest.mark.parametrize("file", ["modelparameters.mat", "niqe_pris_params.npz"])
def test_niqe_agrees_with_published_values(file, shared, home):
    folder = home / "weights" / "pyiqa"
    folder.mkdir(parents=True)
    (folder / file).write_bytes((shared / "weights" / "iqa_niqe" / file).read_bytes())
    assert find_files("niqe").provenance == {"pyiqa/niqe_modelparameters.mat": PUBLISHED}
    golden = json.loads((shared / "golden" / "golden.json").read_text())
    for name, values in golden.items():
        (path,) = (shared / "golden" / "images" / name).glob("fused.*")
        score = evaluate(to_tensor(read_image(path))[None], None, None, ["NIQE"])["NIQE"]
        expected = torch.tensor([values["pyiqa_py"]["NIQE_pyiqa0.1.16_BasicSRparams"]], dtype=torch.float64)
        torch.testing.assert_close(score, expected, rtol=1e-6, atol=0)


@pytest.mark.shared
def test_piqe_needs_no_files_and_agrees_with_published_values(shared):
    golden = json.loads((shared / "golden" / "golden.json").read_text())
    for name, values in golden.items():
        (path,) = (shared / "golden" / "images" / name).glob("fused.*")
        score = evaluate(to_tensor(read_image(path))[None], None, None, ["pyiqa:piqe"])["pyiqa:piqe"]
        assert score.item() == pytest.approx(values["pyiqa_py"]["PIQE_pyiqa0.1.16"], rel=1e-5)
