"""The job that joins all parts of a tuning into tables: what every unit encodes, and whether it follows its change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from conceptatlas.linking.labelling import TWIN
from conceptatlas.linking.link import read_link
from conceptatlas.linking.tuned_file import TunedParts
from conceptatlas.linking.tuned_frames import (
    agreement_frame,
    cycle_frame,
    effects_frame,
    map_frames,
    motion_frame,
    pairs_frame,
    selective_frame,
    units_frame,
)
from conceptatlas.linking.tuning_columns import (
    AGREEMENT,
    CLUSTERS,
    CYCLE,
    EFFECTS,
    LABEL_PAIRS,
    MAP,
    MOTION,
    SELECTIVE,
    UNITS,
)
from conceptatlas.naming import unknown
from conceptatlas.tables import Column, write_table


def join_tuning(
    *,
    parts: Sequence[str | Path],
    manifests: Sequence[str | Path],
    link: str | Path,
    options: Mapping[str, Any],
    quantification: Mapping[str, Any],
    seed: int,
    effects: str | Path,
    motion: str | Path,
    units: str | Path,
    map: str | Path,
    clusters: str | Path,
    label_pairs: str | Path,
    selective: str | Path,
    cycle: str | Path,
    agreement: str | Path,
) -> None:
    """Write all tables of a tuning.

    Parameters
    ----------
    parts, manifests : of all parts, in order. link : link.h5.
    options : config section `linking.tuning`. quantification : `linking.quantification`.
    effects, motion, units, map, clusters, label_pairs, selective, cycle, agreement : tables to write (see
        `tuning_columns`).

    Raises
    ------
    ValueError
        for a metric that was not measured, damaged parts, and no unit with a range.
    """
    read = TunedParts(parts, manifests)
    if options["metric"] not in read.facts["metrics"]:
        raise unknown("metric", str(options["metric"]), read.facts["metrics"], where="linking.tuning.metric")
    if not len(read.units):
        raise ValueError(
            f"tuning of {read.facts['generator']} and {read.facts['model']}: every unit has one value over all "
            "training pairs; there is nothing to tune"
        )
    constants: dict[str, Any] = {"generator": read.facts["generator"], "model": read.facts["model"], "seed": seed}
    constants |= {name: options[name] for name in ("n_flips", "confidence")}
    constants["min_area"] = quantification["min_area"]
    first = 0 if quantification["background"] else 1
    sources = list(read.facts["labels"])
    judged = cycle_frame(read, read_link(link), constants)
    verdicts = dict(zip(judged["unit"].astype(int), judged["verdict"], strict=True))
    kept: dict[str, list[pd.DataFrame]] = {}
    for source in sources:
        own = effects_frame(read, source, constants, first_label=first)
        placed, grouped = map_frames(read, source, constants, options=options, first_label=first)
        made = {
            "effects": own,
            "units": units_frame(read, source, constants, first_label=first),
            "map": placed,
            "clusters": grouped,
            "label_pairs": pairs_frame(read, source, constants, options=options, first_label=first),
            "selective": selective_frame(
                own, verdicts, {"masks": source, **constants}, n_selective=int(options["n_selective"])
            ),
        }
        if TWIN in sources and source != TWIN:
            made["agreement"] = agreement_frame(read, source, TWIN, constants, options=options)
        for name, frame in made.items():
            kept.setdefault(name, []).append(frame)
    moved = {"matcher": quantification["motion"]["matcher"], "moved_px": quantification["motion"]["moved_px"]}
    written: list[tuple[str | Path, list[pd.DataFrame], list[Column]]] = [
        (effects, kept.get("effects", []), EFFECTS),
        (motion, [motion_frame(read, {**constants, **moved})], MOTION),
        (units, kept.get("units", []), UNITS),
        (map, kept.get("map", []), MAP),
        (clusters, kept.get("clusters", []), CLUSTERS),
        (label_pairs, kept.get("label_pairs", []), LABEL_PAIRS),
        (selective, kept.get("selective", []), SELECTIVE),
        (cycle, [judged], CYCLE),
        (agreement, kept.get("agreement", []), AGREEMENT),
    ]
    for path, frames, columns in written:
        names = [column.name for column in columns]
        frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)
        write_table(path, plain_words(frame), columns=columns)


def plain_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as they are where all pieces agree, else as text: Parquet keeps words once either way."""
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(str)
    return frame
