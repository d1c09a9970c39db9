"""Specs: what they mean, how they print, what is wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusionbench.degradations import DEGRADATIONS, SCENARIOS, Range, parse, split_specs
from fusionbench.degradations.grammar import write_value

MEANINGS = {
    "clean": "clean",
    "ll+lc": "ll+lc",
    "vi:ll+ir:lc": "ll+lc",
    " LL + LC ": "ll+lc",
    "lc+ll": "lc+ll",
    "ll(0.60)": "ll",
    "vi:rain( 0.7 )+ir:sn": "rain(0.7)+sn",
    "ir:noise(25)": "ir:noise(25)",
    "ir : noise": "ir:noise",
    "ir:noise+vi:noise": "noise",
    "vi:noise+ir:noise": "vi:noise+ir:noise",
    "noise+vi:rain": "noise+rain",
    "vi:blur(2.6,21)": "vi:blur",
    "vi:blur(3,zeros=1)": "vi:blur(3,zeros=1)",
    "vi:blur(zeros=1,sigma=3)": "vi:blur(3,zeros=1)",
    "sn(stripe=20)": "sn(stripe=20)",
    "sn(6~9,stripe=5.5~8)": "sn(stripe=5.5~8)",
    "ll(0.2~0.8)": "ll(0.2~0.8)",
    "ir:lr(8)+sr4": "ir:lr(8)+sr4",
    "composite": "composite",
    "composite+haze": "composite+haze",
    "vi:rn+ir:rn(20,photons=80)": "vi:rn+ir:rn(20,photons=80)",
}

MISTAKES = {
    "": "empty term",
    "   ": "empty term",
    "ll+": "empty term in degradation 'll\\+'",
    "+ll": "empty term",
    "ll++lc": "empty term",
    "clean+ll": "'clean' cannot be combined",
    "rn": "'rn' applies to both modalities; write 'ir:rn' or 'vi:rn'",
    "lr(4)": "'lr' applies to both modalities; write 'ir:lr' or 'vi:lr'",
    "ir:ll": "'ll' does not apply to 'ir'; write vi:ll or just ll",
    "vi:sn": "'sn' does not apply to 'vi'",
    "tir:sn": "unknown modality 'tir' before 'sn'; write 'ir:' or 'vi:'",
    ":sn": "unknown modality ''",
    "ir:": "is not a degradation",
    "ll lc": "'ll lc' is not a degradation",
    "ll(0.5)lc": "is not a degradation",
    "rian": "unknown degradation 'rian'; did you mean 'rain'",
    "vi:hase": "did you mean 'haze'",
    "composit": "did you mean 'composite'",
    "ir:composite": "'composite' degrades both images; write it without a prefix",
    "noise(25)": "takes no values; write 'ir:noise\\(25\\)\\+vi:noise\\(25\\)'",
    "composite(2)": "takes no values$",
    "ll(": "bracket not closed",
    "ll)": "unbalanced or nested brackets",
    "ll((0.5))": "unbalanced or nested brackets",
    "ll()": "'' is not a number for 'severity' of 'll'",
    "ll(high)": "'high' is not a number for 'severity'",
    "ll(0.5,)": "takes at most 1 values \\(severity\\)",
    "sn(1,2,3)": "takes at most 2 values \\(sigma, stripe\\)",
    "sn(,2)": "'' is not a number for 'sigma'",
    "sr4(2)": "'sr4' takes no values",
    "ll(1.5)": "'severity' of 'll' is 1.5, outside 0 to 1",
    "ll(-0.1)": "outside 0 to 1",
    "ll(nan)": "outside 0 to 1",
    "ll(inf)": "outside 0 to 1",
    "ir:noise(101)": "outside 0 to 100",
    "ir:lr(2.5)": "must be a whole number",
    "vi:blur(2,12)": "must be odd",
    "vi:blur(2,12.5)": "must be odd",
    "sn(stripes=2)": "unknown parameter of 'sn' 'stripes'; did you mean 'stripe'",
    "sn(7,sigma=8)": "'sigma' is given twice",
    "ll(0.8~0.2)": "'0.8~0.2' is not an interval",
    "ll(0.2~0.2)": "is not an interval",
    "ll(0.1~0.2~0.3)": "is not an interval",
    "ll(0.2~2)": "is 2, outside 0 to 1",
}


@pytest.mark.parametrize(("spec", "canonical"), MEANINGS.items())
def test_spec_prints_canonically(spec, canonical):
    assert str(parse(spec)) == canonical
    assert parse(canonical) == parse(spec)


@pytest.mark.parametrize(("spec", "sentence"), MISTAKES.items())
def test_mistake_gets_its_sentence(spec, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse(spec)


@pytest.mark.parametrize("code", SCENARIOS)
def test_scenario_is_its_terms(code):
    assert parse(code) == parse(SCENARIOS[code].spec)
    assert str(parse(SCENARIOS[code].spec)) == code


def test_terms_tell_a_method_what_to_invert():
    terms = parse("composite").on("ir")
    assert [term.code for term in terms] == ["blur", "noise", "lr"]
    assert terms[0].arguments == {"sigma": 2.0, "size": 21.0, "zeros": 1.0}
    assert terms[2].arguments == {"factor": 4.0}
    assert parse("sr8").terms[0].arguments == {"factor": 8}
    assert parse("ll(0.2~0.8)").terms[0].arguments == {"severity": Range(0.2, 0.8)}


def test_scale_of_a_factor_that_is_still_to_be_drawn_is_an_error():
    with pytest.raises(ValueError, match="leaves its factor open"):
        parse("ir:lr(2~4)").scale("ir")


def test_list_of_specs_is_split_outside_brackets():
    assert split_specs("clean, ir:sn(7, stripe=9),noise") == ["clean", "ir:sn(7, stripe=9)", "noise"]


@st.composite
def values(draw, parameter):
    """A number in range, or an interval of two; whole and odd where they must be."""
    if parameter.whole or parameter.odd:
        step = 2 if parameter.odd else 1
        steps = st.integers(0, int(parameter.high - parameter.low) // step)
        numbers = sorted({parameter.low + step * draw(steps), parameter.low + step * draw(steps)})
    else:
        reals = st.floats(parameter.low, parameter.high)
        numbers = sorted({draw(reals), draw(reals)})
    return "~".join(repr(float(number)) for number in numbers)


@st.composite
def specs(draw):
    """Any spec that the grammar allows, with prefixes, names and defaults written out or not."""
    terms = []
    for _ in range(draw(st.integers(1, 4))):
        code = draw(st.sampled_from([*DEGRADATIONS, *SCENARIOS]))
        if code not in DEGRADATIONS or (code in SCENARIOS and draw(st.booleans())):
            terms.append(code)
            continue
        kind = DEGRADATIONS[code]
        prefix = f"{draw(st.sampled_from(kind.on))}:" if len(kind.on) > 1 or draw(st.booleans()) else ""
        given_values = [draw(values(parameter)) for parameter in kind.parameters[: draw(st.integers(0, 3))]]
        if draw(st.booleans()):
            given_values = [f"{p.name} = {v}" for p, v in zip(kind.parameters, given_values, strict=False)][::-1]
        terms.append(prefix + code + (f"({', '.join(given_values)})" if given_values else ""))
    return draw(st.sampled_from(["+", " + "])).join(terms)


@given(specs())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_printing_and_reading_give_the_same_back(spec):
    degradation = parse(spec)
    assert parse(str(degradation)) == degradation
    assert str(parse(str(degradation))) == str(degradation)


@given(st.text(alphabet="lscirnv:+(),=~0.5 ", max_size=20))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_is_read_or_refused_with_a_sentence(text):
    try:
        degradation = parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        assert parse(str(degradation)) == degradation


@given(st.floats(0, 1000))
def test_numbers_survive_printing(number):
    assert float(write_value(number)) == number
