
import sys, importlib, pathlib, re, ast
bad = 0
for path in sorted(pathlib.Path("fusionbench").rglob("*.py")):
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if name.endswith("__main__"): continue
    try: importlib.import_module(name)
    except Exception as error: bad += 1; print("IMPORT", name, type(error).__name__, error)
from importlib import import_module
for path in sorted(pathlib.Path("fusionbench").rglob("*.py")):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"fusionbench(\.\w+)+:\w+", node.value):
            module, _, attribute = node.value.partition(":")
            try: getattr(import_module(module), attribute)
            except Exception as error: bad += 1; print("TARGET", path, node.value, error)
sys.exit(bad)
