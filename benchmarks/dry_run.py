"""How long `snakemake -n` takes for a large study, and its memory, where torch cannot be imported.

    python benchmarks/dry_run.py [--models 20] [--layers 6] [--shards 64,450]

Bar: 15 s for 64 shards (1,800 jobs); 450 shards make 10^4 jobs. No image, no weights are touched: planning needs the
sheets only. Memory is the largest resident set of the process.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def write_study(folder: Path, *, n_models: int, n_layers: int, n_shards: int) -> Path:
    """Write the config and sheets of a study; the path of its config."""
    folder.mkdir(parents=True, exist_ok=True)
    models = [f"model{m:02d}" for m in range(n_models)]
    sheets = {
        "datasets": [
            ["dataset", "format", "n_images", "shards"],
            ["scenes", "demo", str(n_shards * 1000), str(n_shards)],
        ],
        "models": [["model", "source", "architecture", "weights"], *([m, "demo", "plain", "random"] for m in models)],
        "layers": [
            ["model", "layer", "module"],
            *([model, f"layer{k}", f"conv{k}"] for model in models for k in range(n_layers)),
        ],
    }
    for name, rows in sheets.items():
        (folder / f"{name}.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    config = folder / "config.yaml"
    config.write_text(
        "study: large\nsheets: {"
        + ", ".join(f"{name}: {name}.tsv" for name in sheets)
        + "}\nextraction: {device: cuda}\n"
    )
    return config


def poison(folder: Path) -> Path:
    """A folder whose torch and torchvision raise ImportError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("torch", "torchvision"):
        (folder / f"{name}.py").write_text("raise ImportError('the dry run must not import this')\n")
    return folder


def dry_run(config: Path, *, directory: Path, without: Path) -> tuple[float, int, int]:
    """Seconds, planned jobs, and exit status of a dry run."""
    options = ["--snakefile", REPOSITORY / "Snakefile", "--workflow-profile", REPOSITORY / "profiles" / "default"]
    options += ["--directory", directory, "--configfile", config]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", *options],
        env={**os.environ, "PYTHONPATH": str(without)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    total = re.findall(r"^total\s+(\d+)", done.stdout + done.stderr, flags=re.MULTILINE)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return seconds, int(total[0]) if total else 0, done.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--shards", default="64", help="numbers of shards, ascending, separated by commas")
    given = parser.parse_args()
    for shards in (int(text) for text in given.shards.split(",")):
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            config = write_study(place / "study", n_models=given.models, n_layers=given.layers, n_shards=shards)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds, jobs, status = dry_run(config, directory=place, without=poison(place / "poison"))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"{given.models} models x {given.layers} layers x {shards} shards: {jobs} jobs planned in {seconds:.1f} s "
            f"({cpu:.1f} s of processor), {after.ru_maxrss / 1e3:.0f} MB",  # ru_maxrss: of the largest child so far
            flush=True,
        )
        if status:
            sys.exit(status)


if __name__ == "__main__":
    main()
