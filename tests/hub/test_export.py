"""Exported methods: the same numbers and the same name after a round trip, and a card that says what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

import fusionbench
from fusionbench import methods
from fusionbench.cli.main import main
from fusionbench.hub.export import export, from_pretrained
from fusionbench.hub.trained import trained
from fusionbench.images.files import write_image
from fusionbench.registry import RenamedWarning
from fusionbench.weights import store
from fusionbench.weights.checksums import sha256
from fusionbench.weights.read import read_state
from fusionbench.weights.safetensors import read_metadata
from fusionbench.weights.store import PRETRAINED

RECIPE = {
    "method": "lure-s",
    "options": {"learning_rate": 0.002, "perceptual": "latent"},
    "loader": {"datasets": ["msrs"], "batch_size": 4, "crop": 64},
    "trainer": {"gradient_clip_val": 1.0},
    "phases": {
        "representation": {"loader": {"degradations": ["ll(0.4~0.8)", "sr4"]}, "trainer": {"max_steps": 9}},
        "fusion": {"loader": {"degradations": ["clean"]}},
    },
    "seed": 3,
    "save_every": 500,
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def training(place) -> Path:
    """The folder that a training of version 0.1.0 left, with random numbers in the file."""
    torch.manual_seed(5)
    method = methods.build("lure-s", **RECIPE["options"])
    (place / "trained").mkdir()
    header = {"method": "lure-s", "version": "0.1.0", "recipe": json.dumps(RECIPE)}
    state = {name: tensor.contiguous() for name, tensor in method.state_dict().items()}
    save_file(state, place / "trained" / "lure-s.safetensors", header)
    return place / "trained"


@pytest.fixture
def sources(place) -> str:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_image(place / "ir" / f"{name}.png", rng.integers(0, 256, (24, 32), dtype=np.uint8))
        write_image(place / "vi" / f"{name}.png", rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    return "--dataset folder --ir ir --vi vi"


def fused(method: fusionbench.Method) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    ir, vi = torch.rand(1, 24, 32, generator=generator), torch.rand(3, 24, 32, generator=generator)
    return fusionbench.fuse(method, ir, vi)


def test_numbers_and_name_survive_the_round_trip(training, place):
    model = trained("lure-s", training)
    export(model, place / "card")
    assert sorted(path.name for path in (place / "card").iterdir()) == ["README.md", "config.json", "model.safetensors"]
    back = from_pretrained(place / "card")
    before = methods.load("lure-s", weights=training / "lure-s.safetensors", **RECIPE["options"])
    assert torch.equal(fused(back), fused(before))
    assert back.weights_name == before.weights_name == model.title
    assert back.weights_name == f"lure-s@{sha256(training / 'lure-s.safetensors')[:8]}"
    assert back.learning_rate == 0.002
    assert not back.training


def test_the_card_tells_data_degradations_recipe_scores_and_licences(training, sources):
    assert main(f"run --method lure-s,average --weights lure-s=trained {sources} --metrics EN,CC --out r".split()) == 0
    words = [
        "weights",
        "export",
        "lure-s",
        "--from",
        "trained",
        "--run",
        "r",
        "--out",
        "card",
        "--licence",
        "CC-BY-4.0",
    ]
    assert main([*words, "--about", "A test."]) == 0
    text = Path("card/README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front == {"library_name": "fusionbench", "license": "CC-BY-4.0", "tags": ["image-fusion", "lure-s"]}
    name = methods.load("lure-s", weights=Path("trained")).weights_name
    assert f"# {name}\n" in text
    assert "A test." in text
    assert "- Phase `representation`: `ll(0.4~0.8)`, `sr4`" in text
    assert "`msrs`" in text
    assert yaml.safe_load(text.split("```yaml\n")[1].split("```")[0]) == RECIPE
    assert "folder, clean (2 images)\n\n| EN ↑ | CC ↑ |" in text
    assert "Protocol: exact." in text
    assert "average" not in text.split("## Scores")[1].split("## Licence")[0]
    assert "- These weights: CC-BY-4.0." in text
    assert "- Dataset `msrs`: " in text


def test_an_exported_folder_is_run_under_the_same_name(training, sources):
    export(trained("lure-s", training), Path("card"))
    for folder in ("trained", "card"):
        words = f"run --method lure-s --weights lure-s={folder} {sources} --metrics EN --out r-{folder}"
        assert main(words.split()) == 0
    metas = [json.loads(Path(f"r-{one}/folder/clean/lure-s/meta.json").read_text()) for one in ("trained", "card")]
    assert metas[0]["settings"] == metas[1]["settings"]


def test_scores_of_other_weights_do_not_enter_a_card(training, sources, capsys):
    assert main(f"run --method lure-s --weights lure-s=trained {sources} --metrics EN --out r".split()) == 0
    path = training / "lure-s.safetensors"
    state = {name: tensor * 1.5 if tensor.is_floating_point() else tensor for name, tensor in read_state(path).items()}
    save_file(state, path, {"method": "lure-s"})
    assert main(["weights", "export", "lure-s", "--from", "trained", "--run", "r", "--out", "card"]) == 2
    error = capsys.readouterr().err
    assert "are of lure-s@" in error
    assert not Path("card").exists()


def test_scores_of_a_rounded_file_enter_its_card_and_those_of_the_unrounded_do_not(training, sources, capsys):
    words = ["weights", "export", "lure-s", "--from", "trained", "--half", "true"]
    assert main([*words, "--out", "card"]) == 0
    for folder in ("trained", "card"):
        assert (
            main(f"run --method lure-s --weights lure-s={folder} {sources} --metrics EN --out r-{folder}".split()) == 0
        )
    assert main([*words, "--run", "r-card", "--out", "scored"]) == 0
    assert "folder, clean (2 images)" in Path("scored/README.md").read_text()
    assert Path("scored/model.safetensors").read_bytes() == Path("card/model.safetensors").read_bytes()
    assert main([*words, "--run", "r-trained", "--out", "other"]) == 2
    assert "score this one first" in capsys.readouterr().err


def test_what_is_not_known_is_said(training):
    path = training / "lure-s.safetensors"
    save_file(read_state(path), path)
    export(trained("lure-s", training), Path("card"))
    text = Path("card/README.md").read_text()
    assert text.count("Not recorded.") == 4
    assert "- These weights: not stated." in text


def test_folders_with_former_names_of_options_are_read(tmp_path):
    shipped = PRETRAINED / "drfusion-s"
    folder = shutil.copytree(shipped, tmp_path / "drfusion-s")
    config = (folder / "config.json").read_text()
    former = config.replace("zero_init", "quiet_start").replace("deep_supervision", "every_step")
    assert former != config
    (folder / "config.json").write_text(former)
    with pytest.warns(RenamedWarning, match="'(quiet_start|every_step)' is now called"):
        back = from_pretrained(folder)
    assert torch.equal(back.diffusion.alpha, from_pretrained(shipped).diffusion.alpha)
    # The file's own header has the recipe as it was written.
    assert trained("drfusion-s", shipped).options["deep_supervision"] == 40000.0


@pytest.mark.shared
@pytest.mark.weights
@pytest.mark.parametrize("name", ["cscfuse", "ifcnn"])
def test_published_files_of_any_form_are_exported(name, shared):
    folder = shared / "weights" / name
    export(trained(name, folder), Path("card"))
    back = from_pretrained(Path("card"))
    assert torch.equal(fused(back), fused(methods.load(name, weights=folder)))
    assert back.weights_name.startswith(f"{name}@")
    made_of = json.loads(Path("card/config.json").read_text())["made_of"]
    assert made_of == {part.file: part.sha256 for part in methods.METHODS[name].weights}


def test_a_changed_file_is_refused(training):
    export(trained("lure-s", training), Path("card"))
    path = Path("card/model.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"card/model\.safetensors was changed"):
        from_pretrained(Path("card"))


def test_a_changed_file_is_refused_by_a_run_too(training, sources, capsys):
    export(trained("lure-s", training), Path("card"))
    save_file({"x": torch.zeros(1)}, Path("card/model.safetensors"))
    assert main(f"run --method lure-s --weights lure-s=card {sources} --metrics EN --out r".split()) == 2
    assert "was changed" in capsys.readouterr().err
    assert not Path("r").exists()


def test_half_the_size_is_the_same_method_rounded(training):
    whole, half = Path("whole"), Path("half")
    export(trained("lure-s", training), whole)
    export(trained("lure-s", training), half, half=True)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (whole, half)]
    assert sizes[1] < 0.55 * sizes[0]
    back = from_pretrained(half)
    assert all(p.dtype == torch.float32 for p in back.parameters())
    torch.testing.assert_close(fused(back), fused(from_pretrained(whole)), atol=2e-3, rtol=0)
    assert trained("lure-s", half).recipe == RECIPE
    assert f"# {back.weights_name}\n" in (half / "README.md").read_text()


@pytest.mark.parametrize("half", [False, True])
def test_equal_exports_have_equal_bytes(half, training):
    model = trained("lure-s", training)
    folders = [export(model, Path(f"card{index}"), half=half) for index in range(5)]
    for file in ("model.safetensors", "config.json", "README.md"):
        assert len({sha256(folder / file) for folder in folders}) == 1, file


def test_the_file_says_how_its_numbers_were_made(training):
    export(trained("lure-s", training), Path("card"), half=True)
    notes = read_metadata(Path("card/model.safetensors"))
    assert notes == {"method": "lure-s", "recipe": RECIPE, "version": fusionbench.__version__}


def test_numbers_too_large_for_half_the_size_are_refused(training):
    path = training / "lure-s.safetensors"
    state = read_state(path)
    first = next(name for name, tensor in state.items() if tensor.is_floating_point())
    save_file({**state, first: torch.full_like(state[first], 1e5)}, path, {"method": "lure-s"})
    with pytest.raises(ValueError, match="beyond 65504"):
        export(trained("lure-s", training), Path("card"), half=True)


def test_the_folder_of_the_data_does_not_enter_the_card(training):
    path = training / "lure-s.safetensors"
    phases = {"fusion": {"loader": {"root": "/home/somebody/data"}}}
    recipe = {**RECIPE, "loader": {**RECIPE["loader"], "root": "/home/somebody/data"}, "phases": phases}
    save_file(read_state(path), path, {"method": "lure-s", "recipe": json.dumps(recipe)})
    export(trained("lure-s", training), Path("card"), half=True)
    assert b"somebody" not in Path("card/model.safetensors").read_bytes() + Path("card/README.md").read_bytes()


@pytest.mark.parametrize("name", sorted(path.name for path in PRETRAINED.glob("*")))
def test_what_comes_with_the_package_is_found_where_nothing_was_downloaded(name):
    shipped = PRETRAINED / name
    assert methods.weight_files(name) == [shipped / "model.safetensors"]
    assert methods.load(name).weights_name == from_pretrained(shipped).weights_name
    assert f"\n# {name}@{sha256(shipped / 'model.safetensors')[:8]}\n" in (shipped / "README.md").read_text()
    assert trained(name).recipe["method"] == name
    assert sum(path.stat().st_size for path in PRETRAINED.rglob("*") if path.is_file()) < 10e6


@pytest.mark.parametrize("text", ["{", "[]", '{"method": "lure-s"}'])
def test_a_damaged_configuration_is_refused(text, training):
    export(trained("lure-s", training), Path("card"))
    Path("card/config.json").write_text(text)
    with pytest.raises(ValueError, match="not the configuration of an exported method"):
        from_pretrained(Path("card"))


def test_a_folder_without_the_files_is_named(training, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"no config\.json in {tmp_path}"):
        from_pretrained(tmp_path)
    export(trained("lure-s", training), Path("card"))
    Path("card/model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no model\.safetensors in card"):
        from_pretrained(Path("card"))


def test_a_file_of_another_method_is_refused(training):
    with pytest.raises(ValueError, match="was made for 'lure-s', not for 'drfusion-s'"):
        trained("drfusion-s", training / "lure-s.safetensors")


def test_a_method_without_weights_has_nothing_to_export():
    with pytest.raises(ValueError, match="'lap' has no weights"):
        trained("lap")


SHIPPED = sorted(folder.name for folder in PRETRAINED.iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_network_of_the_package_has_a_licence_and_a_checksum_and_a_card_that_says_both(name, capsys):
    digest = sha256(PRETRAINED / name / "model.safetensors")
    config = json.loads((PRETRAINED / name / "config.json").read_text(encoding="utf-8"))
    assert (config["licence"], config["sha256"]) == ("Apache-2.0", digest)
    card = (PRETRAINED / name / "README.md").read_text(encoding="utf-8")
    assert "\nlicense: Apache-2.0\n" in card
    assert "- These weights: Apache-2.0." in card
    assert f"The SHA-256 of `model.safetensors` is `{digest}`." in card
    assert main(["weights", "info", name]) == 0
    told = capsys.readouterr().out
    assert f" {digest}\n" in told
    assert " Apache-2.0\n" in told
    assert main(["weights", "verify", name]) == 0
    assert "model.safetensors: in the package" in " ".join(capsys.readouterr().out.split())


def test_an_exported_network_of_the_package_keeps_its_licence_and_limits(place):
    export(trained("lure-s"), place / "card")
    config, card = json.loads((place / "card" / "config.json").read_text()), (place / "card" / "README.md").read_text()
    assert config["licence"] == "Apache-2.0"
    assert "license: Apache-2.0" in card
    assert config["limits"].startswith("Hazy daylight comes out as dark as night")
    assert f"## Limits\n\n{config['limits']}\n" in card


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_of_a_network_of_the_package_says_the_limits_of_its_config(name):
    limits = json.loads((PRETRAINED / name / "config.json").read_text(encoding="utf-8")).get("limits", "")
    card = (PRETRAINED / name / "README.md").read_text(encoding="utf-8")
    assert (f"\n## Limits\n\n{limits}\n" in card) if limits else ("## Limits" not in card)


def test_an_altered_network_of_the_package_is_refused(place, monkeypatch):
    altered = shutil.copytree(PRETRAINED / "lure-s", place / "pretrained" / "lure-s") / "model.safetensors"
    monkeypatch.setattr(store, "PRETRAINED", place / "pretrained")
    altered.write_bytes(altered.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="was changed: its SHA-256 is"):
        methods.load("lure-s")
