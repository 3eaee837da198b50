"""The figure job of the tuning of a classifier's units, and ``figures.json``, which lists the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from conceptatlas.figures.drawn import Drawn, write_figures
from conceptatlas.figures.linking_checks import causal_check, label_agreement
from conceptatlas.figures.linking_map import unit_clusters, unit_map
from conceptatlas.figures.linking_motion import motion_fields, motion_pages, unit_motion
from conceptatlas.figures.linking_rows import row_pages, unit_rows
from conceptatlas.figures.linking_sparsity import label_correlations, label_sparsity, unit_stability
from conceptatlas.figures.linking_words import source_words
from conceptatlas.figures.style import plain
from conceptatlas.linking.shown import read_shown
from conceptatlas.tables import read_table

SHOWS = {
    "unit_rows": "units from least to largest value: pictures, what changes, and whether the unit follows",
    "motion_fields": "matching: overlays before and after the alignment, vector field of what still moves",
    "unit_motion": "units that shift, turn or scale the picture most",
    "unit_map": "map of all units by what they change, coloured by the label that changes most",
    "unit_clusters": "clusters of units and their mean change by label",
    "label_sparsity": "how many labels units change, against what noise alone gives",
    "unit_stability": "whether units do the same at all starting points and in all classes",
    "label_correlations": "labels that change together",
    "causal_check": "whether a unit follows its own change when the picture is fed back",
    "label_agreement": "changes by measured labels against changes by true labels",
}


def plot_tuning(
    *,
    generator: str,
    model: str,
    metric: str,
    options: Mapping[str, Any],
    effects: str | Path,
    motion: str | Path,
    units: str | Path,
    map: str | Path,
    clusters: str | Path,
    label_pairs: str | Path,
    selective: str | Path,
    cycle: str | Path,
    agreement: str | Path,
    shown: str | Path,
    head: str | Path | None,
    folder: str | Path,
) -> None:
    """Draw everything about a tuning into a folder; figures of labels show the first of several sources.

    metric : whose change vectors were mapped. options : config section `figures`. effects ... shown : files of the
    tuning (see `tuning_columns`, `shown`). head : head.parquet, where there is one.
    """
    del selective  # its units are those of `shown`
    place = f"generator {plain(generator)}, classifier {plain(model)}"

    def figures() -> Iterator[Drawn]:
        judged, compared = read_table(cycle), read_table(agreement)
        told = read_table(units)
        source = str(told["masks"].iloc[0]) if len(told) else ""
        changed = _of(read_table(effects), source)
        changed = changed[changed["class"] == ""]
        verdicts = {int(unit): str(verdict) for unit, verdict in zip(judged["unit"], judged["verdict"], strict=True)}
        kept = list(read_shown(shown))
        made = f"Pictures: made by generator {plain(generator)}; labels from {source_words(source)}."
        for page, own in enumerate(row_pages(kept)):
            yield Drawn("unit_rows", "", page + 1, unit_rows(own, changed, verdicts, place=place, source=made))
        moves = read_table(motion)
        if len(moves):
            limit = float(moves["moved_px"].iloc[0])
            for page, own in enumerate(motion_pages(kept)):
                drawn = motion_fields(own, place=place, source=made, moved_px=limit)
                yield Drawn("motion_fields", "", page + 1, drawn)
            n = int(moves["n_matched"].iloc[0])
            yield Drawn("unit_motion", "", 1, unit_motion(moves, place=place, n_points=n))
        yield Drawn("unit_map", "", 1, unit_map(_of(read_table(map), source), place=place))
        yield Drawn("unit_clusters", "", 1, unit_clusters(_of(read_table(clusters), source), place=place))
        own_units = _of(told, source)
        yield Drawn("label_sparsity", "", 1, label_sparsity(own_units, metric=metric, place=place))
        yield Drawn("unit_stability", "", 1, unit_stability(own_units, metric=metric, place=place))
        pairs = _of(read_table(label_pairs), source)
        yield Drawn("label_correlations", "", 1, label_correlations(pairs, metric=metric, place=place))
        yield Drawn("causal_check", "", 1, causal_check(judged, place=place))
        if len(compared):
            iou = read_table(head) if head is not None else pd.DataFrame({"label": [], "iou": []})
            yield Drawn("label_agreement", "", 1, label_agreement(compared, iou, place=place))

    write_figures(figures(), folder, dataset="", model=model, shows=SHOWS, options=options)


def _of(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Rows of one source of labels."""
    return table[table["masks"] == source]
