"""Comparisons as LaTeX: one table per block to input, and a document with all tables of a paper."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.papers.cells import (
    CORRECTED,
    LEGEND,
    NOTHING,
    SHIPPED,
    TAU_FROM,
    CellText,
    cell_texts,
    tau_text,
)
from fusionbench.papers.compare import Comparison, caption, is_measured, notes, title
from fusionbench.papers.tables import Paper
from fusionbench.report.significance import TESTS, difference_texts

PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[landscape,margin=15mm]{geometry}
\usepackage{booktabs,graphicx,longtable}
\setlength{\belowcaptionskip}{6pt}
\renewcommand{\tablename}{Part}
"""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    CORRECTED: r"\textdagger{}",
    SHIPPED: r"\textdaggerdbl{}",
    "\u00d7": r"$\times$",
    "…": r"\ldots{}",
}


def escape(text: str) -> str:
    r"""Plain text as LaTeX.

    Example:
        >>> escape("R&D_50%")
        'R\\&D\\_50\\%'
    """
    known = "".join(_SPECIAL.get(character, character) for character in text)
    # Paths and messages may contain anything; characters that the fonts lack would stop the compiler.
    return "".join(character if ord(character) < 0x250 else "?" for character in known)


def fragment(comparisons: Sequence[Comparison]) -> str:
    """The blocks of a table, a `table` each; needs the packages booktabs and graphicx."""
    return "\n".join(_block(one) for one in comparisons)


def _block(one: Comparison) -> str:
    measured = is_measured(one)
    width = 3 if measured else 1
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{escape(caption(one))}}}",
        r"\small",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * width * len(one.metrics)}}}",
        r"\toprule",
        *_heads(one, width),
        r"\midrule",
        *_body(one, measured),
        r"\bottomrule",
        r"\end{tabular}}",
        *_remarks(one),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _heads(one: Comparison, width: int) -> list[str]:
    heads = [rf"\multicolumn{{{width}}}{{c}}{{{escape(one.head(m))}}}" for m in one.metrics]
    lines = [_row(["method", *heads])]
    if width > 1:
        rules = [rf"\cmidrule(lr){{{start}-{start + 2}}}" for start in range(2, 2 + width * len(one.metrics), width)]
        lines += ["".join(rules), _row(["", *["published", "measured", "diff."] * len(one.metrics)])]
    return lines


def _body(one: Comparison, measured: bool) -> list[str]:
    texts = cell_texts(one)
    lines = [
        _row([escape(method), *(part for m in one.metrics for part in _parts(texts[method, m], measured))])
        for method in one.methods
    ]
    if any(one.tau(metric)[1] >= TAU_FROM for metric in one.metrics):
        taus = [rf"\multicolumn{{3}}{{c}}{{{escape(tau_text(one, m))}}}" for m in one.metrics]
        lines += [r"\midrule", _row([r"Kendall $\tau$ (methods)", *taus])]
    return lines


def _parts(text: CellText, measured: bool) -> list[str]:
    published = _emphasis(text.published, text.published_place) + (escape(CORRECTED) if text.corrected else "")
    if not measured:
        return [published]
    mean = _emphasis(text.measured, text.measured_place) + (escape(SHIPPED) if text.shipped else "")
    return [published or NOTHING, mean or NOTHING, f"${text.difference}$" if text.difference else NOTHING]


def _emphasis(text: str, place: int) -> str:
    return {1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(place, text)


def _remarks(one: Comparison) -> list[str]:
    shipped = [f"{SHIPPED}: shipped with the package."] if one.used else []
    remarks = [LEGEND, *shipped, *notes(one)]
    return [
        r"\par\smallskip",
        r"\begin{minipage}{\textwidth}\footnotesize",
        escape(" ".join(remarks)),
        r"\end{minipage}",
    ]


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def difference_tables(comparisons: Sequence[Comparison]) -> str:
    """The differences between measured methods, a `longtable` per block; needs booktabs and longtable."""
    return "\n".join(_differences(one) for one in comparisons if one.differences)


def _differences(one: Comparison) -> str:
    head = _row(["metric", "first", "second", "images", "difference", r"95\,\% interval", "$p$", "$p$ (Holm)"])
    lines = [
        r"\begin{longtable}{lllrrrrr}",
        rf"\caption{{{escape(f'{title(one)}: measured differences between methods. {TESTS}')}}}\\",
        r"\toprule",
        head,
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
    ]
    for d in one.differences:
        *numbers, p, adjusted = difference_texts(d, around="$")
        lines.append(_row([*map(escape, (d.metric, d.first, d.second)), *numbers, escape(p), escape(adjusted)]))
    return "\n".join([*lines, r"\end{longtable}"]) + "\n"


def document(paper: Paper, files: Sequence[str]) -> str:
    """A document that shows files beside it, one after the other."""
    lines = [
        PREAMBLE + r"\begin{document}",
        rf"\section*{{The tables of {escape(paper.title)}, published and measured}}",
        escape(f"{paper.citation}."),
    ]
    for file in files:
        # Floats wait for their pages; too many of them waiting stop the compiler.
        lines += [rf"\input{{{file}}}", r"\clearpage"]
    return "\n".join([*lines, r"\end{document}"]) + "\n"
