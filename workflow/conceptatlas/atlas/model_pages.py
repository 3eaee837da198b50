"""What the pages of one model load: tables, chunks of units and sheets of thumbnails a layer; comparisons with earlier
models; and `facts.json`, what the joins need to know of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.atlas.encoding import number, script_table, write_script
from conceptatlas.atlas.falcon_pages import write_groups
from conceptatlas.atlas.found_concepts import found_examples, pairs_of_model
from conceptatlas.atlas.layer_context import LayerContext
from conceptatlas.atlas.linked_pages import linked_to, write_linking
from conceptatlas.atlas.pictures import Sheet, Thumbnails
from conceptatlas.atlas.sections.examples import top_examples
from conceptatlas.atlas.sections.index import SECTIONS
from conceptatlas.atlas.sections.words import words_of_units
from conceptatlas.files import read_json, write_json

logger = logging.getLogger(__name__)

CHUNK = 64
"""Units in a chunk."""
STATES = ("live", "dead", "sparse", "saturated", "too_few")
TABLES: dict[str, tuple[str, ...]] = {
    "units": ("top_images", "top_values"),
    **dict.fromkeys(("summary", "robustness_summary", "discovered", "profiles"), ()),
    **dict.fromkeys(("segmentation", "classification", "neighbours", "wording_summary"), ()),
}
"""Tables of a layer that its own page or another page loads -> columns left out."""


def build_model(
    folder: str | Path,
    *,
    root: str | Path,
    plan: dict[str, Any],
    frames: list[str],
    options: dict[str, Any],
    geometry: dict[str, Any],
    embed_images: bool,
) -> None:
    """Write everything under ``atlas/models/{dataset}/{model}``.

    folder : that folder. root : folder of the study, under which the paths of `plan` (`study_atlas.AtlasPlan.model`)
    lie. options : config section `atlas`. geometry : config section `geometry`. embed_images : whether pictures may be
    shown.
    """
    folder, root = Path(folder), Path(root)
    dataset, model = plan["dataset"], plan["model"]
    home = folder.parents[2]  # of the atlas: keys are paths from there
    about = read_json(root / f"datasets/{dataset}/dataset.json")
    thumbnails = Thumbnails(frames, int(options["thumbnail_size"])) if embed_images else None
    layers = []
    for layer in plan["layers"]:
        context = LayerContext(root, dataset, model, layer)
        facts = _build_layer(context, home, about=about, options=options, geometry=geometry, thumbnails=thumbnails)
        facts["linked"] = linked_to(root, plan, layer, kind=facts["kind"], n_units=facts["n_units"])
        layers.append(facts)
        logger.info("%s %s %s: %d units", dataset, model, context.layer, context.n_units)
    if "similarity" in plan["files"]:
        write_comparisons(home, root, plan)
    write_linking(home, root, plan, quality=int(options["quality"]))
    write_json(folder / "facts.json", {"dataset": dataset, "model": model, "layers": layers})


def write_comparisons(home: Path, root: Path, plan: dict[str, Any]) -> None:
    """Write what the pages of comparisons load of a model: its pairs with itself and all earlier models."""
    key = f"models/{plan['dataset']}/{plan['model']}"
    for name in ("similarity", "matched"):
        path = plan["files"][name]
        write_script(home, f"{key}/{name}", script_table(root / path, source=path, drop=("dataset",)))
    for earlier, pairs in pairs_of_model(root, plan).items():
        write_script(home, f"{key}/pairs-{earlier}", pairs)


def _build_layer(
    context: LayerContext,
    home: Path,
    *,
    about: dict[str, Any],
    options: dict[str, Any],
    geometry: dict[str, Any],
    thumbnails: Thumbnails | None,
) -> dict[str, Any]:
    key = f"models/{context.dataset}/{context.model}/{context.layer}"
    wanted = {name: name for name in TABLES} | {k: v for section in SECTIONS for k, v in section.tables.items()}
    for result, path in context.plan["files"].items():
        base, _, which = result.partition(":")
        if base in wanted and path.endswith(".parquet"):
            dropped = ("dataset", "model", "layer", *TABLES.get(base, ()))
            name = wanted[base] + (f"@{which}" if which else "")
            write_script(home, f"{key}/{name}", script_table(context.path(result), source=path, drop=dropped))
    if context.has("discovered_examples"):
        write_script(home, f"{key}/found", found_examples(context.path("discovered_examples")))
    facts = _facts(context) | {"groups": write_groups(home, key, context)}
    facts |= _units(context, home / key, home, key, about=about, options=options, geometry=geometry,
                    thumbnails=thumbnails)  # fmt: skip
    return facts


def _units(
    context: LayerContext,
    folder: Path,
    home: Path,
    key: str,
    *,
    about: dict[str, Any],
    options: dict[str, Any],
    geometry: dict[str, Any],
    thumbnails: Thumbnails | None,
) -> dict[str, Any]:
    n_shown, size = int(options["thumbnails"]), int(options["thumbnail_size"])
    sheet = Sheet(context.n_units, n_shown, size) if thumbnails is not None and context.plan["shards"] else None
    examples = top_examples(
        context,
        geometry=geometry,
        mask_size=int(about["mask_size"]),
        quarantined=[int(image["image_index"]) for image in about["quarantine"]],
        n=int(options["top_images"]),
        sheet=sheet,
        thumbnails=thumbnails,
    )
    values = {"examples": examples}
    values |= {section.name: section.per_unit(context) for section in SECTIONS if section.per_unit is not None}
    kept = {name: column for name, column in values.items() if column is not None}
    for first in range(0, context.n_units, CHUNK):
        chunk = {name: column[first : first + CHUNK] for name, column in kept.items()}
        write_script(home, f"{key}/units-{first // CHUNK}", {"first": first, "sections": chunk})
    n_sheets = sheet.write(folder, quality=int(options["quality"])) if sheet is not None else 0
    return {
        "n_sheets": n_sheets,
        "thumbnails": [n_shown, size],
        "tops": [shown["images"] for shown in examples],
        "values": [shown["values"] for shown in examples],
    }


def _facts(context: LayerContext) -> dict[str, Any]:
    """What the study's pages say of the layer without loading it."""
    report = read_json(context.root / f"models/{context.model}/{context.plan['group']}.json")
    shape = report["layers"][context.layer]
    facts: dict[str, Any] = {
        "layer": context.layer,
        "module": context.plan["module"],
        "kind": shape["kind"],
        "depth": number(shape["depth"]),
        "height": shape["height"],
        "width": shape["width"],
        "store": context.plan["store"],
        "n_units": context.n_units,
        "states": {state: int(context.manifest["states"].get(state, 0)) for state in STATES},
        "results": sorted(name for name in context.plan["files"] if not name.startswith("statistics")),
    }
    facts["said"] = words_of_units(context)
    if context.has("units"):
        units = context.frame("units")
        words = [str(word) for word in dict.fromkeys(units["concept"])]
        code = {word: i for i, word in enumerate(words)}
        detected = units.loc[units["is_detector"], "concept"].value_counts()
        facts |= {
            "most": str(detected.index[0]) if len(detected) else "",
            "words": words,
            "labels": [code[str(word)] for word in units["concept"]],
            "iou": [number(value) for value in units["iou_category"]],
            "detectors": int(units["is_detector"].sum()),
            "significant": int(units["is_significant"].sum()),
            "confounded": int(np.asarray(units["is_confounded"] & units["is_detector"]).sum()),
        }
    return facts
