"""Reading and writing degradation specs.

    spec  := "clean" | term ("+" term)*
    term  := [("ir" | "vi") ":"] code ["(" value ("," value)* ")"]
    value := [name "="] (number | number "~" number)

Terms are applied from left to right. A code that applies to one modality needs no prefix; a scenario takes none. `a~b`
is sampled for every image. Equivalent specs are equal and print the same: prefixes only where they are needed, the
first parameter bare and the others named, defaults omitted, a scenario by its name.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

from fusionbench.degradations.table import DEGRADATIONS, SCENARIOS, DegradationCard, Parameter, Range
from fusionbench.registry import unknown_name

MODALITIES = ("ir", "vi")
Value = float | Range

_TERM = re.compile(r"(?:(?P<modality>\w*)\s*:)?\s*(?P<code>[\w-]+)\s*(?:\((?P<values>.*)\))?")


@dataclass(frozen=True)
class Term:
    """One degradation of one image, with every argument filled in.

    Attributes:
        modality: 'ir' or 'vi'.
        code: a key of `DEGRADATIONS`.
        values: one per parameter of the degradation, in its order.
    """

    modality: str
    code: str
    values: tuple[Value, ...] = ()

    @property
    def kind(self) -> DegradationCard:
        """The row of `DEGRADATIONS`."""
        return DEGRADATIONS[self.code]

    @property
    def arguments(self) -> dict[str, Value]:
        """Values by parameter name, including those that a spec cannot change."""
        named = zip(self.kind.parameters, self.values, strict=True)
        return {**self.kind.fixed, **{parameter.name: value for parameter, value in named}}

    def number(self, name: str) -> float:
        """The value of an argument.

        Raises:
            ValueError: it is still to be drawn.
        """
        value = self.arguments[name]
        if isinstance(value, Range):
            raise ValueError(f"{str(self)!r} leaves its {name} open; give the value that was used")
        return value

    @property
    def scale(self) -> int:
        """By which factor per side the resolution is reduced: 1, or the factor of `lr`, `sr4`, `sr8`.

        Raises:
            ValueError: the factor has not been sampled yet.
        """
        return int(self.number("factor")) if "factor" in self.arguments else 1

    @property
    def full(self) -> str:
        """The term with its prefix and every argument; it seeds the random numbers, so that defaults may change."""
        values = ",".join(f"{name}={write_value(value)}" for name, value in self.arguments.items())
        return f"{self.modality}:{self.code}({values})"

    def __str__(self) -> str:
        prefix = "" if len(self.kind.on) == 1 and self.code not in SCENARIOS else f"{self.modality}:"
        written = [
            write_value(value) if index == 0 else f"{parameter.name}={write_value(value)}"
            for index, (parameter, value) in enumerate(zip(self.kind.parameters, self.values, strict=True))
            if value != parameter.default
        ]
        return f"{prefix}{self.code}({','.join(written)})" if written else f"{prefix}{self.code}"


def read(spec: str) -> tuple[Term, ...]:
    """The terms of a spec, with scenarios expanded; none for 'clean'.

    Raises:
        ValueError: the spec is malformed, has an unknown name, or a value out of range.
    """
    pieces = [piece.strip() for piece in _split(spec.lower(), "+")]
    if pieces == ["clean"]:
        return ()
    terms: list[Term] = []
    for piece in pieces:
        if not piece:
            raise ValueError(f"empty term in degradation {spec!r}; write 'clean', or codes joined by '+'")
        if piece == "clean":
            raise ValueError(f"'clean' cannot be combined with other terms, as in {spec!r}")
        terms += _read_term(piece)
    return tuple(terms)


def write(terms: tuple[Term, ...]) -> str:
    """The canonical spec of terms, from which `read` gives them back."""
    pieces, index = [], 0
    while index < len(terms):
        code = next((c for c, expansion in _expansions().items() if terms[index:][: len(expansion)] == expansion), None)
        pieces.append(str(terms[index]) if code is None else code)
        index += 1 if code is None else len(_expansions()[code])
    return "+".join(pieces) or "clean"


def split_specs(text: str) -> list[str]:
    """The specs of a comma-separated list; commas inside parentheses belong to the spec.

    Example:
        >>> split_specs("clean,ir:sn(7,stripe=9),ll+lc")
        ['clean', 'ir:sn(7,stripe=9)', 'll+lc']
    """
    return [piece.strip() for piece in _split(text, ",")]


def write_value(value: Value) -> str:
    """A value as written in a spec: the shortest digits that read back to the same number."""
    if isinstance(value, Range):
        return f"{write_value(value.low)}~{write_value(value.high)}"
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _split(text: str, separator: str) -> list[str]:
    pieces, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth not in (0, 1):
            raise ValueError(f"unbalanced or nested brackets in degradation {text!r}; write 'code(value)'")
        if character == separator and depth == 0:
            pieces.append(text[start:index])
            start = index + 1
    if depth:
        raise ValueError(f"bracket not closed in degradation {text!r}; write 'code(value)'")
    return [*pieces, text[start:]]


def _read_term(text: str) -> tuple[Term, ...]:
    match = _TERM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a degradation; write '[ir:|vi:]code[(value,...)]'")
    modality, code, values = match["modality"], match["code"].lower(), match["values"]
    if modality is None and code in SCENARIOS:
        return _read_scenario(code, values)
    if code not in DEGRADATIONS:
        if code in SCENARIOS:
            raise ValueError(f"{code!r} degrades both images; write it without a prefix")
        raise unknown_name("degradation", code, [*DEGRADATIONS, *SCENARIOS, "clean"])
    return (Term(_modality(code, modality), code, _read_values(code, values)),)


def _read_scenario(code: str, values: str | None) -> tuple[Term, ...]:
    if values is not None:
        choices = f"; write 'ir:{code}({values})+vi:{code}({values})'" if code in DEGRADATIONS else ""
        raise ValueError(
            f"{code!r} without a prefix is the scenario {SCENARIOS[code].spec} and takes no values{choices}"
        )
    return read(SCENARIOS[code].spec)


def _modality(code: str, written: str | None) -> str:
    fitting = DEGRADATIONS[code].on
    if written is None:
        if len(fitting) > 1:
            raise ValueError(f"{code!r} applies to both modalities; write 'ir:{code}' or 'vi:{code}'")
        return fitting[0]
    modality = written.lower()
    if modality not in MODALITIES:
        raise ValueError(f"unknown modality {written!r} before {code!r}; write 'ir:' or 'vi:'")
    if modality not in fitting:
        raise ValueError(f"{code!r} does not apply to {modality!r}; write {fitting[0]}:{code} or just {code}")
    return modality


def _read_values(code: str, text: str | None) -> tuple[Value, ...]:
    parameters = DEGRADATIONS[code].parameters
    names = [parameter.name for parameter in parameters]
    given: dict[str, Value] = {}
    for index, piece in enumerate([] if text is None else text.split(",")):
        name, equals, number = piece.rpartition("=")
        if not parameters:
            raise ValueError(f"{code!r} takes no values, not {piece.strip()!r}")
        if not equals and index >= len(parameters):
            raise ValueError(f"{code!r} takes at most {len(parameters)} values ({', '.join(names)}), not {text!r}")
        name = name.strip() if equals else names[index]
        if name not in names:
            raise unknown_name(f"parameter of {code!r}", name, names)
        if name in given:
            raise ValueError(f"{name!r} is given twice in '{code}({text})'")
        given[name] = _read_value(code, parameters[names.index(name)], number.strip())
    return tuple(given.get(parameter.name, _normal(parameter.default)) for parameter in parameters)


def _read_value(code: str, parameter: Parameter, text: str) -> Value:
    numbers = [_read_number(code, parameter, piece) for piece in text.split("~")]
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) > 2 or numbers[0] >= numbers[1]:
        raise ValueError(f"{text!r} is not an interval for {parameter.name!r} of {code!r}; write 'low~high'")
    return Range(*numbers)


def _read_number(code: str, parameter: Parameter, text: str) -> float:
    what = f"{parameter.name!r} of {code!r}"
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not a number for {what} ({parameter.meaning})") from None
    if not parameter.low <= number <= parameter.high or math.isnan(number):
        limits = f"{write_value(parameter.low)} to {write_value(parameter.high)}"
        raise ValueError(f"{what} is {text.strip()}, outside {limits} ({parameter.meaning})")
    if not parameter.admits(number):
        raise ValueError(f"{what} is {text.strip()}, but must be {'odd' if parameter.odd else 'a whole number'}")
    return number + 0.0


def _normal(value: Value) -> Value:
    return Range(float(value.low), float(value.high)) if isinstance(value, Range) else float(value)


@cache
def _expansions() -> dict[str, tuple[Term, ...]]:
    """Scenarios by code, those with the most terms first, so that the longest match wins."""
    read_all = {code: read(scenario.spec) for code, scenario in SCENARIOS.items()}
    return dict(sorted(read_all.items(), key=lambda item: -len(item[1])))
