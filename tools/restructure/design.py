import sys, re
from pathlib import Path
root = Path(sys.argv[1])
path = root / "docs/design.md"
text = path.read_text()
new = (Path(__file__).parent / "design_tree.md").read_text()
start = text.index("## Flow"); end = text.index("## Rules that hold everywhere")
text = text[:start] + new + text[end:]
text = text.replace("On several devices, images\nare dealt out to processes that know nothing of each other and write files of their own, which are put together by\nname.", "On several devices, images\nare divided among processes that know nothing of each other and write files of their own, which are merged by name.")
path.write_text(text)
