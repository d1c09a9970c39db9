"""What sentences are understood to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.methods.lure.text.parse import LONGEST, ParsedPrompt, read_prompt
from fusionbench.methods.lure.text.rules import corrected, normal_form
from fusionbench.methods.lure.text.tasks import CANONICAL, DEFAULT_MODALITY, PSEUDO, TASKS, prompt_bank, tasks_of, words

HERE = Path(__file__).parent


def sentences(file):
    """Rows of (visible task, infrared task, sentence); '-' where nothing is wrong."""
    rows = [line.split("\t") for line in (HERE / file).read_text(encoding="utf-8").splitlines()]
    return [(tuple(vi.replace("-", "").split()), tuple(ir.replace("-", "").split()), text) for vi, ir, text in rows]


def share_right(rows):
    right = 0
    for vi, ir, text in rows:
        try:
            reading = read_prompt(text)
        except ValueError:
            continue
        right += (reading.vi, reading.ir) == (vi, ir)
    return right / len(rows)


def test_held_out_sentences_are_understood():
    """Written before the word lists, never used to tune them; 138 of 140 were right when this was first run."""
    assert share_right(sentences("heldout.tsv")) >= 0.95


def test_held_out_sentences_are_not_in_the_bank():
    known = {" ".join(words(text)) for some in prompt_bank().values() for text in some}
    assert not known & {" ".join(words(text)) for _, _, text in sentences("heldout.tsv")}


def test_sentences_that_the_word_lists_were_tuned_on_are_understood():
    assert share_right(sentences("tuned.tsv")) >= 0.95


def test_bank_is_understood():
    rows = [
        (
            (task,) if DEFAULT_MODALITY.get(task) == "vi" else (),
            (task,) if DEFAULT_MODALITY.get(task) == "ir" else (),
            text,
        )
        for task, some in prompt_bank().items()
        for text in some
    ]
    assert share_right(rows) >= 0.99


@pytest.mark.parametrize("task", TASKS)
def test_bank_has_a_hundred_different_sentences_per_task(task):
    assert len({" ".join(words(text)) for text in prompt_bank()[task]}) >= 100


def test_bank_speaks_of_both_modalities_without_degradation():
    assert sum("infrared" in text or "thermal" in text.lower() for text in prompt_bank()[PSEUDO]) >= 75
    assert sum("visible" in text.lower() or "RGB" in text or "photo" in text for text in prompt_bank()[PSEUDO]) >= 75


def test_no_sentence_is_in_the_bank_under_two_tasks():
    every = [text.lower() for some in prompt_bank().values() for text in some]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("task", TASKS)
def test_canonical_sentence_is_in_the_bank_and_means_its_task(task):
    assert CANONICAL[task] in prompt_bank()[task]
    reading = read_prompt(CANONICAL[task])
    assert (*reading.ir, *reading.vi) == (() if task == PSEUDO else (task,))


@pytest.mark.parametrize(
    ("text", "vi", "ir"),
    [
        ("The visible image is fine.", (), ()),
        ("the visible image isn't dark", (), ()),
        ("neither too dark nor too bright", (), ()),
        ("The visible image is not bright enough.", ("ll",), ()),
        ("The visible image is brighter than it should be.", ("oe",), ()),
        ("make the colour image darker", ("oe",), ()),
        ("THE THERMAL PICTURE HAS LOW CONTRAST", (), ("lc",)),
        ("the colour image is grey with fog, the thermal one pixellated", ("hz",), ("sr",)),
        ("the color image is gray with fog, the thermal one pixelated", ("hz",), ("sr",)),
        ("The infrared image is too dark.", (), ("lc",)),
        ("the visible image is dark and hazy", ("ll", "hz"), ()),
        ("low contrast" + " and the visible image is dark" * 300, ("ll",), ("lc",)),
    ],
)
def test_meaning(text, vi, ir):
    reading = read_prompt(text)
    assert (sorted(reading.vi), reading.ir) == (sorted(vi), ir)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot tell what ''"),
        (" \n\t ", "cannot tell"),
        ("Das sichtbare Bild ist zu dunkel", "describe them in English"),
        ("可见光图像太暗", "cannot tell"),
        ("la imagen visible es demasiado oscura", "cannot tell"),
        ("\U0001f32b", "cannot tell"),
        ("%s {} \\x00 \x00 \N{ZERO WIDTH SPACE}", "cannot tell"),
        ("the visible image is dark and overexposed", "both too dark and too bright"),
        ("please remove the rain", "no task for that in visible images"),
        ("the infrared image has stripes", "no task for that in infrared images"),
        ("the visible image is blurry", "no task for that in visible images"),
        ("x" * (LONGEST + 1), "characters; describe in a sentence"),
        ("x" * 10_000, "cannot tell what 'xxx"),
        ("lorem ipsum dolor sit amet " * 370, "cannot tell"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_sentence(text, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        read_prompt(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_words_decide_before_the_classifier():
    assert read_prompt("low resolution") == ParsedPrompt(ir=("sr",), vi=(), confidence=1.0, by="words")
    asked = read_prompt("The infrared intensities are squeezed into a few levels.")
    assert (asked.ir, asked.by) == (("lc",), "classifier")
    assert 0.5 < asked.confidence < 1


@pytest.mark.parametrize(
    ("typo", "word"),
    [("visibel", "visible"), ("infared", "infrared"), ("resolusion", "resolution"), ("contarst", "contrast")],
)
def test_typos_are_corrected(typo, word):
    assert corrected(typo) == word


@pytest.mark.parametrize("word", ["might", "right", "just", "most", "sight", "fine"])
def test_everyday_words_are_no_typos(word):
    assert corrected(word) == word


def test_contractions_are_spelled_out():
    assert normal_form("It isn\u2019t dark, I can't see") == "it is not dark, i can not see"


@pytest.mark.parametrize(
    ("spec", "vi", "ir"),
    [
        ("clean", (), ()),
        ("ll+lc", ("ll",), ("lc",)),
        ("oe(0.3)+lc", ("oe",), ("lc",)),
        ("haze", ("hz",), ()),
        ("ir:sr4", (), ("sr",)),
        ("ir:lr", (), ("sr",)),
        ("vi:lr", (), ()),
        ("rain+sn", (), ()),
        ("ll+haze", ("ll", "hz"), ()),
    ],
)
def test_tasks_of_degradations(spec, vi, ir):
    assert (tasks_of(spec, "vi"), tasks_of(spec, "ir")) == (vi, ir)
