"""What the pages load of a model's concepts on several data sets: two tables, and the numbers of every pair of concepts
layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from conceptatlas.atlas.encoding import number, script_table, write_script

SIDES = ("on_a", "on_b")


def build_across(folder: str | Path, *, root: str | Path, plan: dict[str, Any]) -> None:
    """Write everything under ``atlas/across/{model}``.

    folder : that folder. root : folder of the study. plan : `study_atlas.AtlasPlan.across` of the model.
    """
    folder, root = Path(folder), Path(root)
    home = folder.parents[1]  # of the atlas: keys are paths from there
    key = f"across/{plan['model']}"
    for name in ("across", "across_concepts"):
        path = plan["files"][name]
        write_script(home, f"{key}/{name}", script_table(root / path, source=path, drop=("model",)))
    for layer, pairs in every_pair(root / plan["files"]["across_matrices"]).items():
        write_script(home, f"{key}/pairs-{layer}", pairs)


def every_pair(path: str | Path) -> dict[str, dict[str, Any]]:
    """Layer -> `thresholds` and `sets`, which holds by ``{dataset_a}~{dataset_b}`` the `shape` (concepts of a, of b),
    `cosine` flat in that order, and `on_a`, `on_b`: UCS on the images of either, flat (threshold, of a, of b)."""
    found: dict[str, dict[str, Any]] = {}
    with h5py.File(path, "r") as file:
        thresholds = [number(value) for value in file.attrs.get("thresholds", ())]
        for name, group in file.items():
            dataset_a, dataset_b, layer = name.split("~")
            cosine = group["cosine"][()]
            numbers = {"shape": list(cosine.shape), "cosine": _short(cosine)}
            numbers |= {side: _short(group[side]["ucs"][()]) for side in SIDES}
            of_layer = found.setdefault(layer, {"thresholds": thresholds, "sets": {}})
            of_layer["sets"][f"{dataset_a}~{dataset_b}"] = numbers
    return found


def _short(values: Any) -> list[float | int | None]:
    return [number(f"{value:.3g}") for value in values.reshape(-1)]
