"""The moves to the tree of docs/design.md, wing by wing, from the bottom to the top."""
from __future__ import annotations
import re
from pathlib import Path
from engine import Repo, sh, VENV

# From the bottom to the top, names of before and after in one order; a layer keeps the rooms that exist at a step.
ORDER = [
    {"columns", "extras", "files", "progress", "console", "outcomes", "types", "version", "lazy", "registry"},
    {"scorefile", "sources", "processes", "distributed", "threads", "trainers", "trainer", "download", "tensorfile"},
    {"results", "checksums", "resources", "images", "degradations", "nn"},
    {"weights"},
    {"data", "methods", "metrics"},
    {"measured"},
    {"published", "benchmark", "profile", "parsing", "listing", "fusing", "restoring", "trained"},
    {"holdings", "scoring", "preflight", "choices", "claims"},
    {"spread", "report"},
    {"run", "standalone", "export", "dashboards", "recipe", "training", "modelcard"},
    {"cards", "hub", "evaluation", "api", "embedding", "supplies", "train"},
    {"bench", "papers"},
    {"bench_commands", "data_commands", "embed_commands", "fuse_commands", "train_commands", "weights_commands"},
    {"commands"},
    {"cli"},
    {"__init__", "__main__"},
]


def prefix(mapping, old, new):
    return {f"{old}.{a}": f"{new}.{b}" for a, b in mapping.items()}


def layers(repo: Repo):
    """Write the layers of the rooms that there are now into tests/layering.py."""
    rooms = {p.relative_to(repo.root / "fusionbench").parts[0].removesuffix(".py") for p in repo.tracked("fusionbench/*.py")}
    path = repo.root / "tests/layering.py"
    text = path.read_text()
    placed = set().union(*ORDER)
    for room in sorted(rooms - placed):
        repo.warn(f"no layer for the room {room}")
    kept = [sorted(layer & rooms) for layer in ORDER]
    lines = "".join("    {" + ", ".join(f'"{r}"' for r in layer) + "},\n" for layer in kept if layer)
    text = re.sub(r"LAYERS = \[\n.*?\n\]\n", lambda m: f"LAYERS = [\n{lines}]\n", text, count=1, flags=re.S)
    path.write_text(text)


def rule(repo: Repo, text: str):
    pass


# ---------------------------------------------------------------------------------------------------------- ground

def ground(repo):
    repo.direct_imports()
    results = repo.root / "fusionbench/benchmark/results.py"
    results.write_text(re.sub(r"(?m)^__all__ = \[.*\]\n\n", "", results.read_text()))
    repo.tidy([results])
    repo.commit("Names are imported from the modules that define them")
    repo.move(
        {
            "fusionbench.registry": "fusionbench.registry",
            "fusionbench.console": "fusionbench.console",
            "fusionbench.trainer": "fusionbench.trainer",
            "fusionbench.trainer": "fusionbench.trainer",
        }
    )
    layers(repo)
    repo.commit("The ground has names that say what is there: registry, console, distributed, trainer")
    repo.cut("fusionbench.console", "*", "fusionbench.console", "The terminal: plain text, one progress bar, the lines that say what is missing, and exit statuses.")
    repo.cut("fusionbench.benchmark.results", ["path_name", "sha256_of"], "fusionbench.files")
    repo.cut("fusionbench.trainer", "*", "fusionbench.trainer", "Lightning's Trainer as it is used here, and which of several processes this one is.")
    layers(repo)
    repo.commit("What every wing does with files and the terminal stands in files.py and console.py")


# --------------------------------------------------------------------------------------------------------- weights

def weights(repo):
    repo.move(
        {
            "fusionbench.weights.store": "fusionbench.weights.store.store",
            "fusionbench.weights.download": "fusionbench.weights.store.download",
            "fusionbench.weights.safetensors": "fusionbench.weights.store.safetensors",
            "fusionbench.weights.checksums": "fusionbench.weights.store.checksums",
            "tests.weights.test_store": "tests.weights.test_store",
            "tests.weights.test_download": "tests.weights.test_download",
        },
        {"fusionbench/weights/pretrained": "fusionbench/weights/pretrained"},
        {"fusionbench.weights.store": "Weight files: what is known of each, where it lies, whether it is the one it says, and reading it."},
    )
    layers(repo)
    repo.commit("Weight files have a wing: weights/store, download, safetensors")
    card = ["MODEL", "CONFIG", "FULL", "WeightsCard", "github_card", "PUBLISHED"]
    repo.cut("fusionbench.weights.store.store", card, "fusionbench.weights.store.card", "What is known of a weight file: its addresses, checksum, licence and source.")
    repo.cut("fusionbench.weights.store.store", ["read_state", "fill"], "fusionbench.weights.store.read", "Reading weight files: named tensors in, a filled network out, and never code.")
    layers(repo)
    repo.commit("Cards of weight files and their reading stand apart from where files are found")


# -------------------------------------------------------------------------------------------------------------- nn

def nn(repo):
    repo.move(
        {
            "fusionbench.nn.cpu.chunked": "fusionbench.nn.cpu.chunked",
            "fusionbench.nn.cpu.winograd": "fusionbench.nn.cpu.winograd",
            "fusionbench.nn.cpu.upsample": "fusionbench.nn.cpu.upsample",
            "fusionbench.nn.nafnet": "fusionbench.nn.nafnet",
            "fusionbench.nn.cpu.threads": "fusionbench.nn.cpu.threads",
            "tests.nn.cpu.test_winograd": "tests.nn.cpu.test_winograd",
            "tests.nn.cpu.test_upsample": "tests.nn.cpu.test_upsample",
            "tests.nn.test_nafnet": "tests.nn.test_nafnet",
        },
        docs={"fusionbench.nn": "Differentiable blocks and losses that more than one method needs.",
              "fusionbench.nn.cpu": "The same layers computed faster on a CPU, for inference."},
    )
    layers(repo)
    repo.edit("fusionbench/nn/restormer.py", "(`strips`)", "(`nn/cpu/chunked`)")
    repo.commit("What makes inference faster on a CPU lies in nn/cpu; NAFNet's block in nn/nafnet")


# ---------------------------------------------------------------------------------------------------- degradations

def degradations(repo):
    repo.move(
        {
            "fusionbench.degradations.table": "fusionbench.degradations.table",
            "fusionbench.degradations.crop_operators": "fusionbench.degradations.crop_operators",
            "tests.degradations.test_table": "tests.degradations.test_table",
            "tests.degradations.test_crop_operators": "tests.degradations.test_crop_operators",
        }
    )
    layers(repo)
    repo.commit("The table of degradations is degradations/table, operators of crops are crop_operators")


# ------------------------------------------------------------------------------------------------------------ data

def data(repo):
    flat = {"cards": "table", "acquire": "fetch", "inspection": "validation", "training": "crops", "sampling": "samplers",
            "source": "sources.base", "folders": "sources.folders", "ems": "sources.ems", "restoration": "sources.restoration",
            "shards": "sources.shards", "sharding": "sources.shard_writer", "sharedcache": "sources.cache"}
    tests = {"test_acquire": "test_fetch", "test_inspection": "test_validation", "test_training": "test_crops",
             "test_ems": "sources.test_ems", "test_folders": "sources.test_folders", "test_restoration": "sources.test_restoration",
             "test_shards": "sources.test_shards"}
    repo.move(
        {**prefix(flat, "fusionbench.data", "fusionbench.data"), **prefix(tests, "tests.data", "tests.data")},
        docs={"fusionbench.data.sources": "Whatever pairs are read from: folders, EMS, single images with clean versions, shards; and caches over them."},
    )
    layers(repo)
    repo.edit("fusionbench/data/contrastive.py", "as in `training`", "as in `crops`")
    repo.edit("fusionbench/data/pairs.py", "is in `training`", "is in `crops`")
    repo.commit("Data sets: what pairs are read from lies in data/sources, the table in data/table")
    repo.cut("fusionbench.data.sources.cache", "*", "fusionbench.data.sources.cache", "Decoded pairs kept in memory: by one process, or for all workers of one, each decoded once.")
    repo.cut("fusionbench.data.samplers", "*", "fusionbench.data.samplers", "The order in which pairs are visited, how they are gathered into batches, and going on in the middle of an epoch.")
    old = repo.root / "fusionbench/data/images.py"
    if old.exists():  # names of fusionbench.images.files under their old module
        names = re.findall(r'^    "(\w+)",$', old.read_text(), flags=re.M)
        texts = {p: p.read_text() for p in repo.texts()}
        was = {p: repo.name(p) for p in repo.python()}
        repo.rewrite(texts, was, repo.modules(), {}, {("fusionbench.data.images", n): ("fusionbench.images.files", n) for n in names})
        sh("git", "rm", "-qf", str(old), cwd=repo.root)
    layers(repo)
    repo.commit("One module of caches over sources, one of samplers")


# --------------------------------------------------------------------------------------------------------- metrics

def metrics(repo):
    flat = {"metric": "torchmetrics", "scoring": "evaluation", "networks": "pyiqa.table", "opinions": "pyiqa.rows",
            "readiness": "pyiqa.preflight", "enclosure": "pyiqa.sandbox", "learned": "pyiqa.score"}
    functional = {"information": "information", "statistics": "moments", "gradient": "gradients", "edges": "edges", "structure": "ssim",
                  "exposure": "mef_ssim", "salience": "piella", "fidelity": "vif", "fmi": "fmi", "phase": "phase_congruency",
                  "vision": "contrast_sensitivity", "filters": "filters", "images": "images", "sharing": "memo", "toolkits": "toolkits"}
    tests = {"iqa.conftest": "pyiqa.conftest", "iqa.test_learned": "pyiqa.test_score", "iqa.test_networks": "pyiqa.test_table",
             "iqa.test_others": "pyiqa.test_others", "test_metric": "test_torchmetrics", "test_sharing": "functional.test_memo",
             "test_filters": "functional.test_filters", "test_definitions": "functional.test_definitions"}
    repo.move(
        {**prefix(flat, "fusionbench.metrics", "fusionbench.metrics"),
         **prefix(functional, "fusionbench.metrics", "fusionbench.metrics.functional"),
         **prefix(tests, "tests.metrics", "tests.metrics")},
        docs={"fusionbench.metrics.functional": "Definitions of scores as pure functions on float tensors, (B, C, H, W) in and (B,) out.",
              "fusionbench.metrics.pyiqa": "No-reference scores that pyiqa computes: their table, their files, and keeping pyiqa off the network."},
    )
    # The family of a score is the module that defines it.
    repo.edit("fusionbench/metrics/pyiqa/rows.py", 'FAMILY = "learned"', 'FAMILY = "score"')
    renamed = {**functional, "learned": "score"}
    for path in ("docs/generate/metrics.py",):
        text = (repo.root / path).read_text()
        text = re.sub(r'^    "(\w+)": "((?:From|Visual|Through|By) [^"]*)",$', lambda m: f'    "{renamed.get(m[1], m[1])}": "{m[2]}",', text, flags=re.M)
        (repo.root / path).write_text(text)
    repo.edit("benchmarks/speed/metrics.py", '("learned", "fmi")', '("score", "fmi")')
    layers(repo)
    repo.commit("Definitions of scores lie in metrics/functional, pyiqa's in metrics/pyiqa, under the names that the field uses")


# --------------------------------------------------------------------------------------------------------- methods

def methods(repo):
    baselines = ["classical", "external", "cscfuse", "datfuse", "densefuse", "ifcnn", "lrrnet", "mmdrfuse", "mufusion", "seafusion"]
    common = ["color", "padding", "tiling", "filters", "pyramid", "wavelet", "command", "files"]
    have = repo.modules()
    flat = {name: f"baselines.{name}" for name in baselines} | {name: f"common.{name}" for name in common if f"fusionbench.methods.{name}" in have}
    flat |= {"official": "baselines.table"}
    own = {"drfusion.cards": "drfusion.table", "drfusion.architecture": "drfusion.config", "drfusion.observation": "drfusion.data_consistency",
           "drfusion.official": "drfusion.import_weights", "dspfusion.cards": "dspfusion.table", "dspfusion.architecture": "dspfusion.config",
           "dspfusion.guidance": "dspfusion.modulation", "dspfusion.priors": "dspfusion.prior_encoder", "dspfusion.official": "dspfusion.import_weights",
           "dspfusion.embed": "dspfusion.embedding",
           "lure.cards": "lure.table", "lure.sizes": "lure.config", "lure.analysis": "lure.latent_analysis", "lure.triples": "lure.restoration_batch",
           "lure.language": "lure.text.encoder", "lure.lexicon": "lure.text.keywords", "lure.router": "lure.text.rules", "lure.reading": "lure.text.parse",
           "lure.ngrams": "lure.text.classifier", "lure.tasks": "lure.text.tasks"}
    tests = {"test_classical": "baselines.test_classical", "test_external": "baselines.test_external", "test_learned": "baselines.test_learned",
             "test_color": "common.test_color", "test_filters": "common.test_filters", "test_tiling": "common.test_tiling",
             "dspfusion.test_official": "dspfusion.test_import_weights", "dspfusion.test_embed": "dspfusion.test_embedding",
             "lure.test_analysis": "lure.test_latent_analysis", "lure.test_reading": "lure.text.test_parse", "lure.test_language": "lure.text.test_encoder"}
    lure = "fusionbench/methods/lure"
    repo.move(
        {**prefix(flat, "fusionbench.methods", "fusionbench.methods"), **prefix(own, "fusionbench.methods", "fusionbench.methods"),
         **prefix(tests, "tests.methods", "tests.methods")},
        {f"{lure}/{name}": f"{lure}/text/{name}" for name in ("defects.txt", "everyday.txt", "keywords.txt", "prompts", "ngrams.safetensors")},
        {"fusionbench.methods.baselines": "Methods to compare with: classical ones, networks with their authors' weights, and programs of others.",
         "fusionbench.methods.common": "What several methods share: colour, padding, tiles, filters, pyramids, and commands of others.",
         "fusionbench.methods.lure.text": "From a sentence to the tasks that LURE is asked for: keywords, rules, and encoders of text."},
    )
    layers(repo)
    repo.commit("Methods: baselines and what methods share have folders; LURE's reading of text is lure/text")
    repo.cut("fusionbench.methods", ["CLASSICAL"], "fusionbench.methods.baselines.table", "Rows of the baselines: classical methods, networks with their authors' weights, methods that run elsewhere.")
    repo.cut("fusionbench.methods.baselines.table", "*", "fusionbench.methods.baselines.table")
    repo.commit("All rows of the baselines stand in one table")


# ------------------------------------------------------------------------------------------------------- benchmark

def benchmark(repo):
    flat = {"benchmark": "spec", "results": "results", "run": "run", "scoring": "score", "fusing": "predict", "spread": "parallel",
            "restoring": "restore", "standalone": "score_folder", "choices": "options", "scorefile": "score_file", "sources": "sources", "claims": "settings", "preflight": "preflight", "export": "export", "profile": "profile"}
    tests = {"test_results": "test_results", "test_run": "test_run", "test_spread": "test_parallel", "test_programs": "test_programs",
             "test_weights_preflight": "test_preflight", "test_profile": "test_profile", "test_scorefile": "test_score_file", "test_sources": "test_sources"}
    repo.move(
        {**prefix(flat, "fusionbench", "fusionbench.benchmark.spec"), **prefix(tests, "tests", "tests.benchmark")},
        docs={"fusionbench.benchmark.spec": "What to run, and running it: inputs, fused images, scores, and what a run leaves on disk."},
    )
    layers(repo)
    repo.commit("What a run is and does lies in benchmark/: spec, preflight, predict, score, results, run")
    inputs = "Opening what a benchmark names: the pairs of a data set, a method with its weights."
    repo.cut("fusionbench.benchmark.spec.score", ["open_pairs"], "fusionbench.benchmark.spec.inputs", inputs)
    repo.cut("fusionbench.benchmark.spec.run", ["open_method"], "fusionbench.benchmark.spec.inputs")
    repo.cut("fusionbench.benchmark.spec.spec", ["split_commas", "split_choices"], "fusionbench.benchmark.spec.options")
    layers(repo)
    repo.commit("Data sets and methods of a benchmark are opened in benchmark/inputs")


# ------------------------------------------------------------------------------------------------- report and papers

def report(repo):
    flat = {"table": "tables", "write": "text", "album": "thumbnails", "origins": "provenance", "statistics": "significance"}
    tests = {"report.test_comparison": "papers.test_compare", "report.test_statistics": "report.test_significance", "report.test_table": "report.test_tables",
             "test_dashboards": "report.test_wandb", "test_published": "papers.test_tables", "test_bench": "papers.test_measure", "test_embed": "papers.test_embedding"}
    repo.move(
        {**prefix(flat, "fusionbench.report", "fusionbench.report"),
         "fusionbench.report.wandb": "fusionbench.report.wandb",
         "fusionbench.papers.compare": "fusionbench.papers.compare",
         "fusionbench.papers.latex": "fusionbench.papers.latex",
         "fusionbench.papers.cells": "fusionbench.papers.cells",
         "fusionbench.papers.tables": "fusionbench.papers.tables",
         "fusionbench.papers.measured": "fusionbench.papers.measured",
         "tests.papers.test_measured": "tests.papers.test_measured",
         "fusionbench.papers.requirements": "fusionbench.papers.requirements",
         "fusionbench.papers.measure": "fusionbench.papers.measure",
         "fusionbench.papers.embedding": "fusionbench.papers.embedding",
         **prefix(tests, "tests", "tests")},
        docs={"fusionbench.report": "What is made of a finished run: tables, figures, a page, Weights and Biases.",
              "fusionbench.papers": "The papers' tables as data, measured with what is at hand, and set beside what was printed."},
    )
    layers(repo)
    repo.commit("The papers' tables have a wing: papers/tables, requirements, measure, compare, latex; report/ holds what is made of any run")
    repo.cut("fusionbench.papers.cells", ["markdown", "show", "write_table"], "fusionbench.papers.text", "Published and measured numbers side by side, as markdown, in a terminal, and in the files of a table.")
    repo.edit("fusionbench/papers/cells.py", (repo.root / "fusionbench/papers/cells.py").read_text().split("\n")[0], '"""Published and measured numbers side by side: the texts of the cells."""')
    repo.edit("fusionbench/papers/text.py", "    from fusionbench.papers.latex import difference_tables, fragment\n\n", "")
    repo.edit("fusionbench/papers/text.py", "from fusionbench.papers.tables import", "from fusionbench.papers.latex import difference_tables, fragment\nfrom fusionbench.papers.tables import")
    path = repo.root / "tests/test_layering.py"
    text = path.read_text()
    text = re.sub(r'CIRCLES: list\[list\[str\]\] = .*?\n"""Those that still stand\."""\n\n\n?', "\n", text, flags=re.S).replace("circles(imports) == CIRCLES", "circles(imports) == []")
    path.write_text(text)
    layers(repo)
    repo.commit("Cells of a paper's table stand below the formats that show them, and nothing goes in circles")


# ------------------------------------------------------------------------------------------------- training and hub

def training(repo):
    repo.move(
        {
            "fusionbench.training.fit": "fusionbench.training.callbacks.fit",
            "fusionbench.training.callbacks": "fusionbench.training.callbacks.callbacks",
            "fusionbench.training.curves": "fusionbench.training.callbacks.curves",
            "fusionbench.training.recipe": "fusionbench.training.callbacks.recipe",
            "tests.training.test_recipe": "tests.training.test_recipe",
            "tests.training.test_own_script": "tests.training.test_own_script",
            "fusionbench.hub.trained": "fusionbench.hub.trained",
            "fusionbench.hub.export": "fusionbench.hub.export",
            "fusionbench.hub.readme": "fusionbench.hub.readme",
            "fusionbench.hub.catalog": "fusionbench.hub.catalog",
            "tests.training.test_fit": "tests.training.test_fit",
            "tests.training.test_distributed": "tests.training.test_distributed",
            "tests.hub.test_export": "tests.hub.test_export",
            "tests.hub.test_catalog": "tests.hub.test_catalog",
        },
        docs={"fusionbench.training.callbacks": "From a recipe to weights: every phase of a method in order, resumable in the middle.",
              "fusionbench.hub": "Weights of methods and scores, listed and fetched; trained methods given away as folders with a card."},
    )
    layers(repo)
    repo.commit("Training lies in training/, what lists weights and gives them away in hub/")
    repo.cut("fusionbench.hub.trained", ["portable"], "fusionbench.training.callbacks.recipe")
    layers(repo)
    repo.commit("What a recipe leaves out for others stands with the recipe")


# ------------------------------------------------------------------------------------------------------------- cli

def cli(repo):
    repo.move(
        {
            "fusionbench.cli.main": "fusionbench.cli.main.main",
            "fusionbench.cli.commands": "fusionbench.cli.main.commands",
            "fusionbench.api.fuse": "fusionbench.api.fuse.fuse",
            "fusionbench.api.run": "fusionbench.api.fuse.run",
            "fusionbench.api.listing": "fusionbench.api.fuse.listing",
            "fusionbench.report.columns": "fusionbench.report.columns",
            "tests.api.test_run": "tests.api.test_run",
            "fusionbench.cli.parsing": "fusionbench.cli.main.parsing",
            "tests.cli.test_parsing": "tests.cli.test_parsing",
            "tests.cli.test_list": "tests.cli.test_list",
            "tests.cli.test_fallback": "tests.cli.test_fallback",
            "fusionbench.cli.bench": "fusionbench.cli.main.bench",
            "fusionbench.cli.data": "fusionbench.cli.main.data",
            "fusionbench.cli.embed": "fusionbench.cli.main.embed",
            "fusionbench.cli.fuse": "fusionbench.cli.main.fuse",
            "fusionbench.cli.train": "fusionbench.cli.main.train",
            "fusionbench.cli.weights": "fusionbench.cli.main.weights",
            "tests.cli.test_bad_input": "tests.cli.test_bad_input",
            "tests.cli.test_exit_status": "tests.cli.test_exit_status",
            "tests.cli.test_fuse": "tests.cli.test_fuse",
            "tests.cli.test_default_data": "tests.cli.test_default_data",
            "tests.cli.test_demo": "tests.cli.test_demo",
            "tests.cli.test_console": "tests.cli.test_console",
        },
        docs={"fusionbench.api.fuse": "The front door in Python: fusing, running, scoring, and lists of what there is.",
              "fusionbench.cli.main": "The command line: one module per verb, whose signatures become options."},
    )
    layers(repo)
    init = repo.root / "fusionbench/__init__.py"
    text = init.read_text()
    if "class _Package" in text:  # no module `run` hides the public function any more
        start, end = text.index("class _Package"), text.index("def __dir__")
        text = (text[:start] + text[end:]).replace("import sys\n", "").replace("from types import ModuleType\n", "")
        init.write_text(text)
    repo.commit("The command line lies in cli/, what Python calls in api/")
    repo.cut("fusionbench.cli.main.commands", ["report", "_report"], "fusionbench.cli.main.report", "`fusionbench report`.")
    repo.cut("fusionbench.cli.main.commands", ["score"], "fusionbench.cli.main.score", "`fusionbench score`.")
    repo.cut("fusionbench.cli.main.commands", ["degrade"], "fusionbench.cli.main.degrade", "`fusionbench degrade`.")
    repo.cut("fusionbench.cli.main.commands", ["show_list"], "fusionbench.cli.main.list", "`fusionbench list`.")
    repo.cut("fusionbench.cli.main.commands", "!COMMANDS", "fusionbench.cli.main.run", "`fusionbench run` and `fusionbench demo`.")
    repo.edit("fusionbench/cli/commands.py", (repo.root / "fusionbench/cli/commands.py").read_text().split("\n")[0], '"""The sub-commands by name. Signatures become options, so heavy imports stay inside the functions."""')
    if "fusionbench.files" in repo.modules():
        repo.cut("fusionbench.files", "!resources,_PACKAGE", "fusionbench.cli.main.recipes", "What `--config` names: a recipe that comes with the package, or a file.")
        repo.cut("fusionbench.files", "*", "fusionbench.files")
    repo.cut("fusionbench.cli.main.bench", ["profile"], "fusionbench.cli.main.profile", "`fusionbench profile`.")
    repo.edit("fusionbench/cli/bench.py", '"""`fusionbench bench` and `fusionbench profile`."""', '"""`fusionbench bench`."""')
    layers(repo)
    repo.commit("One module per verb of the command line")


# ------------------------------------------------------------------------------------------------------------ docs

def docs(repo):
    repo.move(
        {
            "tests.docs.test_degradations": "tests.docs.test_degradations",
        },
        {"docs/generate/metrics.py": "docs/generate/metrics.py",
         "docs/generate/degradations.py": "docs/generate/degradations.py"},
    )
    gen = "docs/generate/metrics.py"
    repo.edit(gen, "`python -m fusionbench.metrics.document`", "`python docs/generate/metrics.py`", 0)
    repo.edit(gen, "parents[2] / \"docs\"", "parents[1]")
    gen = "docs/generate/degradations.py"
    repo.edit(gen, "python -m fusionbench.degradations.document", "python docs/generate/degradations.py", 0)
    for page in ("docs/metrics.md", "docs/protocols.md", "CONTRIBUTING.md", "docs/degradations.md"):
        path = repo.root / page
        text = path.read_text()
        text = text.replace("python -m fusionbench.metrics.document", "python docs/generate/metrics.py")
        text = text.replace("python -m fusionbench.degradations.document", "python docs/generate/degradations.py")
        path.write_text(text)
    page = "tests/docs/test_degradations.py"
    repo.edit(page, "from fusionbench.degradations.document import renewed, tables\n", "")
    repo.edit(page, "from pathlib import Path\n", "import runpy\nfrom pathlib import Path\n")
    repo.edit(page, 'PAGE = Path(__file__).parents[2] / "docs" / "degradations.md"\n',
              'DOCS = Path(__file__).parents[2] / "docs"\nPAGE = DOCS / "degradations.md"\n\nSCRIPT = runpy.run_path(str(DOCS / "generate" / "degradations.py"))\nrenewed, tables = SCRIPT["renewed"], SCRIPT["tables"]\n')
    repo.edit(page, "python -m fusionbench.degradations.document", "python docs/generate/degradations.py")
    path = repo.root / "tests/metrics/test_protocols.py"
    text = path.read_text()
    test = text.index('@pytest.mark.parametrize("page", document.PAGES)')
    path.write_text(text[:test].rstrip() + "\n")
    repo.edit("tests/metrics/test_protocols.py", "PROTOCOLS, choose, document, evaluate", "PROTOCOLS, choose, evaluate")
    (repo.root / "tests/docs/test_metrics.py").write_text('''"""The pages about scores and protocols say what the tables say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = runpy.run_path(str(DOCS / "generate" / "metrics.py"))["PAGES"]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_what_the_tables_say(page):
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), f"run python docs/generate/metrics.py to renew {page}"
''')
    page = "tests/metrics/test_invariants.py"
    repo.edit(page, "from fusionbench.metrics.document import FLOAT32_ERRORS\n", "")
    repo.edit(page, "import math\n\n", "import math\nimport runpy\nfrom pathlib import Path\n\n")
    repo.edit(page, "\nHERE = ", '\nPAGES = Path(__file__).parents[2] / "docs" / "generate" / "metrics.py"\nFLOAT32_ERRORS = runpy.run_path(str(PAGES))["FLOAT32_ERRORS"]\n\nHERE = ')
    repo.edit("pyproject.toml", 'files = ["fusionbench"]', 'files = ["fusionbench", "docs/generate"]')
    layers(repo)
    repo.commit("What writes the generated pages lies in docs/generate and is no part of the package")


FINAL = {"__init__", "__main__", "version", "api", "types", "registry", "files", "console", "extras", "trainer", "images", "degradations", "nn", "weights",
         "data", "methods", "metrics", "benchmark", "report", "training", "hub", "papers", "tasks", "cli"}
TESTS = {"conftest", "layering", "lowest", "pairs", "server", "test_layering", "test_readme", "test_scaling_page", "test_snapshots", "test_package",
         "test_determinism", "test_extras", "test_names", "test_own_images", "test_make"}


def unmapped(repo):
    """What nobody said where to put."""
    rooms = {p.relative_to(repo.root / "fusionbench").parts[0].removesuffix(".py") for p in repo.tracked("fusionbench/*.py")}
    print("rooms without a place in the plan:", sorted(rooms - FINAL))
    print("tests at the top without a place:", sorted(p.stem for p in (repo.root / "tests").glob("*.py") if p.stem not in TESTS))


STEPS = [ground, weights, nn, degradations, data, metrics, methods, benchmark, report, training, cli, docs, unmapped]
