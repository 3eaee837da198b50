"""The job that keeps pictures: of a few chosen units, generated once more, with labels and motion, for the figures."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import torch

from conceptatlas.devices import lease_device
from conceptatlas.files import atomic_path, read_json
from conceptatlas.linking.labelling import to_pictures
from conceptatlas.linking.pair_file import Pairs
from conceptatlas.linking.tuning import STEPS, device_of, measure, steps_of, unperturbed
from conceptatlas.linking.tuning_part import Setting, load
from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.quantification.label_metrics import changes
from conceptatlas.quantification.matching import find_matcher
from conceptatlas.quantification.motion import MOTIONS, measure_motion
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

MIN_POINTS = 3
"""Starting points behind a change that counts as certain here."""
MOST_CLASSES = 24
"""Classes whose first starting points are looked at for a unit."""


class Chosen(NamedTuple):
    """A unit to show, and for which label and metric it was chosen."""

    unit: int
    label: str
    metric: str


class Pictures(NamedTuple):
    """Pictures of a unit from one starting point.

    steps : uint8 (step, S, S, 3). labels : uint8 (step, size, size). change : of the label and metric.
    class_name : of the starting point. start : float32 (K,).
    """

    steps: Array
    labels: Array
    change: float
    class_name: str
    start: Array


def choose_units(selective: pd.DataFrame, *, metric: str, n_shown: int) -> list[Chosen]:
    """Units to show: those whose mean change is certain (its interval excludes 0, n at least 3) before others; of these
    the most selective one of every label, first by `metric`, then by the other metrics in turn, then those of the next
    rank; no unit twice.

    selective : rows of one source of labels (see `tuning_columns.SELECTIVE`).
    """
    metrics = [metric, *(each for each in dict.fromkeys(selective["metric"]) if each != metric)]
    uncertain = ~((selective["low"] > 0) | (selective["high"] < 0)) | (selective["n"] < MIN_POINTS)
    order = selective.assign(_metric=[metrics.index(each) for each in selective["metric"]], _uncertain=uncertain)
    order = order.sort_values(["_uncertain", "rank", "_metric", "label"], kind="stable")
    chosen: dict[int, Chosen] = {}
    for row in order.itertuples():
        chosen.setdefault(int(row.unit), Chosen(int(row.unit), str(row.label), str(row.metric)))  # type: ignore[arg-type]
    return list(chosen.values())[:n_shown]


def show_units(
    *,
    generator: dict[str, Any],
    model: dict[str, Any],
    selective: str | Path,
    tuned: str | Path,
    pairs: Sequence[str | Path],
    link: str | Path,
    head: str | Path | None,
    options: Mapping[str, Any],
    quantification: Mapping[str, Any],
    seed: int,
    batch: int,
    threads: int,
    device: str,
    tf32: bool,
    shown: str | Path,
) -> None:
    """Write shown.h5 (see `write_shown`).

    Parameters
    ----------
    generator, model : expanded rows. selective : selective.parquet. tuned : manifest of a part of the tuning, which
        names the starting points. options : n_shown, n_pictures, metric of the config section `linking.tuning`.
    quantification : config section `linking.quantification`.
    """
    del seed, batch  # a few pictures, the same whatever they are
    torch.set_num_threads(threads)
    facts = read_json(tuned)
    source = next(iter(facts["labels"]))
    table = read_table(selective)
    chosen = choose_units(
        table[table["masks"] == source], metric=str(options["metric"]), n_shown=int(options["n_shown"])
    )
    held_out = Pairs(pairs, test=True)
    candidates = starting_points(
        np.array(facts["points"]), np.array(facts["point_classes"]), int(options["n_pictures"])
    )
    names = dict(zip(facts["classes"], facts["class_names"], strict=True))
    block = held_out.take(candidates)
    class_names = [names[int(each)] for each in block.classes]
    with lease_device(device) as leased, exact_arithmetic(tf32=tf32):
        setting = Setting(
            generator, model, str(link), None if head is None else str(head), tuple(map(str, pairs)),
            dict(quantification), STEPS, tf32, str(leased),
        )  # fmt: skip
        rows = [
            pictures_of(setting, each, block.r, class_names, source=source, n_pictures=int(options["n_pictures"]))
            for each in chosen
        ]
        matched = [moved(setting, own[0]) if own else None for own in rows]
    write_shown(shown, chosen, rows, matched, label_names=facts["labels"][source], source=source)


def starting_points(points: Array, classes: Array, n_pictures: int) -> Array:
    """Starting points to look at: the first of every class, the second of every class, ... as many as are needed."""
    turn = np.zeros(len(points), dtype=np.int64)
    for each in np.unique(classes):
        turn[classes == each] = np.arange((classes == each).sum())
    order = np.lexsort((np.arange(len(points)), turn))
    chosen: Array = points[order[: max(MOST_CLASSES, n_pictures)]]
    return chosen


def pictures_of(
    setting: Setting, chosen: Chosen, r: Array, class_names: list[str], *, source: str, n_pictures: int
) -> list[Pictures]:
    """Pictures of a unit from the first starting points at which its label is there; fewer where fewer have it."""
    made, measuring, _, link = load(setting)
    labeller = measuring.labellers[source]
    label, metric = labeller.names.index(chosen.label), measuring.metric_names.index(chosen.metric)
    values = steps_of(link, np.array([chosen.unit]))[0]
    kept: list[Pictures] = []
    for start, class_name in zip(r, class_names, strict=True):
        rows = np.repeat(start[None], STEPS, axis=0)
        rows[:, chosen.unit] = values
        with torch.inference_mode():
            w = link.apply(torch.from_numpy(rows).to(device_of(made)))
            images = made.generate(w)
            pictures = to_pictures(images, size=measuring.size)
            labels = labeller.label(w, pictures)
        measured = measure(pictures[[0, -1]], labels[[0, -1]], len(labeller.names), measuring)
        change = changes(measured, metrics=measuring.metric_names, min_area=measuring.min_area)[label, metric]
        if np.isfinite(change):
            kept.append(Pictures(to_pictures(images), labels, float(change), class_name, start))
        if len(kept) == n_pictures:
            break
    return kept


def moved(setting: Setting, pictures: Pictures) -> Any:
    """Motion from the unperturbed picture to that of the largest value."""
    made, _, _, link = load(setting)
    original = unperturbed(made, link, pictures.start)
    options = setting.options["motion"]
    return original, measure_motion(
        original, pictures.steps[-1], matcher=find_matcher(options["matcher"]), moved_px=float(options["moved_px"])
    )


def write_shown(
    path: str | Path,
    chosen: list[Chosen],
    rows: list[list[Pictures]],
    matched: list[Any],
    *,
    label_names: list[str],
    source: str,
) -> None:
    """Write the pictures atomically as HDF5: a group a unit, in order (`000`, ...).

    A group holds `pictures` uint8 (point, step, S, S, 3), `labels` uint8 (point, step, size, size), `change` float64
    (point); of the first point `original` uint8 (S, S, 3), `aligned` uint8 (S, S, 3), `inside` bool (S, S), `flow`
    float32 (S, S, 2), `affine` float64 (2, 3); attributes unit, label, metric, classes, reason, motion (its values).
    """
    with atomic_path(path) as part, h5py.File(part, "w") as store:
        store.attrs["masks"], store.attrs["label_names"] = source, json.dumps(label_names)
        for number, (each, own, motion) in enumerate(zip(chosen, rows, matched, strict=True)):
            if not own:
                logger.warning("unit %d: label %s is at none of the starting points looked at", each.unit, each.label)
                continue
            group = store.create_group(f"{number:03d}")
            group.attrs.update({"unit": each.unit, "label": each.label, "metric": each.metric})
            group.attrs["classes"] = json.dumps([pictures.class_name for pictures in own])
            for name in ("steps", "labels", "change"):
                values = np.array([getattr(pictures, name) for pictures in own])
                group.create_dataset("pictures" if name == "steps" else name, data=values, **_packed(values))
            original, measured = motion
            group.attrs["reason"] = measured.reason
            group.attrs["motion"] = json.dumps([measured.values[name] for name in MOTIONS]).replace("NaN", "null")
            arrays = {"original": original, "aligned": measured.aligned, "inside": measured.inside}
            arrays |= {"flow": measured.flow, "affine": measured.affine}
            for name, values in arrays.items():
                group.create_dataset(name, data=values, **_packed(values))


def _packed(values: Array) -> dict[str, Any]:
    return {"compression": "gzip", "compression_opts": 4} if values.ndim > 2 else {}


class Shown(NamedTuple):
    """One unit of shown.h5, see `write_shown`."""

    unit: int
    label: str
    metric: str
    classes: list[str]
    reason: str
    motion: dict[str, float]
    arrays: dict[str, Array]
    label_names: list[str]


def read_shown(path: str | Path) -> Iterator[Shown]:
    """The units of shown.h5, one at a time."""
    with h5py.File(path, "r") as store:
        names = json.loads(store.attrs["label_names"])
        for key in sorted(store):
            group = store[key]
            values = [np.nan if each is None else float(each) for each in json.loads(group.attrs["motion"])]
            yield Shown(
                int(group.attrs["unit"]), str(group.attrs["label"]), str(group.attrs["metric"]),
                json.loads(group.attrs["classes"]), str(group.attrs["reason"]),
                dict(zip(MOTIONS, values, strict=True)), {name: group[name][:] for name in group}, names,
            )  # fmt: skip
