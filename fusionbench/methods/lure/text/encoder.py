"""The text encoder E_txt: a frozen language model, a projection to the vector that guides the image branch, a head.

The language model is not part of a checkpoint; the checkpoint records which one it was trained with, and weights for
another one are refused. Features are computed once per sentence, on the CPU.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.extras import install_command
from fusionbench.methods.lure.table import DISTILBERT
from fusionbench.methods.lure.text import classifier
from fusionbench.methods.lure.text.parse import read_prompt
from fusionbench.methods.lure.text.tasks import PSEUDO, TASKS, prompt_bank
from fusionbench.registry import pick

LONGEST_TEXT = 512
"""DistilBERT's longest input in tokens."""

IDENTITY_BYTES = 96
CACHED = 20_000
"""Number of sentences whose features are cached."""


class LanguageModel(Protocol):
    """Turns sentences into feature vectors.

    Attributes:
        identity: identifies the model including its weights; recorded in checkpoints.
        width: length of its feature vectors.
    """

    identity: str
    width: int

    def features(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        """One row per sentence, on the CPU, without gradient."""


class HashedText:
    """The built-in encoder 'ngrams'; needs no download."""

    width = classifier.WIDTH

    def __init__(self) -> None:
        weight = classifier.shipped().embedding.weight
        self.identity = f"ngrams:{zlib.crc32(weight.numpy().tobytes()):08x}"

    def features(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        with torch.no_grad():
            return classifier.shipped().features(texts)


class TaskTable:
    """One vector per task: the sentence is parsed, and only its task has influence."""

    identity = "table:" + ",".join(TASKS)
    width = len(TASKS)

    def features(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        rows = torch.zeros(len(texts), self.width)
        for row, text in zip(rows, texts, strict=True):
            for task in tasks_in(text):
                row[TASKS.index(task)] = 1
        return rows


def tasks_in(text: str) -> tuple[str, ...]:
    """The tasks of a sentence about one image; the pseudo task if it is not degraded."""
    for task, sentences in _bank_sets().items():
        if text in sentences:
            return (task,)
    reading = read_prompt(text)
    return (*reading.ir, *reading.vi) or (PSEUDO,)


@cache
def _bank_sets() -> dict[str, frozenset[str]]:
    return {task: frozenset(sentences) for task, sentences in prompt_bank().items()}


class DistilBert:
    """DistilBERT's state at the first token, using the package transformers.

    Args:
        source: a folder with the model and its tokenizer, or a name in the Hugging Face cache.
        batch: number of sentences per batch.

    Raises:
        FileNotFoundError: the model is missing.
        ValueError: transformers is not installed, or the folder contains another kind of model.
    """

    def __init__(self, source: str | Path = DISTILBERT, batch: int = 64) -> None:
        self.batch = batch
        self.tokenizer, self.model = _pretrained(source)
        self.width = int(self.model.config.dim)
        sample = self.model.embeddings.word_embeddings.weight[:64].float().contiguous().numpy().tobytes()
        self.identity = f"distilbert:{self.width}:{zlib.crc32(sample):08x}"

    def features(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        with torch.no_grad():
            parts = [
                self.encoded(list(texts[start : start + self.batch])) for start in range(0, len(texts), self.batch)
            ]
        return torch.cat(parts)

    def encoded(self, texts: list[str]) -> Float[Tensor, "n d"]:
        tokens = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=LONGEST_TEXT)
        states: Tensor = self.model(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).last_hidden_state
        return states[:, 0].float()


def _pretrained(source: str | Path) -> tuple[Any, Any]:
    """Tokenizer and frozen model, from local files only."""
    try:
        from transformers import AutoTokenizer, DistilBertModel
    except ImportError as error:
        raise ValueError(
            f"the text encoder 'distilbert' needs the package transformers; {install_command('text')}, or use the "
            "method lure, whose text encoder comes with this package, with weights that were trained with it"
        ) from error
    try:
        model = DistilBertModel.from_pretrained(str(source), local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(str(source), local_files_only=True)
    except (OSError, ValueError) as error:  # ValueError: a folder without the tokenizer's files
        raise FileNotFoundError(
            f"no DistilBERT at {source}: neither a folder with config.json, model.safetensors and the tokenizer's "
            f"files, nor in the Hugging Face cache; download it once with `hf download {DISTILBERT}`, or, to train, "
            "give its folder with --options.text_model FOLDER"
        ) from error
    return tokenizer, model.requires_grad_(False)  # from_pretrained sets evaluation mode


ENCODERS = {
    "distilbert": DistilBert,
    "ngrams": HashedText,
    "table": TaskTable,
}


def language_model(name: str, source: str | Path = "") -> LanguageModel:
    """A language model by name.

    Args:
        source: folder or name of the model, for those that are read from files.

    Raises:
        FileNotFoundError: its files are missing.
        ValueError: the name is unknown, or it cannot run here.
    """
    encoder = pick("text encoder", name, ENCODERS)
    if source and name != "distilbert":
        raise ValueError(f"the text encoder {name!r} needs no files; leave out text_model={str(source)!r}")
    return DistilBert(source) if source else encoder()


class TextEncoder(nn.Module):
    """A language model's features, normalised and projected, with a head for the task.

    Args:
        model: frozen and not part of the module's state, unlike its identity.
        width: length of the vector that guides the image branch.
    """

    def __init__(self, model: LanguageModel, width: int) -> None:
        super().__init__()
        self.model = model
        self.norm = nn.LayerNorm(model.width)
        self.project = nn.Linear(model.width, width)
        self.head = nn.Linear(width, len(TASKS))
        self.register_buffer("identity", _as_bytes(model.identity))
        self._features: dict[str, Tensor] = {}

    @override
    def forward(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        return self.project(self.norm(self._looked_up(texts).to(self.project.weight)))

    def logits(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n tasks"]:
        """Logits of the tasks, in the order of `TASKS`."""
        return self.head(vectors)

    def _looked_up(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        new = [text for text in dict.fromkeys(texts) if text not in self._features]
        if new:
            if len(self._features) > CACHED:
                self._features.clear()
                new = list(dict.fromkeys(texts))
            self._features.update(zip(new, self.model.features(new), strict=True))
        return torch.stack([self._features[text] for text in texts])

    def check(self, state: Mapping[str, Tensor], prefix: str = "") -> None:
        """Refuse weights that were trained with another language model.

        Raises:
            ValueError: they were trained with another one.
        """
        recorded = state.get(f"{prefix}identity")
        if recorded is None:
            return
        trained, here = _as_text(recorded), self.model.identity
        if trained != here:
            raise ValueError(
                f"these weights were trained with the text encoder {trained!r}, and this model uses {here!r}"
                f"; load them with text_encoder={trained.partition(':')[0]!r}"
                + (" and text_model set to that model" if trained.startswith("distilbert") else "")
            )

    @override
    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        self.check(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _as_bytes(text: str) -> Tensor:
    return torch.tensor(list(text.encode()[:IDENTITY_BYTES].ljust(IDENTITY_BYTES)), dtype=torch.uint8)


def _as_text(tensor: Tensor) -> str:
    return bytes(tensor.tolist()).decode(errors="replace").strip()
