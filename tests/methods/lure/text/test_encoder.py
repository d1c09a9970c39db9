"""Text encoders: what they give, what they need, and that a checkpoint knows its own."""

from __future__ import annotations

import json

import pytest
import torch
from torch.testing import assert_close

from fusionbench.methods.lure.text.classifier import BUCKETS, buckets, disturbed, shipped, train
from fusionbench.methods.lure.text.encoder import DistilBert, HashedText, TaskTable, TextEncoder, language_model
from fusionbench.methods.lure.text.tasks import CANONICAL, PSEUDO, TASKS, prompt_bank

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def distilbert_folder(tmp_path_factory):
    """A DistilBERT of its default shape but two layers, with random weights and a tokenizer of the bank's words."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("distilbert")
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(n_layers=2, vocab_size=2000)
    transformers.DistilBertModel(config).save_pretrained(folder)
    vocabulary = sorted({word for some in prompt_bank().values() for text in some for word in text.lower().split()})
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *vocabulary]), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}), encoding="utf-8"
    )
    return folder


def test_grams_are_hashed_into_the_table():
    assert all(0 <= place < BUCKETS for place in buckets("The infrared image lacks contrast."))
    assert buckets("IR!") == buckets("ir")
    assert buckets("") == [0]


def test_shipped_encoder_was_trained_on_the_bank():
    model = shipped()
    rows = [(text, task) for task, some in prompt_bank().items() for text in some]
    labels = torch.tensor([TASKS.index(task) for _, task in rows])
    right = model([text for text, _ in rows]).argmax(dim=1) == labels
    assert right.float().mean() > 0.98


def test_training_is_repeatable_and_generalises():
    """Trained on four fifths of the bank, the classifier alone knows three quarters of the rest (chance is a sixth)."""
    rows = [(text, task) for task, some in prompt_bank().items() for text in some]
    held, used = rows[::5], [row for index, row in enumerate(rows) if index % 5]
    model = train(used, epochs=12)
    right = model([text for text, _ in held]).argmax(dim=1) == torch.tensor([TASKS.index(task) for _, task in held])
    assert right.float().mean() > 0.75
    again = train(used[:100], epochs=1), train(used[:100], epochs=1)
    assert_close(again[0].embedding.weight, again[1].embedding.weight, rtol=0, atol=0)


def test_disturbed_sentences_keep_something():
    import random

    assert disturbed("haze", random.Random(0)) in ("haze", "ahze", "hzae", "haez")


@pytest.mark.parametrize("model", [HashedText, TaskTable])
def test_features_are_one_row_per_sentence(model):
    features = model().features(["The visible image is hazy.", "fog", "The visible image is hazy."])
    assert features.shape == (3, model.width)
    assert_close(features[0], features[2])
    assert not features.requires_grad


def test_table_knows_the_task_and_nothing_else():
    features = TaskTable().features([CANONICAL["hz"], "Remove the haze from the visible image.", CANONICAL[PSEUDO]])
    assert features.argmax(dim=1).tolist() == [TASKS.index("hz"), TASKS.index("hz"), TASKS.index(PSEUDO)]


def test_projection_has_the_paper_s_parameters():
    class Wide:
        identity, width = "wide", 768

    encoder = TextEncoder(Wide(), 256)
    projection = [*encoder.norm.parameters(), *encoder.project.parameters()]
    assert sum(parameter.numel() for parameter in projection) == 198_400
    assert encoder.head.weight.shape == (6, 256)


def test_language_model_is_asked_once_per_sentence():
    class Counting:
        identity, width, asked = "counting", 4, 0

        def features(self, texts):
            self.asked += len(texts)
            return torch.ones(len(texts), 4)

    model = Counting()
    encoder = TextEncoder(model, 8)
    encoder(["a", "b", "a"])
    encoder(["b", "c"])
    assert model.asked == 3


def test_checkpoint_holds_no_language_model():
    encoder = TextEncoder(HashedText(), 16)
    assert set(encoder.state_dict()) == {
        "identity", "norm.weight", "norm.bias", "project.weight", "project.bias", "head.weight", "head.bias",
    }  # fmt: skip


def test_checkpoint_of_another_encoder_is_refused():
    state = TextEncoder(TaskTable(), 16).state_dict()
    with pytest.raises(ValueError, match=r"trained with the text encoder 'table:.*load them with text_encoder='table'"):
        TextEncoder(HashedText(), 16).load_state_dict(state)


def test_unknown_encoder_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown text encoder 'distillbert'; did you mean 'distilbert'"):
        language_model("distillbert")


def test_files_for_an_encoder_without_files_are_refused():
    with pytest.raises(ValueError, match="'ngrams' needs no files"):
        language_model("ngrams", "somewhere")


def test_distilbert_that_is_not_here_is_said_to_be_missing(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(FileNotFoundError, match=r"no DistilBERT at .*--options.text_model"):
        language_model("distilbert", tmp_path)


def test_distilbert_gives_its_first_state(distilbert_folder):
    model = language_model("distilbert", distilbert_folder)
    assert isinstance(model, DistilBert)
    texts = ["The visible image is hazy.", "fog " * 600, ""]
    features = model.features(texts)
    assert features.shape == (3, 768) == (3, model.width)
    assert not features.requires_grad
    assert_close(model.features(texts[:1]), features[:1], rtol=1e-4, atol=1e-4)


def test_distilbert_steers_through_the_projection(distilbert_folder):
    encoder = TextEncoder(language_model("distilbert", distilbert_folder), 256)
    vectors = encoder(["The visible image is hazy.", "The infrared image lacks contrast."])
    assert vectors.shape == (2, 256)
    assert encoder.logits(vectors).shape == (2, len(TASKS))
    encoder.logits(vectors).sum().backward()
    assert encoder.project.weight.grad is not None


def test_distilbert_with_other_weights_is_another_encoder(distilbert_folder, tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    transformers.DistilBertModel(transformers.DistilBertConfig(n_layers=2, vocab_size=2000)).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / name).write_text((distilbert_folder / name).read_text(encoding="utf-8"), encoding="utf-8")
    first, second = (TextEncoder(DistilBert(folder), 8) for folder in (distilbert_folder, tmp_path))
    with pytest.raises(ValueError, match="text_model set to that model"):
        second.load_state_dict(first.state_dict())


def test_default_distilbert_has_the_paper_s_parameters():
    transformers = pytest.importorskip("transformers")
    with torch.device("meta"):
        model = transformers.DistilBertModel(transformers.DistilBertConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 66_362_880
