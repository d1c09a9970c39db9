"""What LURE claims: tasks come together in the latent space, and descriptions combine without having been combined.

The short proof trains the smallest network on generated rectangles, the long one `lure-s-narrow` on real pairs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch.testing import assert_close

from fusionbench import methods
from fusionbench.methods.lure.latent_analysis import separation, task_latents
from fusionbench.methods.lure.method import LURE
from fusionbench.training.fit import train
from fusionbench.training.recipe import Recipe

from . import scenes

EXPERIMENTS = Path(__file__).parents[3] / "experiments"


def latents(method, modality, specs, count=8):
    batches = [scenes.batch([index], [spec]) for index in range(count) for spec in specs]
    return task_latents(method, batches, modality)


def error(method, specs, told, count=10):
    """Mean squared error of what the network restores from degraded visible images, by what it is told."""
    batch = scenes.batch(range(count), [specs] * count)
    with torch.no_grad():
        latent = method.encode(batch["vi"], told, "vi")
        return (method.network.decoder(latent) - batch["vi_clean"]).square().mean().item()


def shortly_trained(centre):
    """The smallest network before and after a few seconds of the first phase."""
    torch.manual_seed(0)
    before = LURE(size="tiny", perceptual="none", unified_weight=1.0, centre=centre)
    state = {name: value.clone() for name, value in before.state_dict().items()}
    method = scenes.train(before, "representation", 120, 6e-3)
    untrained = LURE(size="tiny", perceptual="none")
    untrained.load_state_dict(state)
    return untrained.eval(), method


@pytest.fixture(scope="module")
def trained():
    return shortly_trained(centre=False)


@pytest.mark.slow  # a training of its own; without centring so short a one brings the means together, not the places
def test_tasks_come_together():
    untrained, method = shortly_trained(centre=True)
    specs = ["ll(0.7)", "oe(0.7)", "haze(0.6)"]
    before, after = (separation(latents(each, "vi", specs)) for each in (untrained, method))
    assert after.distance < 0.2 * before.distance
    assert after.nearest < before.nearest


def test_description_undoes_the_degradation_it_names(trained):
    _, method = trained
    right, pseudo = "The visible image is overexposed.", "Reconstruct the image."
    assert error(method, "oe(0.7)", right) < 0.7 * error(method, "oe(0.7)", pseudo)
    assert error(method, "clean", pseudo) < error(method, "clean", right)


@pytest.mark.parametrize("name", ["lure", "lure-s", "lure-s-unified"])
def test_recipe_is_one_that_training_takes(name):
    recipe = Recipe(**yaml.safe_load((EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8")))
    options = {**recipe.options, "size": "tiny", "text_encoder": "ngrams"}
    method = methods.METHODS[recipe.method]
    assert method.target.endswith(":LURE")
    assert set(recipe.phases) == set(LURE(**options).phases)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.filterwarnings("ignore")  # of Lightning's loaders and of the training's callbacks
def test_recipe_of_the_unified_small_size_keeps_the_claim(shared, tmp_path):
    """Trained by its recipe on the training pairs, tested on whole test pairs; about half an hour on an idle core."""
    import numpy as np

    from fusionbench.data import load
    from fusionbench.data.pairs import Pairs, collate
    from fusionbench.data.sources.base import Subset
    from fusionbench.metrics import evaluate

    settings = yaml.safe_load((EXPERIMENTS / "lure-s-unified.yaml").read_text(encoding="utf-8"))
    settings["loader"] |= {"root": str(shared / "data")}
    weights = train(Recipe(**settings), tmp_path / "run")
    method = methods.load(settings["method"], weights=weights, verify=False)
    torch.manual_seed(0)
    untrained = methods.build(settings["method"]).eval()

    source = load("msrs", root=shared / "data" / "msrs")
    source = Subset(source, range(0, len(source), 3))

    def batches(specs, size=None):
        for spec in specs:
            for pair in Pairs(source, spec):
                batch = collate([pair])
                if size is not None:
                    for name in ("ir", "vi", "ir_clean", "vi_clean"):
                        batch[name] = batch[name][..., 160 : 160 + size, 256 : 256 + size].contiguous()
                yield batch

    for modality, specs in (("vi", ["ll", "oe", "haze"]), ("ir", ["lc", "sr4", "sr8"])):
        before, after = (separation(task_latents(each, batches(specs, 64), modality)) for each in (untrained, method))
        assert after.distance < 0.5 * before.distance
        assert after.nearest < before.nearest
        assert after.probe < before.probe

    for spec, better in (("ll+lc", ["SSIM", "Qabf"]), ("oe+lc", ["SSIM", "Qabf"])):
        scores = {"right": [], "pseudo": []}
        for batch in batches([spec], 256):
            for told, pairs in (("right", batch), ("pseudo", {**batch, "degradation": ["clean"]})):
                found = evaluate(method.fuse(pairs), batch["ir_clean"], batch["vi_clean"], ["SSIM", "Qabf"])
                scores[told].append([float(found[name]) for name in ("SSIM", "Qabf")])
        right, pseudo = (dict(zip(("SSIM", "Qabf"), np.mean(scores[told], 0), strict=True)) for told in scores)
        assert all(right[name] > pseudo[name] for name in better), (spec, right, pseudo)


def test_fusing_what_needs_no_repair_is_what_the_pseudo_sentence_gives(trained):
    _, method = trained
    clean = scenes.batch([0, 1], ["clean", "clean"])
    told = {**clean, "prompt": ["both images are fine", "nothing is wrong"]}
    assert_close(method.fuse(told), method.fuse(clean))
