"""The table of renames, by wing. Run after move.py: python names.py WORKTREE [--only WING]."""
from __future__ import annotations
import argparse, re, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
from engine import Repo, sh
from rename import local, rename

F = "fusionbench."

WINGS = {
    "ground": ("Names of the ground: import_object, unknown_name, print_missing, exit statuses, is_rank_zero, world_size", {
        "registry:resolve": "import_object",
        "registry:unknown": "unknown_name",
        "registry:near": "similar_names",
        "registry:either": "join_or",
        "console:finish": "print_missing",
        "console:DONE": "EXIT_OK",
        "console:INCOMPLETE": "EXIT_PARTIAL",
        "console:plain_console": "make_console",
        "trainer:leads": "is_rank_zero",
        "trainer:launched": "world_size",
        "trainer:quiet": "silence_lightning",
        "trainer:quiet_trainer": "prediction_trainer",
        "trainer:interruptible": "keyboard_interrupts",
        "extras:adding": "install_command",
    }),
    "weights": ("Names of weight files: search_paths, locate, require, load_strict, and of cards", {
        "weights.store:located": "locate",
        "weights.store:find": "require",
        "weights.store:places": "search_paths",
        "weights.store:expected_path": "cache_path",
        "weights.store:_vouched": "_provenance",
        "weights.read:fill": "load_strict",
        "weights.safetensors:read_notes": "read_metadata",
        "weights.card:WeightsCard.also": ("aliases", {"receivers": r"card|self|part|one|network"}),
        "weights.card:WeightsCard.elsewhere": ("caches", {"receivers": r".*"}),
        "weights.card:WeightsCard.unused": ("ignored_keys", {"receivers": r".*"}),
        "weights.card:WeightsCard.about": ("approximate_size", {"receivers": r"card|part"}),
        "weights.card:WeightsCard.part": ("submodule", {"receivers": r"part|card|cards\[0\]"}),
    }),
    "nn": ("Names of nn/cpu: chunks and conv_transpose_2x", {
        "nn.cpu.chunked:strips": "chunks",
        "nn.cpu.chunked:STRIP_NUMBERS": "CHUNK_ELEMENTS",
        "nn.cpu.upsample:doubled": "conv_transpose_2x",
    }),
    "degradations": ("Names of degradations: DEGRADATIONS, DegradationCard, derive_seed, CropInfo", {
        "degradations.table:KINDS": "DEGRADATIONS",
        "degradations.table:Kind": "DegradationCard",
        "degradations.degradation:_fix": "_sample_values",
        "degradations.degradation:stream": "derive_seed",
        "degradations.crop_operators:Frame": "CropInfo",
        "degradations.crop_operators:frame_of": "crop_info",
        "degradations.crop_operators:framed": "crop_operator",
        "degradations.crop_operators:Frame.goes_on": ("continues", {"receivers": r".*"}),
    }),
    "data": ("Names of data: Mirror, modality_labels, to_tensors, applicable_specs, receptive_radius, samplers", {
        "data.table:Place": "Mirror",
        "data.table:shown_as": "modality_labels",
        "data.fetch:by_hand": "manual_steps",
        "data.fetch:places_of": "mirrors_of",
        "data.pairs:as_pair": "to_tensors",
        "data.pairs:specs_for": "applicable_specs",
        "data.sources.folders:match": "match_by_name",
        "data.first_look:Files": "PairPaths",
        "data.sources.base:Joined": "ConcatSource",
        "data.samplers:EqualSizes": "SameSizeBatchSampler",
        "data.samplers:Shown": "TrainingSet",
        "data.samplers:TOGETHER": "SHUFFLE_BUFFER",
        "data.sources.shards:FACTS": "METADATA",
        "data.sources.cache:FACTS": "METADATA",
        "data.contrastive:others": "sample_positives",
        "data.crops:Turn": "EpochIndex",
        "data.crops:REACH": "RECEPTIVE_RADIUS",
        "data.crops:reach": "receptive_radius",
        "data.contrastive:fitting": "crop_to_fit",
    }),
    "metrics": ("Names of metrics: cached, correlate1d, mutual_bits, fusion_artifacts, chen_blum, chen_varshney, pyiqa_score", {
        "metrics.functional.memo:sharing": "cache_scope",
        "metrics.functional.memo:shared": "cached",
        "metrics.functional.contrast_sensitivity:perceived_error": "chen_varshney",
        "metrics.functional.contrast_sensitivity:contrast_preservation": "chen_blum",
        "metrics.functional.edges:invented_edges": "fusion_artifacts",
        "metrics.functional.toolkits:misordered_invented_edges": "misordered_fusion_artifacts",
        "metrics.functional.vif:kept": "numerator",
        "metrics.functional.vif:had": "denominator",
        "metrics.functional.information:common_bits": "mutual_bits",
        "metrics.functional.information:whole": "to_int",
        "metrics.functional.filters:slide": "correlate1d",
        "metrics.functional.filters:widened": "pad",
        "metrics.functional.filters:blurred": "weighted_mean",
        "metrics.functional.images:levels": "to_levels",
        "metrics.functional.images:planes": "select_view",
        "metrics.functional.images:singles": "iter_images",
        "metrics.functional.images:strip": "concat_channels",
        "metrics.functional.images:score": "metric_on_levels",
        "metrics.pyiqa.sandbox:enclosed": "sandboxed",
        "metrics.pyiqa.preflight:Ready": "ScoreFiles",
        "metrics.pyiqa.preflight:ready": "find_files",
        "metrics.pyiqa.preflight:Ready.speaks": ("provenance", {"receivers": r"self|ready\(.*"}),
        "metrics.pyiqa.rows:OPINIONS": "NO_REFERENCE",
        "metrics.pyiqa.rows:opinion": "no_reference_row",
        "metrics.pyiqa.score:perceived_quality": "pyiqa_score",
    }),
    "methods": ("Names of methods: build, UNKNOWN, run_padded, minmax_normalize, RuleMatches, ParsedPrompt", {
        "methods:untrained": "build",
        "methods.method:UNTOLD": "UNKNOWN",
        "methods.common.padding:fit": "run_padded",
        "methods.common.color:stretched": "minmax_normalize",
        "methods.common.command:restored": "run_restorer",
        "methods.common.command:written": "require_output",
        "methods.common.command:words_of": "split_command",
        "methods.common.command:fields_of": "placeholders",
        "methods.dspfusion.network:halve": "downsample",
        "methods.dspfusion.network:double": "upsample",
        "methods.dspfusion.network:coarser": "next_level",
        "methods.dspfusion.network:Guides": "PriorWidths",
        "methods.dspfusion.method:three": "to_rgb",
        "methods.lure.restoration_batch:Triples": "RestorationBatch",
        "methods.lure.restoration_batch:triples_of": "restoration_batch",
        "methods.lure.text.rules:Route": "RuleMatches",
        "methods.lure.text.rules:route": "match_rules",
        "methods.lure.text.parse:Reading": "ParsedPrompt",
        "methods.lure.text.tasks:HOME": "DEFAULT_MODALITY",
        "methods.lure.text.tasks:bank": "prompt_bank",
    }),
    "benchmark": ("Names of a benchmark: load_pairs, load_method, Shard, UserHints, ImageScores, bind_settings, merge", {
        "benchmark.parallel:spread": "run_in_processes",
        "benchmark.parallel:Share": "Shard",
        "benchmark.parallel:shares": "make_shards",
        "benchmark.parallel:GRACE": "TERMINATE_TIMEOUT",
        "benchmark.parallel:POLL": "POLL_INTERVAL",
        "benchmark.inputs:open_pairs": "load_pairs",
        "benchmark.inputs:open_method": "load_method",
        "benchmark.predict:Told": "UserHints",
        "benchmark.predict:_Readable": "_SafePairs",
        "benchmark.predict:_Load": "_PredictItem",
        "benchmark.score_file:Row": "ImageScores",
        "benchmark.results:give_places": "assign_order",
        "benchmark.results:CellFolder.claim": ("bind_settings", {"call": True, "receivers": r"(?!.*recipe).*"}),
        "benchmark.results:CellFolder.note": ("update_meta", {"call": True, "receivers": r"self|cell|folder|.*CellFolder\(.*|part"}),
        "benchmark.score_file:ScoreFile.arrange": ("sort_rows", {"call": True, "receivers": r".*"}),
        "benchmark.score_file:ScoreFile.part": ("shard", {"call": True, "receivers": r".*"}),
        "benchmark.results:CellFolder.part": ("shard", {"call": True, "receivers": r".*"}),
        "benchmark.results:CellFolder.gather": ("merge", {"call": True, "receivers": r"folder|cell|self|.*CellFolder\(.*"}),
        "benchmark.options:split_names": "parse_names",
        "benchmark.options:split_methods": "parse_methods",
        "benchmark.options:split_datasets": "parse_datasets",
        "benchmark.options:split_restorers": "parse_restorers",
        "benchmark.options:split_commands": "parse_commands",
        "benchmark.options:split_choices": "parse_paths",
        "benchmark.options:split_roots": "parse_roots",
        "benchmark.options:split_homes": "parse_data_roots",
        "benchmark.options:refuse_strays": "check_known",
        "benchmark.spec:restorers": "restorers_by_modality",
    }),
    "report": ("Names of reports: ScoreTable, LabelledImage, tidy, comparability", {
        "report.tables:Block": "ScoreTable",
        "report.tables:blocks": "score_tables",
        "report.tables:folder_block": "folder_table",
        "report.tables:_block": "_score_table",
        "report.text:long": "tidy",
        "report.figure:Panel": "LabelledImage",
        "report.figure:Row": "FigureRow",
        "report.wandb:Harmless": "SuppressWandbErrors",
        "report.skipped:gathered": "group_by_reason",
    }),
    "papers": ("Names of the papers' wing: Inputs, Available, expected_cells, MeasureResult", {
        "papers.requirements:Supplies": "Inputs",
        "papers.requirements:Ready": "Available",
        "papers.requirements:ready": "check_available",
        "papers.requirements:wanted": "select_methods",
        "papers.requirements:lacking": "why_missing",
        "papers.tables:cells_of": "expected_cells",
        "papers.compare:long": "tidy",
        "papers.compare:long_differences": "tidy_differences",
        "papers.compare:verdict": "comparability",
        "papers.compare:at": "lookup",
        "papers.measure:Settings": "MeasureSettings",
        "papers.measure:Outcome": "MeasureResult",
        "papers.measure:bench": "measure",
        "papers.measure:tell": "print_result",
    }),
    "training": ("Names of training and the hub: WeightsOwner, install_files, strip_paths", {
        "training.recipe:portable": "strip_paths",
        "training.callbacks:Samples": "SampleImages",
        "hub.catalog:Holder": "WeightsOwner",
        "hub.catalog:holders": "iter_owners",
        "hub.catalog:holder": "owner_of",
        "hub.catalog:everything": "all_owners",
        "hub.catalog:bring": "install_files",
        "hub.catalog:check_reached": "check_reachable",
    }),
    "cli": ("Names of the command line", {
        "cli.report:_report": "show_report",
        "cli.main:DONE": "EXIT_OK",
    }),
}


def after_degradations(repo):
    path = "fusionbench/degradations/table.py"
    repo.edit(path, "The tables of degradations: `DEGRADATIONS`, one operation on one image, and `SCENARIOS`, what is done to a whole pair.",
              "The tables: `DEGRADATIONS`, one operation on one image, and `SCENARIOS`, what is done to a whole pair.")
    for path in [*repo.tracked("docs/*.md", "CONTRIBUTING.md"), repo.root / "docs/generate/degradations.py", *repo.tracked("fusionbench/**/*.py")]:
        text = path.read_text()
        new = text.replace("`KINDS`", "`DEGRADATIONS`").replace(" KINDS ", " DEGRADATIONS ")
        if new != text:
            path.write_text(new)


def after_benchmark(repo):
    files = ["fusionbench/benchmark/parallel.py", "fusionbench/benchmark/run.py", "fusionbench/api/fuse.py"]
    local(repo, files, {"dealt": "shards", "share": "shard", "_share_of_cells": "_run_shard", "_share_of_files": "_fuse_shard"}, force={"shard"})
    path = "fusionbench/benchmark/parallel.py"
    repo.edit(path, "Work spread over several processes, each on", "Work divided among processes, each on")
    repo.edit(path, "End what still runs: in peace where it does so within the time of grace.", "End what still runs: by an interrupt first, by force after TERMINATE_TIMEOUT.")
    for file in files:
        repo.edit(file, "dealt out", "divided", 0)
        repo.edit(file, "a share of the work", "a shard of the work", 0)
        repo.edit(file, "a process's share", "a process's shard", 0)


def after_papers(repo):
    local(repo, ["fusionbench/papers/requirements.py", "fusionbench/papers/measure.py", "fusionbench/cli/bench.py"], {"supplies": "inputs", "at_hand": "available"})


def after_metrics(repo):
    repo.edit("fusionbench/metrics/pyiqa/rows.py", '"""OPINIONS: rows of', '"""NO_REFERENCE: rows of')
    repo.edit("fusionbench/metrics/pyiqa/sandbox.py", "inside an enclosure", "inside a sandbox")
    repo.edit("fusionbench/metrics/pyiqa/sandbox.py", "Inside the enclosure", "Inside the sandbox")
    """The public functions that got other names keep the old ones for a while."""
    path = "fusionbench/metrics/__init__.py"
    text = (repo.root / path).read_text()
    start = text.index("__all__ = [")
    text = text[:start] + '''_RENAMED = {
    "contrast_preservation": "chen_blum",
    "invented_edges": "fusion_artifacts",
    "perceived_error": "chen_varshney",
    "perceived_quality": "pyiqa_score",
}
"""Functions that had another name in 0.1; the old ones go with the next version."""

''' + text[start:]
    text = text.replace("def __getattr__(name: str) -> Any:\n", "def __getattr__(name: str) -> Any:\n    name = _RENAMED.get(name, name)\n")
    (repo.root / path).write_text(text)
    test = repo.root / "tests/metrics/test_protocols.py"
    text = test.read_text()
    if "old_names" not in text:
        test.write_text(text.rstrip() + '''


def test_old_names_of_functions_still_work():
    assert fusionbench.metrics.perceived_error is fusionbench.metrics.chen_varshney
    assert fusionbench.metrics.invented_edges is fusionbench.metrics.fusion_artifacts
''')


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    repo = Repo(options.root)
    for wing, (message, names) in WINGS.items():
        if options.only and wing != options.only:
            continue
        print("==", wing)
        full = {(F + old if not old.startswith("methods:") else "fusionbench." + old): new for old, new in names.items()}
        rename(repo, full)
        after = globals().get(f"after_{wing}")
        if after:
            after(repo)
        if not options.dry:
            repo.commit(message)
    print("\nwarnings:", *repo.warnings, sep="\n  ")
