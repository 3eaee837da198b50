"""The atlas of a large study: files, bytes, seconds to build, seconds to open in Chromium.

    python benchmarks/atlas_size.py results/demo --models 20 --layers 6 --units 512 [--open]

A study of that size is made from the tables of a small one (its rows repeated, names and unit numbers replaced): its
pages have the length and its files the size of real ones, its numbers mean nothing. Pictures are those of the template.
One model is built and timed; the others are its copies under other names, with comparisons of their own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from conceptatlas.activations.store import ShardWriter
from conceptatlas.atlas.dataset_pages import build_dataset
from conceptatlas.atlas.model_pages import build_model, write_comparisons
from conceptatlas.atlas.study_pages import build_study
from conceptatlas.atlas.whole import DEFAULTS, study_of_results
from conceptatlas.files import read_json, write_json
from conceptatlas.study_atlas import AtlasPlan

DATASET, MAP = "scenes", 7


def repeated(source: Path, target: Path, n_units: int | None, **names: str) -> None:
    """A table with its rows repeated until it has n_units units (None: as it is), names replaced."""
    table = pq.read_table(source)
    if n_units is not None:
        units = table["unit"].to_numpy()
        own = int(units.max()) + 1
        rows = [np.flatnonzero(units == unit) for unit in range(own)]
        order = np.concatenate([rows[unit % own] for unit in range(n_units)])
        numbers = np.concatenate([np.full(len(rows[unit % own]), unit) for unit in range(n_units)])
        table = table.take(order)
        place = table.schema.get_field_index("unit")
        table = table.set_column(place, table.schema.field("unit"), pa.array(numbers))
    for name, value in names.items():
        place = table.schema.get_field_index(name)
        if place >= 0:
            field = table.schema.field(name)
            table = table.set_column(place, field, pa.array([value] * len(table), type=field.type))
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target)


def repeat_arrays(source: Path, target: Path, n_units: int) -> None:
    """The statistics of a layer for n_units units."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(source, "r") as file, h5py.File(target, "w") as out:
        own = file["state"].shape[0]
        units = np.arange(n_units) % own
        out["thresholds"] = np.full_like(file["thresholds"][()][:, units], 1.5)  # 7 % of the cells of normal noise
        out["max"] = file["max"][()][:, units]
        for name in ("edges", "counts"):
            out[f"distribution/{name}"] = file[f"distribution/{name}"][()][units]


def write_shards(folder: Path, layers: list[str], n_images: int, n_units: int, n_shards: int) -> None:
    """Maps whose masks have the size of real ones: smooth noise, a few active cells an image."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for shard in range(n_shards):
        start, stop = shard * n_images // n_shards, (shard + 1) * n_images // n_shards
        writer = ShardWriter(folder / f"{shard:03d}.h5", n_images=stop - start)
        for layer in layers:
            writer.add_layer(layer, (n_units, MAP, MAP), dtype="float16", store=True)
            maps = rng.normal(size=(stop - start, n_units, MAP, MAP)).astype(np.float16)
            writer.write_maps(layer, 0, maps)
            writer.write_array(f"{layer}/max", maps.max(axis=(2, 3)).astype(np.float32))
        arrays = writer.finish()
        about = {"layers": layers, "start": start, "stop": stop, "quarantined": [], "arrays": arrays}
        write_json(folder / f"{shard:03d}.json", about)


def make_study(template: Path, root: Path, *, n_models: int, n_layers: int, n_units: int) -> None:
    """Results of a study of n_models models of n_layers layers of n_units units, dissected and compared."""
    models = [f"model{i:02d}" for i in range(n_models)]
    layers = [f"layer{i}" for i in range(n_layers)]
    shutil.copytree(template / "datasets" / DATASET, root / "datasets" / DATASET)
    plain: dict[str, Any] = yaml.safe_load((template / "run_config.yaml").read_text())
    config = plain["config"]
    config["study"] = "large"
    config["dissection"] |= {"datasets": None, "models": None}
    config["similarity"] |= {"datasets": None, "models": None, "layers": None}
    for section in ("net2vec", "principal", "axes", "robustness", "open_vocabulary", "falcon"):
        config[section] |= {"datasets": [], "models": []}
    config["linking"] |= {"generators": [], "models": []}
    config["requirements"] = {"list": [], "compare_with": None}
    config["atlas"] = DEFAULTS | {"figure_width": 0}  # no rule draws here
    rows = {name: plain[name][0] for name in ("models", "layers")}
    plain["datasets"] = [row for row in plain["datasets"] if row["dataset"] == DATASET]
    plain["models"] = [rows["models"] | {"model": model} for model in models]
    plain["layers"] = [
        rows["layers"] | {"model": model, "layer": layer, "module": layer} for model in models for layer in layers
    ]
    plain |= {"bases": [], "perturbations": []}
    (root / "run_config.yaml").write_text(yaml.safe_dump(plain))
    for name in ("run_record.json", "preflight.json"):
        shutil.copy(template / name, root / name)
    place = ("residual", "stage4")
    own = read_json(template / f"models/{place[0]}/main.json")
    n_images = int(read_json(root / f"datasets/{DATASET}/dataset.json")["n_images"])
    manifest = read_json(template / f"statistics/{DATASET}/{place[0]}/{place[1]}.json")
    shared = root / "shared"
    write_shards(shared, layers, n_images, n_units, int(plain["datasets"][0]["shards"]))
    repeat_arrays(template / f"statistics/{DATASET}/{place[0]}/{place[1]}.h5", root / "statistics.h5", n_units)
    summaries, facts = [], []
    for number, model in enumerate(models):
        shape = own["layers"][place[1]] | {"n_units": n_units, "height": MAP, "width": MAP}
        report = {"model": model, "weights_sha256": "0" * 64, "layers": dict.fromkeys(layers, shape)}
        write_json(root / f"models/{model}/main.json", report)
        (root / f"activations/{DATASET}/{model}").mkdir(parents=True)
        (root / f"activations/{DATASET}/{model}/main").symlink_to(shared)
        for layer in layers:
            there, here = (f"{DATASET}/{m}/{x}" for m, x in (place, (model, layer)))
            (root / f"statistics/{DATASET}/{model}").mkdir(parents=True, exist_ok=True)
            (root / f"statistics/{here}.h5").symlink_to(root / "statistics.h5")
            write_json(root / f"statistics/{here}.json", manifest | {"states": {"live": n_units}})
            for name, n in (("labels", n_units), ("units", n_units), ("summary", None)):
                target = root / f"dissection/{here}/{name}.parquet"
                repeated(template / f"dissection/{there}/{name}.parquet", target, n, model=model, layer=layer)
            summaries.append(root / f"dissection/{here}/summary.parquet")
            for name in ("discovered", "profiles"):
                target = root / f"similarity/{here}/{name}.parquet"
                repeated(template / f"similarity/{there}/{name}.parquet", target, None, model=model, layer=layer)
            shutil.copy(template / f"similarity/{there}/discovered_examples.h5", target.parent)
        compare(template, root, models[: number + 1], layers)
    pq.write_table(pa.concat_tables(map(pq.read_table, summaries)), root / f"dissection/{DATASET}/summary.parquet")
    facts = pq.read_table(template / f"similarity/{DATASET}/summary.parquet")
    pq.write_table(facts, root / f"similarity/{DATASET}/summary.parquet")


def compare(template: Path, root: Path, models: list[str], layers: list[str]) -> None:
    """The comparisons of the last model with all before it and itself."""
    model = models[-1]
    source = template / f"similarity/{DATASET}"
    for ending in ("", "_concepts"):
        table = pq.read_table(source / f"residual{ending}.parquet")
        names = zip(table["model_a"].to_pylist(), table["layer_a"].to_pylist(), strict=True)
        keep = [name == ("plain", "conv5") for name in names]
        table = table.filter(pa.array(keep))
        pairs = [(other, a, model, b) for other in models for a in layers for b in layers]
        n, table = len(table), pa.concat_tables([table] * len(pairs))
        for number, name in enumerate(("model_a", "layer_a", "model_b", "layer_b")):
            field = table.schema.field(name)
            column = pa.array(np.repeat([pair[number] for pair in pairs], n), type=field.type)
            table = table.set_column(table.schema.get_field_index(name), field, column)
        pq.write_table(table, root / f"similarity/{DATASET}/{model}{ending}.parquet")
    with (
        h5py.File(source / "residual_matrices.h5", "r") as file,
        h5py.File(root / f"similarity/{DATASET}/{model}_matrices.h5", "w") as out,
    ):
        out.attrs["thresholds"] = file.attrs["thresholds"]
        ucs = next(iter(file.values()))["ucs"][()]
        for other in models:
            for a in layers:
                for b in layers:
                    out[f"{other}~{a}~{b}/ucs"] = ucs


def build(root: Path, home: Path) -> dict[str, float]:
    """Seconds of each part."""
    study = study_of_results(root)
    plan = AtlasPlan(study).whole()
    folder = root / "datasets" / DATASET
    frames, annotations = (sorted(map(str, (folder / kind).glob("*.h5"))) for kind in ("frames", "annotations"))
    seconds = {}
    begin = time.perf_counter()
    build_dataset(home / "datasets" / DATASET, root=root, dataset=DATASET, frames=frames, annotations=annotations,
                  options=DEFAULTS, embed_images=True)  # fmt: skip
    seconds["data set"] = time.perf_counter() - begin
    begin = time.perf_counter()
    first, *others = plan["pairs"]
    build_model(home / "models" / DATASET / first["model"], root=root, plan=first, frames=frames, options=DEFAULTS,
                geometry=study.config["geometry"], embed_images=True)  # fmt: skip
    seconds["a model"] = time.perf_counter() - begin
    for pair in others:
        copy_model(home / "models" / DATASET, first["model"], pair["model"])
        write_comparisons(home, root, pair)
    begin = time.perf_counter()
    build_study(home, root=root, plan=plan)
    seconds["joins"] = time.perf_counter() - begin
    return seconds


def copy_model(folder: Path, model: str, other: str) -> None:
    """The pages of a model under another name: layers of the benchmark differ in nothing else."""
    for path in sorted((folder / model).rglob("*")):
        target = folder / other / path.relative_to(folder / model)
        if path.is_dir() or path.name.startswith("pairs-"):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".webp":
            shutil.copy(path, target)
        else:
            target.write_text(path.read_text().replace(model, other))


def opened(home: Path) -> dict[str, float]:
    """Seconds until each page stands, the best of three in a new tab."""
    from playwright.sync_api import sync_playwright

    place = f"{DATASET}/model00/layer0"
    pages = {
        "study": "#/",
        "model": f"#/model/{DATASET}/model00",
        "layer": f"#/layer/{place}",
        "unit": f"#/unit/{place}/300",
        "concept": f"#/concept/{DATASET}/dog",
        "comparison": f"#/compare/{DATASET}",
        "search": "#/search?q=dog",
    }
    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, address in pages.items():
            times = []
            for _ in range(3):
                page = browser.new_page(viewport={"width": 1366, "height": 860})
                begin = time.perf_counter()
                page.goto(f"file://{home}/index.html{address}")
                page.wait_for_selector("body[data-ready]")
                times.append(time.perf_counter() - begin)
                page.close()
            found[name] = round(min(times), 2)
        browser.close()
    return found


def sizes(home: Path) -> dict[str, float]:
    """Files, and megabytes by what they are."""
    files = [path for path in home.rglob("*") if path.is_file()]
    kinds = {"pictures": ".jpg", "thumbnails": ".webp", "scripts": ".js"}
    found: dict[str, float] = {"files": len(files), "mb": round(sum(p.stat().st_size for p in files) / 1e6, 1)}
    for name, suffix in kinds.items():
        found[f"{name}_mb"] = round(sum(p.stat().st_size for p in files if p.suffix == suffix) / 1e6, 1)
    comparisons = [p for p in files if p.name.startswith(("pairs-", "matched.js", "similarity.js"))]
    found["of_scripts_comparisons_mb"] = round(sum(p.stat().st_size for p in comparisons) / 1e6, 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template", type=Path, help="results of the demo")
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--open", action="store_true", help="measure in Chromium, too")
    parser.add_argument("--keep", type=Path, help="folder to leave the atlas in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder) / "results", (given.keep or Path(folder) / "atlas").resolve()
        root.mkdir()
        make_study(given.template.resolve(), root, n_models=given.models, n_layers=given.layers, n_units=given.units)
        said: dict[str, Any] = {name: round(value, 1) for name, value in build(root, home).items()}
        said |= sizes(home)
        if given.open:
            said["opens_in_s"] = opened(home)
    print(json.dumps(said, indent=1))


if __name__ == "__main__":
    main()
