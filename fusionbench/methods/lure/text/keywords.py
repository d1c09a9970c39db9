"""The words that say which image a sentence is about and what is wrong with it.

Patterns are matched between word boundaries, in lower-case text without hyphens in which "n't" has become "not".
Patterns of defects are rows of `defects.txt` (weight 2 for unambiguous ones, 1 for clear ones, 0.5 for hints);
`keywords.txt` lists the words that typos are corrected to, `everyday.txt` words that look like typos but are not.
"""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from typing import NamedTuple

MACROS = {
    "LITTLE": r"(?:low|poor|weak|bad|little|insufficient|scarce|scant|inadequate|reduced|limited|lack\w*|missing)",
    "LOWER": r"(?:reduc\w+|lower\w*|decreas\w+|dim down|tone|turn down|cut|tame|less|compress\w*)",
    "RAISE": (
        r"(?:rais\w+|increas\w+|boost\w*|enhanc\w+|improv\w+|lift\w*|strengthen\w*|turn up|more|stretch\w*|add\w*)"
    ),
    "MAKE": r"(?:ma[kd]e|making|turn\w*|should be|must be|get|want\w*|needs? to be|need|render\w*|give)",
    "UP_TO": r"(?:[\w']+ ){0,6}?",
    "NONE": (
        r"(?:no|not enough|not much|too little|very little|little|hardly any|barely any|almost no|next to no|not any"
        r"|without)"
    ),
    "GOOD": (
        r"(?:good|high|strong|excellent|great|enough|sufficient|plenty of|nice|perfect|full|rich|right|proper|adequate"
        r"|fine|clear)"
    ),
    "QUALITY": r"(?:contrast\w*|resolution|lighting|brightness|exposure|illumination|visibility)",
}


class Mention(NamedTuple):
    """A pattern and its meaning.

    Attributes:
        pattern: the compiled pattern.
        task: one of `TASKS`, or 'other' for a defect that LURE has no task for.
        weight: see above.
    """

    pattern: re.Pattern[str]
    task: str
    weight: float


def compiled(*alternatives: str) -> re.Pattern[str]:
    """A pattern of alternatives, with names of macros in braces."""
    pattern = "|".join(alternatives)
    for name, macro in MACROS.items():
        pattern = pattern.replace(f"{{{name}}}", macro)
    return re.compile(rf"\b(?:{pattern})\b")


def resource(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


INFRARED = compiled(
    r"infra ?reds?|thermal\w*|thermo\w+|ir|[lmsn]w?ir|flir|heat|temperatures?|warm (?:objects?|targets?)|bolometer"
)
# "Hardly visible" and "is visible" do not refer to the camera.
VISIBLE = compiled(
    r"(?<!barely\s)(?<!hardly\s)(?<!scarcely\s)(?<!not\s)(?<!more\s)(?<!are\s)(?<!is\s)(?<!be\s)(?<!clearly\s)"
    r"visible(?! again)",
    r"visual|vis?|rgb|eo|tv|colou?r(?:ed)?|optical|photo\w*|daylight|daytime camera|(?:normal|ordinary|front) camera",
)

DEFECTS = [
    Mention(compiled(row["pattern"]), row["task"], float(row["weight"]))
    for row in csv.DictReader(resource("defects.txt").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
]

WELL = compiled(
    r"fine|good|ok|okay|clean|perfect\w*|excellent|great|nice|flawless|faultless|intact|healthy|crisp|sharp|clear",
    r"un(?:damaged|degraded|altered|changed|touched)|natural|normal|alright|all right|high quality|satisf\w*",
    r"well (?:exposed|lit|lighted|illuminated)|(?:properly|correctly) exposed|already restored",
    r"no (?:\w+ )?(?:degradations?|problems?|defects?|issues?|need|artefacts?|artifacts?|complaints?|changes?)",
    r"no (?:\w+ )?(?:enhancement|restoration|correction)|needs? no|does not need|do not|nothing|none|neither|as is",
    r"as (?:it|they) (?:is|are)",
    r"leave|keep|preserve|fusion only|fuse|merge|combine|blend|reconstruct\w*",
    r"(?:just|only|simply|plain) (?:fus\w+|merg\w+|combin\w+|reconstruct\w*|copy|blend)",
)

# Praise, which cancels a defect inside its match.
PRAISE = compiled(
    r"{GOOD} (?:\w+ )?(?:contrast\w*|resolution|details?|lighting|illumination|visibility)",
    r"(?:good|right|correct|proper|adequate|enough|sufficient|perfect) (?:\w+ )?(?:exposure|light|brightness)",
    r"{QUALITY} (?:is|are|looks|was) (?:very |quite )?(?:{GOOD}|ok|okay|correct|normal)",
    r"bright enough|(?:well|properly) (?:lit|exposed)|sharp|high ?res\w*",
)
ASKING = compiled(
    r"{RAISE}|{MAKE}|bring|restor\w*|recover\w*|reveal|please|can|could|would|wish|like|obtain|produce|reconstruct",
    r"lack\w*|not|low|poor|insufficient",
)

NEGATION = compiled(
    r"not|no|without|free (?:of|from)|never|neither|nor|none|nothing|lacks? any|absence of|devoid of|zero"
)
NOT_NEGATION = compiled(
    r"(?:can|could|not) (?:not )?(?:see|tell|recogni[sz]e|make out|distinguish|find|read|only)",
    r"can not|could not|nothing but|no longer|why not|not only|no matter",
)
BOUNDARY = re.compile(
    r"[.;:!?\n,&+/|]+"
    r"|\b(?:but|while|whereas|although|though|however|yet|and|so|because|except|instead|just)\b"
)

KEYWORDS = tuple(resource("keywords.txt").split())
EVERYDAY = frozenset(resource("everyday.txt").split())
