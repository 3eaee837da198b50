"""The joins: what the pages over all models load, the search index, and the page itself with its scripts and styles."""

from __future__ import annotations

import logging
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from conceptatlas.atlas.concept_pages import IN_FILE as CONCEPTS_IN_FILE
from conceptatlas.atlas.concept_pages import write_concepts
from conceptatlas.atlas.dataset_pages import CHUNK as IMAGES_IN_CHUNK
from conceptatlas.atlas.encoding import script_table, write_script
from conceptatlas.atlas.image_pages import write_firing
from conceptatlas.atlas.linked_pages import generators_of
from conceptatlas.atlas.methods import METHODS
from conceptatlas.atlas.model_pages import CHUNK as UNITS_IN_CHUNK
from conceptatlas.atlas.requirements import write_requirements
from conceptatlas.atlas.run_pages import write_record
from conceptatlas.atlas.sections.index import SECTIONS
from conceptatlas.atlas.warnings_of_study import study_warnings
from conceptatlas.files import atomic_path, read_json
from conceptatlas.tables import read_definitions

logger = logging.getLogger(__name__)

SCRIPTS = (
    "core", "data", "element", "number", "charts", "heatmap", "picture", "grid", "figures",
    "views/findings", "views/study", "views/dataset", "views/model", "views/layer", "views/unit", "views/concept",
    "views/compare", "views/across", "views/group", "views/image", "views/linked", "views/method",
    "views/figure", "views/record", "views/table", "views/search", "views/requirements",
)  # fmt: skip
"""Files of ``assets/`` in the order in which the page loads them; sections follow, ``start`` is last."""
HEAVY = ("labels", "iou", "words", "said", "groups", "tops", "values")
"""Facts of a layer that only the search or pages of images need."""


def build_study(home: str | Path, *, root: str | Path, plan: dict[str, Any]) -> None:
    """Write ``index.html`` and ``study/`` of the atlas.

    home : folder of the atlas, in which the models' and data sets' folders are already. root : folder of the study.
    plan : `study_atlas.AtlasPlan.whole`.
    """
    home, root = Path(home), Path(root)
    facts = [read_json(home / f"models/{pair['dataset']}/{pair['model']}/facts.json") for pair in plan["pairs"]]
    places = [[m["dataset"], m["model"], layer["layer"]] for m in facts for layer in m["layers"]]
    names = [dataset["dataset"] for dataset in plan["datasets"]]
    abouts = {name: read_json(root / f"datasets/{name}/dataset.json") for name in names}
    for dataset in plan["datasets"]:
        name = dataset["dataset"]
        for table, path in dataset["files"].items():
            write_script(home, f"study/{name}/{table}", script_table(root / path, source=path, drop=("dataset",)))
        pairs = [pair for pair in plan["pairs"] if pair["dataset"] == name]
        write_concepts(home, root, name, pairs, places)
        own = [model for model in facts if model["dataset"] == name]
        write_firing(home, root, name, own, pairs, places, int(abouts[name]["n_images"]))
    _write_search(home, facts)
    write_script(home, "study/definitions", _definitions(root, plan))
    write_script(home, "study/methods", {"methods": METHODS, "config": plan["config"]})
    write_record(home, root, plan, facts)
    if plan["requirements"]:
        write_requirements(home, root, plan["requirements"])
    overview = {
        "study": plan["study"],
        "requirements": bool(plan["requirements"]),
        "datasets": [
            {"dataset": name, "embedded": dataset["embed_images"], "tables": sorted(dataset["files"])}
            | {
                key: abouts[name][key]
                for key in ("n_images", "n_valid", "n_concepts", "mask_size", "frame_size", "format")
            }
            for name, dataset in zip(names, plan["datasets"], strict=True)
        ],
        "models": plan["models"],
        "linked": [
            {"dataset": pair["dataset"], "model": pair["model"], "generator": generator}
            | {"tables": [name.partition(":")[0] for name in pair["files"] if name.endswith(f":{generator}")]}
            for pair in plan["pairs"]
            for generator in generators_of(pair)
        ],
        "figures": plan["figures"],
        "across": [{"model": crossed["model"], "sets": crossed["sets"]} for crossed in plan["across"]],
        "layers": [
            {"dataset": model["dataset"], "model": model["model"]}
            | {key: value for key, value in layer.items() if key not in HEAVY}
            for model in facts
            for layer in model["layers"]
        ],
        "warnings": study_warnings(root, plan, facts, abouts),
        "chunks": {"units": UNITS_IN_CHUNK, "images": IMAGES_IN_CHUNK, "concepts": CONCEPTS_IN_FILE},
        "tau": str(plan["config"]["thresholds"]["tau"]),
    }
    write_script(home, "study/overview", overview)
    write_page(home, plan["study"])


def _write_search(home: Path, facts: list[dict[str, Any]]) -> None:
    """Labels of all units by layer: words once for the study, a code a unit; `said`: what else is said of them, in
    words, by position of the layer; `groups`: FALCON's, [encoder~vocabulary, group, words]."""
    words: dict[str, int] = {}
    layers = []
    for model in facts:
        for layer in model["layers"]:
            own = [words.setdefault(word, len(words)) for word in layer.get("words", [])]
            layers.append([own[code] for code in layer.get("labels", [])])
    every = [layer.get("said", []) for model in facts for layer in model["layers"]]
    said = {str(place): texts for place, texts in enumerate(every) if texts}
    grouped = [layer["groups"] for model in facts for layer in model["layers"]]
    groups = {str(place): own for place, own in enumerate(grouped) if own}
    write_script(home, "study/search", {"words": list(words), "layers": layers, "said": said, "groups": groups})


def _definitions(root: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Table -> column -> [definition, unit], of every kind of table the atlas shows."""
    files: dict[str, str] = {}
    for pair in plan["pairs"]:
        for named in (pair["files"], *(layer["files"] for layer in pair["layers"])):
            for name, path in named.items():
                files.setdefault(name.partition(":")[0], path)
    for crossed in plan["across"]:
        for name, path in crossed["files"].items():
            files.setdefault(name, path)
    for dataset in plan["datasets"]:
        files.setdefault("concepts", f"datasets/{dataset['dataset']}/concepts.parquet")
        for name, path in dataset["files"].items():
            files.setdefault(name.partition("@")[0], path)
    return {
        name: {column.name: [column.definition, column.unit] for column in read_definitions(root / path)}
        for name, path in files.items()
        if path.endswith(".parquet")
    }


def write_page(home: str | Path, study: str) -> None:
    """Write ``index.html`` and copy the scripts and styles it loads."""
    home = Path(home)
    scripts = [*SCRIPTS, *(f"sections/{section.name}" for section in SECTIONS), "start"]
    assets = resources.files("conceptatlas.atlas") / "assets"
    for name in ("atlas.css", *(f"{script}.js" for script in scripts)):
        target = home / "study/assets" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with resources.as_file(assets / name) as source:
            shutil.copyfile(source, target)
    environment = Environment(
        loader=PackageLoader("conceptatlas.atlas"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    text = environment.get_template("index.html.j2").render(study=study, scripts=scripts)
    with atomic_path(home / "index.html") as part:
        part.write_text(text, encoding="utf-8")
