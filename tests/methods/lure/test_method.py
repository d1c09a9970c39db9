"""LURE as a method: what is said to it, any size, its phases, its weights."""

from __future__ import annotations

import logging

import pytest
import torch
from lightning import Trainer
from safetensors.torch import save_file
from torch.testing import assert_close
from torch.utils.data import DataLoader

from fusionbench.methods import METHODS, load
from fusionbench.methods.common.tiling import fuse_tiled
from fusionbench.methods.lure.method import LURE
from fusionbench.methods.lure.restoration_batch import restoration_batch, sentence
from fusionbench.methods.lure.table import ABLATIONS
from fusionbench.methods.lure.text.tasks import CANONICAL, PSEUDO, TASKS

from .conftest import scrambled

# Lightning's own: how many workers it would like, and how it walks through loaders.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec:FutureWarning")

NOTHING = CANONICAL[PSEUDO]


def batch_of(degradations, size=(16, 24), prompts=None, clean=True):
    generator = torch.Generator().manual_seed(1)
    count = len(degradations)
    batch = {
        "name": [f"scene{index}" for index in range(count)],
        "degradation": list(degradations),
        "ir": torch.rand(count, 1, *size, generator=generator),
        "vi": torch.rand(count, 3, *size, generator=generator),
        "ir_scale": [1] * count,
        "vi_scale": [1] * count,
    }
    if clean:
        batch["ir_clean"] = torch.rand(count, 1, *size, generator=generator)
        batch["vi_clean"] = torch.rand(count, 3, *size, generator=generator)
    if prompts:
        batch["prompt"] = prompts
    return batch


def tiny_lure(**options):
    method = LURE(**{"perceptual": "none", **options, "size": "tiny"})
    return scrambled(method, torch.Generator().manual_seed(0)).eval()


@pytest.fixture
def lure():
    return tiny_lure()


@pytest.mark.parametrize(
    ("degradation", "prompt", "ir", "vi"),
    [
        ("clean", "", NOTHING, NOTHING),
        ("unknown", "", NOTHING, NOTHING),
        ("ll+lc", "", CANONICAL["lc"], CANONICAL["ll"]),
        ("ll+lc", "  ", CANONICAL["lc"], CANONICAL["ll"]),
        ("haze", "", NOTHING, CANONICAL["hz"]),
        ("ir:sr8", "", CANONICAL["sr"], NOTHING),
        ("clean", "visible dark, infrared low contrast", CANONICAL["lc"], CANONICAL["ll"]),
        ("ll+lc", "both images are fine", NOTHING, NOTHING),
    ],
)
def test_each_image_gets_its_own_description(lure, degradation, prompt, ir, vi):
    text_ir, text_vi = lure.described(batch_of([degradation], prompts=[prompt]))
    assert_close(text_ir, lure.text([ir]))
    assert_close(text_vi, lure.text([vi]))


def test_two_defects_of_one_image_are_described_by_their_mean(lure):
    _, text_vi = lure.described(batch_of(["ll+haze"]))
    assert_close(text_vi[0], lure.text([CANONICAL["ll"], CANONICAL["hz"]]).mean(dim=0))


def test_a_sentence_that_the_head_agrees_with_steers_by_itself():
    lure = tiny_lure(text_encoder="table")
    with torch.no_grad():  # a head that finds the task
        lure.text.project.weight.copy_(torch.eye(8, 6))
        lure.text.project.bias.zero_()
        lure.text.head.weight.copy_(torch.eye(6, 8))
        lure.text.head.bias.zero_()
    prompt = "A thick fog lies over the visible scene"
    assert lure._told(prompt, "clean") == ((NOTHING,), (prompt,))
    with torch.no_grad():
        lure.text.head.bias[TASKS.index("lc")] = 1e6
    assert lure._told(prompt, "clean") == ((NOTHING,), (CANONICAL["hz"],))


def test_prompt_changes_the_picture(lure):
    plain = lure.fuse(batch_of(["clean"]))
    told = lure.fuse(batch_of(["clean"], prompts=["the visible image is too dark"]))
    assert (plain - told).abs().max() > 1e-4


def test_prompt_that_is_not_understood_is_one_sentence(lure):
    with pytest.raises(ValueError, match="cannot tell what 'qwertz'"):
        lure.fuse(batch_of(["clean"], prompts=["qwertz"]))


def test_degradation_without_a_task_is_fused_as_it_is_and_said_so(lure, caplog):
    with caplog.at_level(logging.WARNING):
        fused = lure.fuse(batch_of(["rain+sn"]))
    assert_close(fused, lure.fuse(batch_of(["clean"])))
    assert "no task for 'rain+sn'" in caplog.text


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 8), (17, 31)])
def test_any_size_comes_back(lure, size):
    fused = lure.fuse(batch_of(["ll"], size))
    assert fused.shape == (1, 3, *size)
    assert fused.min() >= 0
    assert fused.max() <= 1


def test_tiles_cover_the_image(lure):
    batch = batch_of(["ll"], (40, 72))
    tiled = fuse_tiled(lure, batch, tile=32, overlap=16)
    assert tiled.shape == (1, 3, 40, 72)
    assert tiled.isfinite().all()


def test_autocast_gives_full_precision_images(lure):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert lure.fuse(batch_of(["ll"])).dtype == torch.float32


def test_triples_are_the_degraded_images():
    batch = batch_of(["ll", "lc", "ll+lc", "clean"])
    triples = restoration_batch(batch, seed=0, step=0)
    assert triples.tasks == ["ll", "lc", "ll", "lc", PSEUDO, PSEUDO]
    assert triples.modality.tolist() == [0, 1, 0, 1, 0, 1]
    assert_close(triples.degraded[0], batch["vi"][0])
    assert_close(triples.clean[1], batch["ir_clean"][1].expand(3, -1, -1))
    assert triples.labels().tolist() == [TASKS.index(task) for task in triples.tasks]


def test_sentences_are_drawn_anew_in_each_step_and_again_the_same():
    batch = batch_of(["ll"] * 4)
    drawn = [restoration_batch(batch, seed=0, step=step).sentences for step in (0, 1, 0)]
    assert drawn[0] == drawn[2] != drawn[1]


@pytest.mark.parametrize(("slot", "other"), [("ir", "visible"), ("vi", "infrared")])
def test_pseudo_sentences_speak_of_their_own_modality(slot, other):
    assert all(other not in sentence(PSEUDO, slot, draw).lower() for draw in range(300))


def test_triples_need_the_clean_image():
    with pytest.raises(ValueError, match="'scene0' has no vi_clean"):
        restoration_batch(batch_of(["ll"], clean=False), seed=0, step=0)


@pytest.mark.parametrize("spec", ["rain", "vi:lr", "ll+ir:noise"])
def test_triples_need_a_known_task(spec):
    with pytest.raises(ValueError, match="lure has no task for"):
        restoration_batch(batch_of([spec]), seed=0, step=0)


def test_first_phase_trains_all_but_the_fusion_module(lure):
    lure.begin_phase("representation")
    assert not any(each.requires_grad for each in lure.network.fusion.parameters())
    loss = torch.stack(list(lure.terms(batch_of(["ll", "lc"]), 0).values())).sum()
    loss.backward()
    assert all(each.grad is not None for each in lure.parameters() if each.requires_grad)


def test_second_phase_freezes_both_encoders(lure):
    lure.begin_phase("fusion")
    frozen = [*lure.network.encoder.parameters(), *lure.text.parameters()]
    assert not any(each.requires_grad for each in frozen)
    torch.stack(list(lure.terms(batch_of(["ll", "clean"]), 0).values())).sum().backward()
    assert all(each.grad is not None for each in lure.parameters() if each.requires_grad)
    assert all(each.grad is None for each in frozen)


def test_second_phase_reads_the_clean_images_with_the_pseudo_sentence(lure):
    lure.begin_phase("fusion")
    batch = batch_of(["ll+lc"], prompts=["the visible image is too dark"])
    degraded = lure.terms(batch, 0)
    clean = batch_of(["clean"], clean=False) | {"ir": batch["ir_clean"], "vi": batch["vi_clean"]}
    assert_close(degraded, lure.terms(clean, 0))


def fit(method, phase, folder, batches=None, epochs=1):
    method.begin_phase(phase)
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip
    loader = DataLoader(batches or [batch_of(["ll", "lc"]), batch_of(["haze", "ir:sr4"])], batch_size=None)
    trainer.fit(method.train(), loader, loader)
    return trainer


def test_decoder_can_be_frozen_in_the_second_phase(tmp_path):
    lure = tiny_lure(decoder_rate=0.0)
    trainer = fit(lure, "fusion", tmp_path)
    assert not any(each.requires_grad for each in lure.network.decoder.parameters())
    assert len(trainer.optimizers[0].param_groups) == 1


def test_decoder_trains_at_a_tenth_in_the_second_phase(lure, tmp_path):
    rates = {}
    for phase in lure.phases:
        groups = fit(lure, phase, tmp_path).optimizers[0].param_groups
        rates[phase] = [group["initial_lr"] for group in groups]
    assert rates == {"representation": [2e-4, 2e-4], "fusion": [2e-4, pytest.approx(2e-5)]}


def test_rate_rises_and_falls_to_the_last(tmp_path):
    lure = tiny_lure(warm_up=0.5)
    trainer = fit(lure, "representation", tmp_path, epochs=2)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(1e-6)
    assert [lure._rate(step) for step in (0, 1, 2)] == pytest.approx([0.5, 1.0, 1.0])


def test_latents_as_perceptual_features(lure):
    lure.perceptual = "latent"
    lure.begin_phase("fusion")
    assert lure.terms(batch_of(["clean"]), 0)["perceptual"] > 0


def test_second_phase_can_learn_from_degraded_sources():
    batch = batch_of(["ll"])
    clean = {**batch, "ir": batch["ir_clean"], "vi": batch["vi_clean"], "degradation": ["clean"]}
    losses = {}
    for fuse_degraded in (False, True):
        torch.manual_seed(0)
        lure = tiny_lure(fuse_degraded=fuse_degraded)
        lure.begin_phase("fusion")
        losses[fuse_degraded] = [lure.terms(each, 0)["gradient"].item() for each in (batch, clean)]
    assert losses[False][0] == pytest.approx(losses[False][1])
    assert losses[True][0] != pytest.approx(losses[True][1])
    assert losses[True][1] == pytest.approx(losses[False][1])


@pytest.mark.parametrize("term", ["selection", "information"])
def test_terms_beyond_the_paper_are_off_until_they_are_weighed(term):
    batch, terms = batch_of(["clean"], size=(48, 48)), {}
    for weight in (0.0, 1.0, 2.0):
        torch.manual_seed(0)
        lure = tiny_lure(**{f"{term}_weight": weight})
        lure.begin_phase("fusion")
        terms[weight] = lure.terms(batch, 0)
    assert term not in terms[0.0]
    assert_close(terms[2.0][term], 2 * terms[1.0][term])
    assert terms[1.0][term] > 0


def test_phase_that_needs_vgg_refuses_without(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    lure = tiny_lure(perceptual="vgg")
    lure.begin_phase("representation")
    with pytest.raises(FileNotFoundError, match="needs VGG-16"):
        lure.begin_phase("fusion")


@pytest.mark.parametrize(("name", "features"), [("lure", "vgg"), ("lure-s", "none"), ("lure-s-narrow", "none")])
def test_only_the_papers_size_needs_another_networks_features_unless_told(name, features):
    assert LURE(**METHODS[name].options).perceptual == features
    assert LURE(**METHODS[name].options, perceptual="latent").perceptual == "latent"


def test_unknown_phase_is_refused(lure):
    with pytest.raises(ValueError, match="no phase 'fuse'; its phases are representation, fusion"):
        lure.begin_phase("fuse")


@pytest.mark.parametrize(
    ("option", "value"), [("rule", "l2"), ("guidance", "gated"), ("similarity", "cos"), ("perceptual", "vgg19")]
)
def test_unknown_options_are_refused(option, value):
    with pytest.raises(ValueError, match=f"unknown .* {value!r}"):
        LURE(size="tiny", **{option: value})


@pytest.mark.parametrize("suffix", ABLATIONS)
def test_each_ablation_is_a_row_that_trains_and_fuses(suffix):
    options = METHODS[f"lure-s-{suffix}"].options
    method = tiny_lure(**options)
    batch = batch_of(["ll+lc", "oe"])
    for phase in method.phases:
        method.begin_phase(phase)
        assert all(term.isfinite() for term in method.terms(batch, 0).values())
    assert method.fuse(batch).isfinite().all()
    assert method.phases == (("single",) if suffix == "single-stage" else ("representation", "fusion"))


def test_ablation_without_unified_loss_has_none():
    method = tiny_lure(**METHODS["lure-s-no-unified"].options)
    method.begin_phase("representation")
    assert method.terms(batch_of(["ll"]), 0)["unified"] == 0


def test_weights_are_found_loaded_and_named(tmp_path):
    saved = LURE(size="small")
    path = tmp_path / "lure-s.safetensors"
    save_file({name: value.contiguous() for name, value in saved.state_dict().items()}, path)
    loaded = load("lure-s", weights=path)
    assert loaded.weights_name.startswith("lure-s@")
    assert not any(each.requires_grad for each in loaded.parameters())
    assert_close(loaded.state_dict(), saved.state_dict(), rtol=0, atol=0)


def test_weights_of_another_text_encoder_are_refused(tmp_path):
    path = tmp_path / "lure-s.safetensors"
    save_file(LURE(size="small", text_encoder="table").state_dict(), path)
    with pytest.raises(ValueError, match=r"trained with the text encoder 'table:.*load them with text_encoder='table'"):
        load("lure-s", weights=path)
    assert load("lure-s", weights=path, text_encoder="table").text.model.width == len(TASKS)


def test_missing_weights_say_where_they_would_be(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"lure\.safetensors is not at "):
        load("lure", strict=True)


@pytest.mark.parametrize("options", [{}, {"single_stage": True}])
def test_phases_run_under_the_trainer(options, tmp_path):
    method = tiny_lure(**options)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    for phase in method.phases:
        assert fit(method, phase, tmp_path).callback_metrics["val/loss"].isfinite()
    changed = [name for name, value in method.state_dict().items() if not torch.equal(value, before[name])]
    assert any(name.startswith("network.encoder") for name in changed)
    assert any(name.startswith("network.fusion") for name in changed)
