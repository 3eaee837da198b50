"""The data-set room at Broden's size: time a row and peak memory of listing, framing and joining.

    python benchmarks/indexing.py --folder /tmp/indexing [--images 63305] [--shards 64] [--every 1] [--keep]

A synthetic Broden (`synthetic_broden.py`) is written into the folder once. Every stage then runs in a process of its
own, as a job of the workflow does, on one core; its peak memory is what the system counted for that process
(`getrusage`). Framing all images at 224 pixels writes 12 GB, removed at the end unless --keep is given; --every 8
frames every eighth shard in full, and no shard is joined then.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

STAGES = ("list", "frame", "join")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where to write; a data set there is used again")
    parser.add_argument("--images", type=int, default=63_305)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--every", type=int, default=1, help="frame every so many shards")
    parser.add_argument("--frame-size", type=int, default=224)
    parser.add_argument("--stages", default=",".join(STAGES), help="stages to run, separated by commas")
    parser.add_argument("--keep", action="store_true", help="keep what framing wrote")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)  # in the process of a stage
    options = parser.parse_args()
    if options.stage:
        sys.stdout.write(json.dumps(measured(options)) + "\n")
        return
    from synthetic_broden import write_broden

    begin = time.perf_counter()
    write_broden(options.folder / "broden", n_images=options.images)
    sys.stdout.write(f"data set: {time.perf_counter() - begin:.0f} s\n")
    wanted = [stage for stage in STAGES if stage in options.stages.split(",")]
    if options.every > 1:
        wanted = [stage for stage in wanted if stage != "join"]
    sys.stdout.write(f"{'stage':8s}{'rows':>8s}{'ms a row':>10s}{'wall':>8s}{'peak MB':>9s}{'imports':>9s}  result\n")
    for stage in wanted:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--stage", stage], check=True, capture_output=True, text=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        ms, wall = 1e3 * found["cpu_s"] / found["rows"], 1e3 * found["wall_s"] / found["rows"]
        sys.stdout.write(
            f"{stage:8s}{found['rows']:8d}{ms:10.3f}{wall:8.3f}{found['peak_mb']:9.0f}{found['imports_mb']:9.0f}  "
            f"{found['result']}\n"
        )
        sys.stdout.flush()
    if not options.keep and "frame" in wanted:
        for name in ("frames", "annotations"):
            shutil.rmtree(options.folder / name, ignore_errors=True)


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Run a stage in this process: processor and wall seconds, rows, peak memory, and a digest of what it wrote."""
    import conceptatlas.datasets.framing
    import conceptatlas.datasets.joining  # noqa: F401  (imports are not part of the stage)

    imports_mb = peak_mb()
    cpu, wall = time.process_time(), time.perf_counter()
    rows, result = {"list": run_list, "frame": run_frame, "join": run_join}[options.stage](options)
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "rows": rows,
        "peak_mb": peak_mb(),
        "imports_mb": imports_mb,
        "result": result,
    }


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def row(options: argparse.Namespace) -> dict[str, Any]:
    """The row of datasets.tsv."""
    return {
        "dataset": "broden",
        "format": "broden",
        "path": str(options.folder / "broden"),
        "annotations": "",
        "n_images": "",
        "frame": "squash",
        "frame_size": options.frame_size,
        "mask_size": 112,
        "shards": options.shards,
    }


def tables(options: argparse.Namespace) -> dict[str, Path]:
    """The files that listing writes."""
    return {"listing": options.folder / "listing.parquet", "vocabulary": options.folder / "vocabulary.parquet"}


def files(options: argparse.Namespace, folder: str, suffix: str) -> list[Path]:
    """The files of a kind of all shards."""
    from conceptatlas.naming import shard_names

    return [options.folder / folder / f"{name}.{suffix}" for name in shard_names(options.shards)]


def run_list(options: argparse.Namespace) -> tuple[int, str]:
    """The job list_dataset."""
    from conceptatlas.datasets.listing import list_dataset, write_listing
    from conceptatlas.files import file_sha256

    listing = list_dataset(row(options), 0)
    written = tables(options)
    write_listing(listing, images=written["listing"], concepts=written["vocabulary"])
    return len(listing.images), " ".join(file_sha256(path)[:12] for path in written.values())


def run_frame(options: argparse.Namespace) -> tuple[int, str]:
    """The jobs frame_images, one after the other in this process."""
    from conceptatlas.datasets.framing import frame_shard
    from conceptatlas.files import text_digest

    roles = [files(options, *kind) for kind in (("frames", "h5"), ("annotations", "h5"), ("frames", "json"))]
    rows, digests = 0, []
    for shard, (frames, masks, manifest) in enumerate(zip(*roles, strict=True)):
        if shard % options.every:
            continue
        content = frame_shard(
            row(options),
            **tables(options),
            shard=shard,
            n_shards=options.shards,
            frames=frames,
            annotations=masks,
            manifest=manifest,
            study_seed=0,
            progress=False,
        )
        rows += content["stop"] - content["start"]
        digests.append(json.dumps([content["arrays"], content["annotation_arrays"]], sort_keys=True))
    return rows, f"{len(digests)} shards, {text_digest(*digests)[:12]}"


def run_join(options: argparse.Namespace) -> tuple[int, str]:
    """The job index_dataset."""
    from conceptatlas.datasets.joining import join_shards
    from conceptatlas.files import text_digest
    from conceptatlas.tables import read_table

    out = {name: options.folder / f"{name}.parquet" for name in ("index", "concepts")}
    out |= {name: options.folder / f"{name}.h5" for name in ("overlaps", "examples")}
    content = join_shards(
        row(options),
        **tables(options),
        frames=files(options, "frames", "h5"),
        annotations=files(options, "annotations", "h5"),
        manifests=files(options, "frames", "json"),
        max_quarantine=0.0,
        **out,
        summary=options.folder / "dataset.json",
        progress=False,
    )
    concepts = read_table(out["concepts"])
    labels = concepts["n_images"].sum() / content["n_images"]
    about = f"{len(concepts)} concepts, in {concepts['n_images'].min()} images at least, {labels:.1f} an image"
    return content["n_images"], f"{text_digest(*content['tables'].values())[:12]}; {about}"


if __name__ == "__main__":
    main()
