"""python move.py WORKTREE [--until STEP] [--from STEP] [--check]: restructure the package in a clean worktree, a commit a step."""
import argparse, os, subprocess, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import engine, plan

parser = argparse.ArgumentParser()
parser.add_argument("root", type=Path)
parser.add_argument("--until", default="")
parser.add_argument("--start", default="")
parser.add_argument("--check", action="store_true")
options = parser.parse_args()
repo = engine.Repo(options.root)
env = {**os.environ, "PYTHONPATH": str(options.root), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}

CHECK = '''
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
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"fusionbench(\\.\\w+)+:\\w+", node.value):
            module, _, attribute = node.value.partition(":")
            try: getattr(import_module(module), attribute)
            except Exception as error: bad += 1; print("TARGET", path, node.value, error)
sys.exit(bad)
'''

started = not options.start
for step in plan.STEPS:
    if step.__name__ == options.start:
        started = True
    if not started:
        continue
    print("==", step.__name__)
    step(repo)
    if options.check:
        last = step is plan.STEPS[-1]
        for words in ([engine.VENV / "ruff", "check", "."], [engine.VENV / "python", "-c", CHECK], *([[engine.VENV / "mypy"]] if last else []),
                      [engine.VENV / "python", "-m", "pytest", "-q", "tests/test_layering.py", "-p", "no:cacheprovider"]):
            done = subprocess.run(list(map(str, words)), cwd=options.root, env=env, capture_output=True, text=True)
            tail = (done.stdout + done.stderr).strip()
            print(words[0].name, "ok" if not done.returncode else tail[-3000:])
    if step.__name__ == options.until:
        break
print("\nwarnings:", *repo.warnings, sep="\n  ")
