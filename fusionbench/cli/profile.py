"""`fusionbench profile`."""

from __future__ import annotations

from pathlib import Path

from fusionbench.benchmark.options import WEIGHTS, Names, check_known, parse_methods, parse_names, parse_paths
from fusionbench.benchmark.spec import MethodChoice
from fusionbench.console import print_missing


def profile(
    method: Names = "average,lap",
    size: str = "480x640",
    device: str = "auto",
    batch_size: int = 1,
    warm_up: int = 2,
    runs: int = 10,
    allowed: float = 60.0,
    threads: int | None = None,
    degradation: str = "clean",
    weights: str = "",
    strict: bool = False,
    out: Path = Path("runs/profile"),
) -> int:
    """Measure the cost of methods: parameters, operations, time and memory.

    Args:
        method: methods, separated by commas; see `fusionbench list methods`.
        size: image size, HEIGHTxWIDTH.
        device: cpu, cuda or both separated by a comma; auto uses the available ones.
        batch_size: images per call; results are per image.
        warm_up: untimed calls before the timed ones.
        runs: timed calls.
        allowed: time limit in seconds for the timed calls of a method; at least three are made.
        threads: CPU threads; by default torch's choice.
        degradation: spec of the degradation that methods are told.
        weights: METHOD=FILE,... weight files to use instead of the default ones.
        strict: refuse methods whose weights are missing, instead of measuring them with random weights, which affect
            neither time nor size.
        out: output folder of profile.csv.
    """
    import torch

    from fusionbench.benchmark.preflight import settle
    from fusionbench.benchmark.profile import Request, footnotes, frame, parse_size, profile_all, table
    from fusionbench.console import make_console
    from fusionbench.files import write_atomically

    height, width = parse_size(size)
    files, names = parse_paths(weights, "--weights"), parse_methods(method)
    check_known("--weights", files, names)
    if strict:
        settle([MethodChoice(name, weights=files.get(name)) for name in names], strict=True, option=WEIGHTS)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])] if device == "auto" else parse_names(device)
    requests = [
        Request(name, files.get(name), height, width, place, batch_size, warm_up, runs, allowed, threads, degradation)
        for name in names
        for place in devices
    ]
    console = make_console()
    found, problems = profile_all(requests, console)
    console.print(f"\n{size}, batches of {batch_size}", style="bold", highlight=False)
    console.print(table(found))
    for note in footnotes(found):
        console.print(note, style="dim", highlight=False)
    write_atomically(out / "profile.csv", frame(found).to_csv(index=False))
    console.print(f"written: {out / 'profile.csv'}", highlight=False, soft_wrap=True)
    return print_missing(console, problems)
