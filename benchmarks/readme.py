"""Renew the README's demo section from the files that `fusionbench demo` wrote."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- demo: begin -->", "<!-- demo: end -->"
PICTURE = Path("docs/images/demo.png")


def section(run: Path) -> str:
    """The picture and the tables of a demo run."""
    table = (run / "report" / "table.md").read_text(encoding="utf-8")
    caption = "One generated night scene (rows: degradations) as six methods fuse it, and the means over all scenes."
    return f"![Sources and fused images of one scene]({PICTURE.as_posix()})\n\n{caption}\n\n{table.strip()}"


def main() -> None:
    """Copy the picture and replace what stands between the marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=ROOT / "runs" / "demo")
    run = parser.parse_args().run
    (ROOT / PICTURE).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "report" / "synthetic_night_0000.png", ROOT / PICTURE)
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    if not re.search(pattern, text, re.DOTALL):
        raise SystemExit(f"{readme} lacks the marks {BEGIN} and {END}")
    replaced = re.sub(pattern, lambda _: f"{BEGIN}\n{section(run)}\n{END}", text, flags=re.DOTALL)
    readme.write_text(replaced, encoding="utf-8")


if __name__ == "__main__":
    main()
