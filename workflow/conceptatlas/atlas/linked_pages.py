"""What the pages load of a classifier and a generator: quality of the link, success of counterfactuals, what units
change in the generated pictures; and which layer the tuned units are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from PIL import Image

from conceptatlas.atlas.encoding import number, script_table, write_script
from conceptatlas.atlas.pictures import save_picture
from conceptatlas.files import read_json
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]

MOST_CERTAIN = 8
"""Changes kept of a unit besides the strongest of each metric."""
MIN_POINTS = 6
"""Starting points behind them: p by sign flips is not below 2 / 2^n, which is 3 % with 6."""
BEST_UNITS = 3
"""Units kept of a label and metric."""
PICTURE_SIZE = 128
"""Largest side of a generated picture, px."""


def generators_of(plan: dict[str, Any]) -> list[str]:
    """The generators that a model is linked to; plan : `study_atlas.AtlasPlan.model`."""
    return [name.partition(":")[2] for name in plan["files"] if name.startswith("link:")]


def linked_to(root: Path, plan: dict[str, Any], layer: dict[str, Any], *, kind: str, n_units: int) -> list[str]:
    """The generators whose link reads this layer: its maps, averaged over positions, are the representation.

    layer : part of the plan. kind, n_units : of the layer. Measured when the link was made (`linking.pooled_modules`);
    a record that does not tell says no.
    """
    found = []
    for generator in generators_of(plan):
        record = read_json(root / plan["files"][f"link_record:{generator}"])
        same = layer["module"] in record.get("pooled_modules", ()) and n_units == record["units"]
        if same and kind == "map":
            found.append(generator)
    return found


def write_linking(home: Path, root: Path, plan: dict[str, Any], *, quality: int) -> None:
    """Write ``models/{dataset}/{model}/{table}@{generator}`` and the pictures of shown units.

    home : folder of the atlas. root : of the study. quality : of WebP pictures.
    """
    for generator in generators_of(plan):
        key = f"models/{plan['dataset']}/{plan['model']}"
        files = {
            name.partition(":")[0]: path
            for name, path in plan["files"].items()
            if name.partition(":")[2] == generator and not name.startswith("report:")
        }
        kept: dict[str, Any] = {name: None for name in ("link", "rates", "cycle") if name in files}
        facts: dict[str, Any] = {"masks": "", "pairs": 0, "min_points": MIN_POINTS, "shown": []}
        if "effects" in files:
            tables = {name: read_table(root / files[name]) for name in ("effects", "tuned", "selective")}
            facts["masks"] = first_source(tables["effects"])
            kept |= kept_rows(tables, facts["masks"])
            own = tables["effects"][tables["effects"]["masks"] == facts["masks"]]
            facts["pairs"] = len(own[["label", "metric"]].drop_duplicates())
            facts["shown"] = write_shown_pictures(
                home / key / "generated" / generator, root / files["shown"], quality=quality
            )
        for name, rows in kept.items():
            table = script_table(root / files[name], source=files[name], drop=("generator", "model"), rows=rows)
            write_script(home, f"{key}/{name}@{generator}", table)
        write_script(home, f"{key}/generated@{generator}", facts)


def first_source(effects: pd.DataFrame) -> str:
    """Where labels come from: the first source of the config, as in the pictures; empty without one."""
    return str(effects["masks"].iloc[0]) if len(effects) else ""


def kept_rows(tables: dict[str, pd.DataFrame], source: str) -> dict[str, Array]:
    """Row numbers of effects, tuned and selective that pages show, each in the order of its table: all classes
    together, one source of labels.

    Of a unit's effects: the strongest label of each metric, and of those over at least 6 starting points the 8 that are
    largest against the half width of their interval. Of `selective` the first 3 units of a label and metric.
    """
    effects, tuned, selective = (tables[name] for name in ("effects", "tuned", "selective"))
    own = effects[(effects["masks"] == source) & (effects["class"] == "")]
    whole = tuned[(tuned["masks"] == source) & (tuned["class"] == "")]
    certainty = own["mean"].abs() / ((own["high"] - own["low"]) / 2)
    finite = certainty[np.isfinite(certainty) & (own["n"] >= MIN_POINTS)].sort_values(ascending=False, kind="stable")
    certain = finite.groupby(own.loc[finite.index, "unit"]).head(MOST_CERTAIN).index
    wanted = pd.MultiIndex.from_frame(whole[["unit", "metric", "strongest_label"]])
    strongest = own.index[pd.MultiIndex.from_frame(own[["unit", "metric", "label"]]).isin(wanted)]
    best = selective.index[(selective["masks"] == source) & (selective["rank"] <= BEST_UNITS)]
    return {
        "effects": np.union1d(certain, strongest),
        "tuned": whole.index.to_numpy(),
        "selective": best.to_numpy(),
    }


def write_shown_pictures(folder: Path, shown: Path, *, quality: int) -> list[dict[str, Any]]:
    """Write ``{unit}.webp`` of every unit of shown.h5: a row a starting point, its least, middle and largest value in
    the columns. Returns what each shows: unit, label, metric, classes, changes, width and height of the file (px)."""
    told = []
    with h5py.File(shown, "r") as store:
        for key in sorted(store):
            group = store[key]
            pictures = group["pictures"][:]
            points, steps, size = pictures.shape[:3]
            sheet = Image.fromarray(pictures.transpose(0, 2, 1, 3, 4).reshape(points * size, steps * size, 3))
            if size > PICTURE_SIZE:
                sheet = sheet.resize((steps * PICTURE_SIZE, points * PICTURE_SIZE), Image.Resampling.LANCZOS)
            unit = int(group.attrs["unit"])
            save_picture(sheet, folder / f"{unit}.webp", "WEBP", quality=quality)
            told.append(
                {
                    "unit": unit,
                    "label": str(group.attrs["label"]),
                    "metric": str(group.attrs["metric"]),
                    "classes": json.loads(group.attrs["classes"]),
                    "changes": [number(change) for change in group["change"][:]],
                    "size": [sheet.width, sheet.height],
                }
            )
    return told
