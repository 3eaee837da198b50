"""The cost model: what `costs.py` predicts for a study, what a study took, and what large ones would take.

    python benchmarks/scaling.py predict                                   # Broden x 10 models, a million images x 20
    python benchmarks/scaling.py compare results/demo
    python benchmarks/scaling.py measure --folder scratch --images 250,500,1000
    python benchmarks/scaling.py workers --folder scratch --images 1000

`predict` asks the function behind `snakemake preflight` (`conceptatlas.preflight.estimate`): no coefficient stands
here. `compare` lays what it says of a study that has run beside Snakemake's benchmark files (processor time) and the
bytes on disk.
`measure` runs a study on a synthetic Broden (224 pixels, masks of 112 x 112, SqueezeNet with random weights) for every
number of images, jobs of one thread, and compares. `workers` runs the jobs that use Dask again with one and with two
workers and prints wall times.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from conceptatlas.preflight import estimate, study_stages
from conceptatlas.preflight_table import Machine, Stage, table
from conceptatlas.validation import read_schema, with_defaults

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMAS = REPOSITORY / "workflow" / "schemas"

STAGES = {
    "data sets": (("list_dataset", "frame_images", "index_dataset"), ("datasets",)),
    "models": (("check_model", "calibrate_model"), ("models",)),
    "activations": (("extract_activations",), ("activations",)),
    "statistics": (("summarise_layer",), ("statistics",)),
    "further passes": (("count_shard", "score_shard"), ("counted", "scored")),
    "dissection": (("tally_layer", "dissect_layer", "dissect_basis"), ("dissection", "bases")),
    "rotation": (("rotate_layer",), ("axes",)),
    "robustness": (("perturb_shard", "measure_robustness"), ("perturbed", "robustness")),
    "net2vec": (
        ("learn_segmentation", "learn_classification", "match_words", "relate_concepts", "join_net2vec",
         "compare_embeddings", "plot_net2vec", "plot_net2vec_models"),
        ("net2vec", "figures/net2vec"),
    ),
    "similarity": (
        ("discover_concepts", "profile_concepts", "measure_geometry", "compare_models", "respond_to_concepts",
         "join_similarity", "plot_similarity", "plot_similarity_models"),
        ("similarity", "figures/similarity"),
    ),
    "figures": (("plot_dissection",), ("figures/dissection",)),
}  # fmt: skip
"""Stage of the preflight -> its rules, and the folders they write. The null is a part of the jobs of dissection."""

RESNET = {"layer1": (256, 56, 56), "layer2": (512, 28, 28), "layer3": (1024, 14, 14), "layer4": (2048, 7, 7)}
RESNET_6 = {"conv1": (64, 112, 112), **RESNET, "layer3_2": (1024, 14, 14)}
PLANS: dict[str, dict[str, Any]] = {
    "Broden x 10 models, last layer": {
        "images": 63_305, "shards": 64, "models": 10, "layers": {"layer4": RESNET["layer4"]}, "counts": (),
    },
    "Broden x 10 models, 4 layers": {
        "images": 63_305, "shards": 64, "models": 10, "layers": RESNET, "counts": (),
    },
    "1 M images x 20 models x 6 layers, all stored": {
        "images": 1_000_000, "shards": 100, "models": 20, "layers": RESNET_6, "counts": (),
    },
    "1 M images x 20 models x 6 layers, large ones counted": {
        "images": 1_000_000, "shards": 100, "models": 20, "layers": RESNET_6, "counts": ("conv1", "layer1", "layer2"),
    },
}  # fmt: skip


SUMS = ("jobs", "seconds", "disk_mb")
"""What stages of the preflight that are one line here add up."""


def config_of(**sections: Any) -> dict[str, Any]:
    """A config with the defaults of the schema."""
    given = {"study": "s", "sheets": {"datasets": "d", "models": "m", "layers": "l"}, **sections}
    return with_defaults(given, read_schema(SCHEMAS, "config"))


def plan_stages(plan: dict[str, Any], **sections: Any) -> list[Stage]:
    """What a plan needs: models of 4.1 GMAC at 224 pixels (ResNet-50), layers of its shapes."""
    models = [f"model{m:02d}" for m in range(plan["models"])]
    return estimate(
        config=config_of(axes={"n_rotations": 0}, **sections),
        datasets=[
            {"dataset": "d", "format": "broden", "frame_size": 224, "mask_size": 112, "shards": plan["shards"]}
        ],
        models=[{"model": model, "input_size": 224, "source": "torchvision"} for model in models],
        layers=[
            {"model": model, "layer": layer, "group": "early" if layer in plan["counts"] else "main",
             "dtype": "float16", "store": "counts" if layer in plan["counts"] else "full"}
            for model in models
            for layer in plan["layers"]
        ],
        n_images={"d": plan["images"]},
        shapes={(model, layer): shape for model in models for layer, shape in plan["layers"].items()},
        pairs=[("d", model) for model in models],
        gmacs=dict.fromkeys(models, 4.1),
    )  # fmt: skip


def predict(options: argparse.Namespace) -> None:
    """Print the predictions."""
    for name, plan in PLANS.items():
        sections: dict[str, Any] = {"dissection": {"n_permutations": options.permutations}}
        if options.similarity:
            sections["similarity"] = {"datasets": ["d"]}
        stages = plan_stages(plan, **sections)
        content = {"stages": [vars(stage) for stage in stages], "machine": vars(Machine(0, 0, options.cores))}
        lines = table(content).split("\n")
        sys.stdout.write("\n".join([f"{name}, R = {options.permutations}:", *lines[:-1], ""]) + "\n")


# Measured ---------------------------------------------------------------------------------------------------------


def write_study(folder: Path, data: Path, *, images: int, permutations: int, counted: bool, learned: bool) -> Path:
    """Config and sheets of a study of SqueezeNet on a synthetic Broden; the path of the config."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = ["squeezenet\tfire9\tfeatures.12\tmain\tfull", "squeezenet\tfire5\tfeatures.7\tmain\tfull"]
    if counted:
        layers.append("squeezenet\tconv1\tfeatures.1\tearly\tcounts")
    sheets = {
        "datasets": "dataset\tformat\tpath\tframe\tframe_size\tmask_size\tn_images\tshards\n"
        f"broden\tbroden\t{data}\tsquash\t224\t112\t{images}\t4\n",
        "models": "model\tsource\tarchitecture\tweights\tseed\tinput_size\n"
        "squeezenet\ttorchvision\tsqueezenet1_0\trandom\t0\t224\n",
        "layers": "model\tlayer\tmodule\tgroup\tstore\n" + "\n".join(layers) + "\n",
    }
    for name, text in sheets.items():
        (folder / f"{name}.tsv").write_text(text)
    config: dict[str, Any] = {
        "study": "scaling",
        "sheets": {name: f"{name}.tsv" for name in sheets},
        "extraction": {"batch": 32, "inference_threads": 1, "device": "cpu"},
        "dissection": {"n_permutations": permutations},
        "axes": {"n_rotations": 0},
        "atlas": {"thumbnail_size": 64, "thumbnails": 3},
        "dask": {"workers": 1},
    }
    if learned:
        config["net2vec"] = {
            "datasets": ["broden"], "layers": ["fire9"], "tasks": ["segmentation"], "repeats": 1,
            "segmentation": {"epochs": 10}, "layers_for_subsets": [],
        }  # fmt: skip
        config["similarity"] = {"datasets": ["broden"], "layers": ["fire9"]}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def snakemake(configs: list[Path], folder: Path, *arguments: str) -> None:
    """Run Snakemake on a study, later configs over earlier ones; its output is shown where it fails."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory"]
    command += [str(folder), "--workflow-profile", str(REPOSITORY / "profiles" / "default"), "--configfile"]
    command += [*map(str, configs), *arguments]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr[-4000:])


def benchmark_of(results: Path, rule: str) -> tuple[int, float, float, float]:
    """Jobs, wall seconds, processor seconds and the largest resident megabytes of a rule."""
    files = [results / "benchmarks" / f"{rule}.tsv", *sorted((results / "benchmarks" / rule).rglob("*.tsv"))]
    rows = [row for file in files if file.is_file() for row in csv.DictReader(file.open(), delimiter="\t")]

    def number(row: dict[str, str], column: str) -> float:
        return float(row[column]) if row[column] not in ("NA", "-", "") else 0.0

    wall, cpu = (sum(number(row, column) for row in rows) for column in ("s", "cpu_time"))
    return len(rows), wall, cpu, max((number(row, "max_rss") for row in rows), default=0.0)


def folder_mb(folder: Path) -> float:
    """Megabytes of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def predicted_stages(results: Path) -> list[Stage]:
    """What `costs.py` says today of a study that has run."""
    study = yaml.safe_load((results / "run_config.yaml").read_text())
    study["config"] = with_defaults(study["config"], read_schema(SCHEMAS, "config"))
    return study_stages(
        **study,
        pairs=[(path.parent.name, path.name) for path in sorted((results / "activations").glob("*/*"))],
        listings=[results / "datasets" / row["dataset"] / "listing.parquet" for row in study["datasets"]],
        reports=[path for path in sorted((results / "models").glob("*/*.json")) if path.parent.name != "calibration"],
    )


def compared(results: Path) -> list[dict[str, Any]]:
    """Predicted and measured, a row a stage."""
    predicted: dict[str, dict[str, Any]] = {}
    for stage in map(asdict, predicted_stages(results)):
        name = "data sets" if stage["stage"].startswith("data set") else stage["stage"].split(" (R")[0]
        own = predicted.setdefault("dissection" if name == "null" else name, {**stage, **dict.fromkeys(SUMS, 0.0)})
        own |= {key: own[key] + stage[key] for key in SUMS} | {"mem_mb": max(own["mem_mb"], stage["mem_mb"])}
    rows = []
    for stage, (rules, folders) in STAGES.items():
        if not predicted.get(stage, {}).get("jobs"):
            continue
        found = [benchmark_of(results, rule) for rule in rules]
        rows.append(
            {
                "stage": stage,
                "jobs": (int(predicted[stage]["jobs"]), sum(one[0] for one in found)),
                "seconds": (predicted[stage]["seconds"], sum(one[2] for one in found)),
                "wall": sum(one[1] for one in found),
                "mem_mb": (predicted[stage]["mem_mb"], max(one[3] for one in found)),
                "disk_mb": (predicted[stage]["disk_mb"], sum(folder_mb(results / name) for name in folders)),
            }
        )
    return rows


def print_compared(rows: list[dict[str, Any]]) -> None:
    """Predicted / measured by stage; seconds are of the processor."""
    sys.stdout.write(f"{'stage':18s}{'jobs':>12s}{'seconds':>18s}{'wall':>8s}{'memory MB':>16s}{'disk MB':>18s}\n")
    for row in rows:
        jobs, seconds, mem_mb, disk_mb = (row[name] for name in ("jobs", "seconds", "mem_mb", "disk_mb"))
        sys.stdout.write(
            f"{row['stage']:18s}{jobs[0]:6d} /{jobs[1]:4d}{seconds[0]:9.1f} /{seconds[1]:7.1f}{row['wall']:8.1f}"
            f"{mem_mb[0]:8.0f} /{mem_mb[1]:6.0f}{disk_mb[0]:9.1f} /{disk_mb[1]:7.1f}\n"
        )


def measure(options: argparse.Namespace) -> None:
    """Run the studies and print what was predicted and what was measured."""
    from synthetic_broden import write_broden

    everything = {}
    for images in (int(text) for text in options.images.split(",")):
        data, place = options.folder / f"broden{images}", options.folder / f"run{images}"
        write_broden(data, n_images=images)
        config = write_study(
            place / "study", data, images=images, permutations=options.permutations, counted=True,
            learned=options.learned,
        )  # fmt: skip
        snakemake([config], place, "--cores", str(options.jobs))
        results = place / "results" / "scaling"
        everything[images] = compared(results)
        sys.stdout.write(f"\n{images} images (predicted / measured)\n")
        print_compared(everything[images])
        if not options.keep:
            shutil.rmtree(results / "activations")
    sizes = sorted(everything)
    if len(sizes) > 1:
        first, last = sizes[0], sizes[-1]
        sys.stdout.write(f"\nms an image, from {first} to {last} images (predicted / measured)\n")
        for a, b in zip(everything[first], everything[last], strict=True):
            slopes = [1e3 * (y - x) / (last - first) for x, y in zip(a["seconds"], b["seconds"], strict=True)]
            sys.stdout.write(f"{a['stage']:18s}{slopes[0]:9.2f} /{slopes[1]:8.2f}\n")


TARGETS = {
    "tally_layer": "dissection/broden/squeezenet/fire9/tally.h5",
    "dissect_layer": "dissection/broden/squeezenet/fire9/labels.parquet",
    "learn_segmentation": "net2vec/broden/squeezenet/fire9/segmentation.parquet",
    "discover_concepts": "similarity/broden/squeezenet/fire9/discovered.parquet",
}
"""Rules that spread their work over Dask workers -> a file each makes of the last layer."""


def compare(options: argparse.Namespace) -> None:
    """Print what was predicted and what was measured of studies that have run."""
    for results in options.results:
        sys.stdout.write(f"\n{results.name} (predicted / measured)\n")
        print_compared(compared(results))


def workers(options: argparse.Namespace) -> None:
    """Run Dask jobs of a study that `measure --keep --learned` left again with one and with two workers."""
    place = options.folder / f"run{options.images.split(',')[-1]}"
    results, config = place / "results" / "scaling", place / "study" / "config.yaml"
    sys.stdout.write(f"{'rule':24s}{'1 worker':>10s}{'2 workers':>11s}{'efficiency':>12s}\n")
    for rule in options.rules.split(","):
        target, wall = f"results/scaling/{TARGETS[rule]}", []
        for n in (1, 2):
            over = {"dask": {"workers": n}, "dissection": {"n_permutations": options.permutations}}
            (place / "over.yaml").write_text(yaml.safe_dump(over))
            configs = [config, place / "over.yaml"]
            snakemake(configs, place, "--cores", str(n), "--forcerun", rule, "--", target)
            (file,) = (results / "benchmarks" / rule).rglob("fire9.tsv")
            wall.append(float(next(csv.DictReader(file.open(), delimiter="\t"))["s"]))
        one, two = wall
        sys.stdout.write(f"{rule:24s}{one:9.1f}s{two:10.1f}s{one / two / 2:12.0%}\n")
        sys.stdout.flush()


def main() -> None:
    """Predict, measure, or compare workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["predict", "compare", "measure", "workers"])
    parser.add_argument("results", type=Path, nargs="*", help="results/<study> of studies that have run (compare)")
    parser.add_argument("--folder", type=Path, help="where studies run (measure, workers)")
    parser.add_argument("--images", default="250,500,1000")
    parser.add_argument("--permutations", type=int, default=99)
    parser.add_argument("--cores", type=int, default=64, help="of the machine that predictions are for")
    parser.add_argument("--similarity", action="store_true", help="predict the comparison of all layers too")
    parser.add_argument("--learned", action="store_true", help="measure net2vec and similarity in a layer too")
    parser.add_argument("--jobs", type=int, default=1, help="jobs of one thread at a time while measuring")
    parser.add_argument("--keep", action="store_true", help="keep activations")
    parser.add_argument("--rules", default=",".join(TARGETS))
    options = parser.parse_args()
    if options.what in ("measure", "workers") and options.folder is None:
        parser.error("--folder is needed")
    {"predict": predict, "compare": compare, "measure": measure, "workers": workers}[options.what](options)


if __name__ == "__main__":
    main()
