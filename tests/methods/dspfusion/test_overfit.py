"""Both phases learn: on four pairs the losses fall, and on real ones the result beats their average."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from fusionbench import methods
from fusionbench.data import load
from fusionbench.data.contrastive import ContrastivePairs, collate_contrasts
from fusionbench.data.sources.base import Subset
from fusionbench.data.synthetic import SyntheticSource
from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.metrics import evaluate
from tests.methods.dspfusion.conftest import TINY

SPECS = ["ll+lc", "vi:rn+ir:sn", "vi:blur"]
NOISY = ["vi:rn+ir:sn", "vi:rn+ir:rn", "rain+sn", "ll+sn"]
"""What averaging leaves; four minutes are too short to learn more than it does about blur."""


def four(source, crop, specs):
    """One batch that never changes."""
    pairs = ContrastivePairs(source, specs, crop=crop, flip=False)
    return next(iter(DataLoader(pairs, batch_size=4, collate_fn=collate_contrasts)))


def train(method, phase, batch, steps, learning_rate):
    """The losses of every step, without the trainer and its clipping, which would take too long here."""
    torch.manual_seed(0)
    method.begin_phase(phase)
    trained = [parameter for parameter in method.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=learning_rate, weight_decay=1e-4)
    history = []
    for _ in range(steps):
        terms, _ = method.learn(batch, contrast=True)
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        history.append({name: term.item() for name, term in terms.items()} | {"loss": loss.item()})
    return history


def mean(history, name, part):
    return sum(step[name] for step in history[part]) / len(history[part])


@pytest.mark.usefixtures("one_thread")
def test_losses_of_both_phases_fall_on_four_pairs():
    torch.manual_seed(0)
    method = DSPFusion(size=TINY)
    batch = four(SyntheticSource(4, sizes=[(96, 96)], split="train"), 32, SPECS)
    first, last = slice(5), slice(-5, None)
    priors = train(method, "priors", batch, 120, 3e-3)  # Half as many are enough for some draws of crops only.
    assert mean(priors, "loss", last) < 0.7 * mean(priors, "loss", first)
    assert mean(priors, "contrastive", last) < 0.9 * mean(priors, "contrastive", first)
    diffusion = train(method, "diffusion", batch, 40, 3e-3)
    assert mean(diffusion, "prior", last) < 0.8 * mean(diffusion, "prior", first)


@pytest.mark.slow
@pytest.mark.shared
def test_four_real_pairs_are_learned_until_they_beat_the_average(shared):
    torch.manual_seed(0)
    method = methods.build("dspfusion-s")
    source = load("msrs", root=shared / "data" / "msrs", split="train")
    batch = four(Subset(source, [0, 2, 15, 18]), 64, NOISY)
    train(method, "priors", batch, 300, 2e-3)
    train(method, "diffusion", batch, 100, 2e-3)
    method.phase = ""
    method.eval()
    fused = {"dspfusion-s": method.fuse(batch), "average": methods.load("average").fuse(batch)}
    scores = {
        name: evaluate(image, batch["ir_clean"], batch["vi_clean"], ["SSIM", "Qabf"]) for name, image in fused.items()
    }
    for metric in ("SSIM", "Qabf"):
        assert scores["dspfusion-s"][metric].mean() > scores["average"][metric].mean()
