"""The built-in text encoder: a hashed bag of words, word pairs and letter trigrams, with a task classifier.

It needs no download. `ngrams.safetensors` is what `python -m fusionbench.methods.lure.text.classifier FILE` trains on
the prompt bank in half a minute; the same torch on the same processor gives the same file.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.lure.text.rules import normal_form
from fusionbench.methods.lure.text.tasks import TASKS, prompt_bank, words

BUCKETS = 4096
WIDTH = 64
SHIPPED = "ngrams.safetensors"

EPOCHS = 60
BATCH = 64
RATE = 3e-3
SMOOTHING = 0.05
"""Label smoothing, which keeps the confidence low for sentences without known words."""

DROPPED, MISTYPED = 0.15, 0.08
"""Fraction of words that are dropped in training, and of words in which two letters are swapped."""


def buckets(text: str) -> list[int]:
    """Hashes of the words, the pairs of neighbouring words, and the letter trigrams of each word."""
    found = words(normal_form(text))
    pairs = [f"{first} {second}" for first, second in pairwise(found)]
    triples = [padded[i : i + 3] for padded in (f"<{word}>" for word in found) for i in range(len(padded) - 2)]
    grams = [*(f"1{word}" for word in found), *(f"2{pair}" for pair in pairs), *(f"3{triple}" for triple in triples)]
    return [zlib.crc32(gram.encode()) % BUCKETS for gram in grams] or [0]


class NGrams(nn.Module):
    """The mean of learned vectors of a sentence's n-grams, and a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(BUCKETS, WIDTH, mode="mean")
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(TASKS))

    def features(self, texts: Iterable[str]) -> Float[Tensor, "n d"]:
        bags = [buckets(text) for text in texts]
        offsets = torch.tensor([0, *map(len, bags[:-1])]).cumsum(0)
        return self.embedding(torch.tensor([place for bag in bags for place in bag]), offsets)

    @override
    def forward(self, texts: Sequence[str]) -> Float[Tensor, "n tasks"]:
        """Logits of the tasks, in the order of `TASKS`."""
        return self.head(self.norm(self.features(texts)))


@cache
def shipped() -> NGrams:
    """The encoder that comes with the package."""
    model = NGrams()
    with as_file(files(__package__) / SHIPPED) as path:
        model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model.eval().requires_grad_(False)


def train(sentences: Sequence[tuple[str, str]], *, epochs: int = EPOCHS, seed: int = 0) -> NGrams:
    """Train on pairs of a sentence and its task.

    Words are dropped and mistyped at random, so that no single word decides.
    """
    generator = torch.Generator().manual_seed(seed)
    draws = random.Random(seed)
    model = NGrams()
    nn.init.zeros_(model.head.bias)
    for parameter in (model.embedding.weight, model.head.weight):
        nn.init.normal_(parameter, std=0.1, generator=generator)
    labels = torch.tensor([TASKS.index(task) for _, task in sentences])
    shares = torch.bincount(labels, minlength=len(TASKS)).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for picked in torch.randperm(len(sentences), generator=generator).split(BATCH):  # type: ignore[no-untyped-call]
            texts = [disturbed(sentences[index][0], draws) for index in picked.tolist()]
            weights = shares.mean() / shares.clamp_min(1)
            loss = F.cross_entropy(model(texts), labels[picked], weights, label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
    return model.eval().requires_grad_(False)


def disturbed(text: str, draws: random.Random) -> str:
    """The sentence with some words dropped and some mistyped."""
    kept = [_mistyped(word, draws) for word in text.split() if draws.random() >= DROPPED]
    return " ".join(kept) or text


def _mistyped(word: str, draws: random.Random) -> str:
    if len(word) < 4 or draws.random() >= MISTYPED:
        return word
    place = draws.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def main(path: Path) -> None:
    """Train on the whole prompt bank and write the file."""
    torch.set_num_threads(1)
    model = train([(sentence, task) for task, some in prompt_bank().items() for sentence in some])
    state = {name: value.half() if name == "embedding.weight" else value for name, value in model.state_dict().items()}
    save_file(state, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
