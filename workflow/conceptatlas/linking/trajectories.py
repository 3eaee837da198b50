"""The job that measures trajectories: what changes on the way from one class to another, label by label.

The pictures of `counterfactuals.h5` are labelled and measured as tuned ones are (config section
`linking.quantification`); every one is compared with I~, the copy of the picture that the search starts from. Source:
Wehrheim et al. (2024), figures on counterfactual trajectories.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch

from conceptatlas.devices import lease_device
from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.labelling import make_labellers, to_pictures
from conceptatlas.linking.link_tables import LINKED
from conceptatlas.linking.tuning import Measuring, measure
from conceptatlas.quantification.label_metrics import changes, user_metrics
from conceptatlas.tables import Column, read_table, write_table

Array = np.ndarray[Any, Any]

CHANGE_COLUMNS = [
    *LINKED,
    Column("masks", "where labels come from: `head`, `twin`, or a function"),
    Column("row", "row of counterfactuals.parquet"),
    Column("origin", "class of the picture"),
    Column("target", "class that it shall become"),
    Column("step", "step of the search; -2 the picture I, -1 its copy I~ through the circle"),
    Column("label", "label of pixels"),
    Column("metric", "what is measured of it"),
    Column("value", "the metric in this picture"),
    Column("change", "against I~: of the area relative (1 where it had none), of the angle the shorter way"),
]

COPY = -1
"""Step of I~."""


def measure_trajectories(
    *,
    generator: dict[str, Any],
    model: str,
    trajectories: str | Path,
    rows: str | Path,
    head: str | Path | None,
    quantification: Mapping[str, Any],
    device: str,
    threads: int,
    table: str | Path,
) -> None:
    """Write trajectories.parquet.

    Parameters
    ----------
    generator : expanded row. model : name of the classifier.
    trajectories, rows : counterfactuals.h5 and counterfactuals.parquet.
    head : file of the few-shot head, where labels come from one.
    quantification : config section `linking.quantification`.
    """
    torch.set_num_threads(threads)
    with h5py.File(trajectories, "r") as store:
        found = {name: store[name][:] for name in ("pictures", "w", "row", "step")}
    searches = read_table(rows)
    with lease_device(device) as leased:
        made = load_generator(generator, device=leased)
        measuring = Measuring(
            make_labellers(list(quantification["masks"]), made, head=head, size=int(quantification["size"])),
            user_metrics(quantification["metrics"]),
            size=int(quantification["size"]),
            min_area=int(quantification["min_area"]),
            entropy_radius=int(quantification["entropy_radius"]),
            background=bool(quantification["background"]),
        )
        frame = change_rows(found, searches, measuring, device=leased)
    frame.insert(0, "generator", made.name)
    frame.insert(1, "model", model)
    write_table(table, frame, columns=CHANGE_COLUMNS)


def change_rows(
    found: Mapping[str, Array], searches: pd.DataFrame, measuring: Measuring, *, device: Any
) -> pd.DataFrame:
    """A row a frame, label and metric that is there in the frame or in I~; no columns of the place.

    found : pictures, w, row, step of counterfactuals.h5. searches : counterfactuals.parquet.
    """
    parts = []
    for number in dict.fromkeys(found["row"].tolist()):
        frames = np.flatnonzero(found["row"] == number)
        images = torch.from_numpy(found["pictures"][frames].astype(np.float32) / 255)
        pictures = to_pictures(images, size=measuring.size)
        w = torch.from_numpy(found["w"][frames]).to(device)
        steps = found["step"][frames]
        for source, labeller in measuring.labellers.items():
            values = measure(pictures, labeller.label(w, pictures), len(labeller.names), measuring)
            copy = np.broadcast_to(values[steps == COPY], values.shape)
            change = changes(
                np.stack([copy, values], axis=1), metrics=measuring.metric_names, min_area=measuring.min_area
            )
            at, label, metric = np.nonzero(np.isfinite(change))
            parts.append(
                pd.DataFrame(
                    {
                        "masks": source,
                        "row": int(number),
                        "origin": searches.iloc[number]["origin"],
                        "target": searches.iloc[number]["target"],
                        "step": steps[at],
                        "label": np.array(labeller.names)[label],
                        "metric": np.array(measuring.metric_names)[metric],
                        "value": values[at, label, metric],
                        "change": change[at, label, metric],
                    }
                )
            )
    names = [column.name for column in CHANGE_COLUMNS[len(LINKED) :]]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)
