"""The job of a part of the tuning: its units from all starting points, over Dask or on one device."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conceptatlas.devices import lease_device
from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import Classifier, load_classifier
from conceptatlas.linking.effects import (
    draws,
    effects,
    flips,
    sparsity,
    stability_between_classes,
    stability_over_points,
)
from conceptatlas.linking.labelling import make_labellers
from conceptatlas.linking.link import Link, read_link
from conceptatlas.linking.own_response import OwnResponse, own_response
from conceptatlas.linking.pair_file import Pairs
from conceptatlas.linking.tuned_file import write_part
from conceptatlas.linking.tuning import Measuring, Tuned, tune
from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.naming import shard_bounds
from conceptatlas.parallel import parallel_each
from conceptatlas.progress import progress
from conceptatlas.quantification.label_metrics import user_metrics
from conceptatlas.quantification.matching import find_matcher
from conceptatlas.quantification.metric_names import ANGLE
from conceptatlas.quantification.motion import MOTIONS, SIGNED

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

POINTS_PER_TASK = 2
"""Starting points that a task tunes its units from: the same for any number of workers, as sums are rounded in turn."""


@dataclass(frozen=True)
class Setting:
    """What a task needs to load everything itself: small and picklable.

    generator, model : expanded rows. link, head : files. options : config section `linking.quantification`.
    """

    generator: dict[str, Any]
    model: dict[str, Any]
    link: str
    head: str | None
    pairs: tuple[str, ...]
    options: dict[str, Any]
    batch: int
    tf32: bool
    device: str = "cpu"


@dataclass(frozen=True)
class Task:
    """Starting points (positions among the held-out pairs), whether each is also matched, and the units."""

    points: tuple[int, ...]
    with_motion: tuple[bool, ...]
    units: tuple[int, ...]


def choose_points(classes: Array, *, n_seeds: int, n_motion: int) -> tuple[Array, Array]:
    """Starting points: the first `n_seeds` held-out pairs of every class, class after class; the first `n_motion` of
    each are also matched with their unperturbed picture.

    Returns
    -------
    points : int64, positions among the held-out pairs. with_motion : bool.
    """
    points, matched = [], []
    for each in np.unique(classes):
        own = np.flatnonzero(classes == each)[:n_seeds]
        points.append(own)
        matched.append(np.arange(len(own)) < n_motion)
    return np.concatenate(points), np.concatenate(matched)


def asked_units(link: Link, asked: Sequence[int] | None) -> Array:
    """Units to tune: those asked for, or all.

    Raises
    ------
    ValueError
        for a unit that the classifier does not have.
    """
    if asked is None:
        return np.arange(link.n_units)
    wrong = [unit for unit in asked if not 0 <= unit < link.n_units]
    if wrong:
        raise ValueError(f"linking.tuning.units: {wrong[0]}; the classifier has units 0 to {link.n_units - 1}")
    return np.array(sorted(set(asked)), dtype=np.int64)


def tune_units(
    *,
    generator: dict[str, Any],
    model: dict[str, Any],
    part: int,
    n_parts: int,
    pairs: Sequence[str | Path],
    link: str | Path,
    head: str | Path | None,
    options: Mapping[str, Any],
    quantification: Mapping[str, Any],
    seed: int,
    batch: int,
    threads: int,
    mem_mb: int,
    device: str,
    tf32: bool,
    tuned: str | Path,
    manifest: str | Path,
) -> None:
    """Tune one part of the units and write their statistics.

    Parameters
    ----------
    generator, model : expanded rows of generators.tsv and models.tsv.
    part, n_parts : which part of the units.
    pairs : files of the pairs. link : link.h5. head : head.h5, where labels come from a head.
    options : config section `linking.tuning`. quantification : `linking.quantification`.
    batch : pictures that are generated at a time.

    Raises
    ------
    ValueError
        for a unit that is not there, labels that the generator cannot give (see `labelling`), and no held-out pair.
    """
    fitted = read_link(link)
    held_out = Pairs(pairs, test=True)
    if not held_out.n:
        raise ValueError(f"tuning of {generator['generator']} and {model['model']}: no held-out pair to start from")
    matched = quantification["motion"]["n_seeds"]
    points, with_motion = choose_points(held_out.classes, n_seeds=int(options["n_seeds"]), n_motion=int(matched))
    everything = asked_units(fitted, options["units"])
    units = everything[slice(*shard_bounds(len(everything), n_parts, part))]
    moving = units[fitted.r_max[units] > fitted.r_min[units]]
    with lease_device(device) as leased:
        setting = Setting(
            generator, model, str(link), None if head is None else str(head), tuple(map(str, pairs)),
            dict(quantification), batch, tf32, str(leased),
        )  # fmt: skip
        result, names = run(setting, points, with_motion, moving, threads=threads, mem_mb=mem_mb)
    classes = held_out.classes[points]
    arrays = statistics(result, classes, names["metrics"], link=fitted, units=moving, options=options, seed=seed)
    if not options["keep_seeds"]:
        arrays = {name: values for name, values in arrays.items() if not name.endswith("/changes")}
    present = [int(each) for each in np.unique(classes)]
    write_part(
        tuned,
        manifest,
        arrays,
        {
            "generator": str(generator["generator"]),
            "model": str(model["model"]),
            "units": moving.tolist(),
            "constant": _constant(fitted, everything),
            "n_points": len(points),
            "points": points.tolist(),
            "point_seeds": held_out.seeds[points].tolist(),
            "point_classes": classes.tolist(),
            "classes": present,
            "class_names": [held_out.class_names[each] if each >= 0 else "" for each in present],
            "n_matched": int(with_motion.sum()),
            "labels": names["labels"],
            "metrics": names["metrics"],
            "device": str(leased).partition(":")[0],
            "torch": torch.__version__,
        },
    )


def _constant(link: Link, units: Array) -> list[int]:
    constant: list[int] = units[~(link.r_max[units] > link.r_min[units])].tolist()
    return constant


def run(
    setting: Setting, points: Array, with_motion: Array, units: Array, *, threads: int, mem_mb: int
) -> tuple[Tuned, dict[str, Any]]:
    """Tune units from all points, a few points a task; also the names of labels and metrics.

    On a CPU tasks go to Dask; on another device this process generates and threads measure.
    """
    tasks = [
        Task(
            tuple(int(point) for point in points[first : first + POINTS_PER_TASK]),
            tuple(bool(each) for each in with_motion[first : first + POINTS_PER_TASK]),
            tuple(int(unit) for unit in units),
        )
        for first in range(0, len(points), POINTS_PER_TASK)
    ]
    what = f"tuning {len(units)} units from {len(points)} starting points"
    _, measuring, _, _ = load(setting)
    names = {
        "labels": {source: labeller.names for source, labeller in measuring.labellers.items()},
        "metrics": measuring.metric_names,
    }
    found: list[Tuned | None] = [None] * len(tasks)
    if setting.device == "cpu":
        work = functools.partial(do_task, setting)
        for position, result in parallel_each(work, tasks, threads=threads, mem_mb=mem_mb, description=what):
            found[position] = result
    else:
        with ThreadPoolExecutor(max(1, threads - 1)) as pool:
            for position, task in enumerate(progress(tasks, description=what)):
                found[position] = do_task(setting, task, pool=pool)
    return joined([each for each in found if each is not None]), names


def do_task(setting: Setting, task: Task, *, pool: ThreadPoolExecutor | None = None) -> Tuned:
    """Tune the units of a task from its points."""
    made, measuring, classifier, link = load(setting)
    r = Pairs(setting.pairs, test=True).take(np.array(task.points, dtype=np.int64)).r
    with exact_arithmetic(tf32=setting.tf32):
        return tune(
            made, classifier, link, r, np.array(task.units, dtype=np.int64), measuring=measuring,
            with_motion=task.with_motion, batch=setting.batch, pool=pool,
        )  # fmt: skip


_LOADED: dict[str, tuple[Any, Measuring, Classifier, Link]] = {}
"""What this process has loaded last: workers do several tasks of one setting."""


def load(setting: Setting) -> tuple[Any, Measuring, Classifier, Link]:
    """Generator, measuring, classifier and link of a setting, once a process."""
    key = repr(setting)
    if key not in _LOADED:
        _LOADED.clear()
        made = load_generator(setting.generator, device=setting.device)
        classifier = load_classifier(setting.model, device=setting.device)
        options = setting.options
        measuring = Measuring(
            make_labellers(list(options["masks"]), made, head=setting.head, size=int(options["size"])),
            user_metrics(options["metrics"]),
            find_matcher(options["motion"]["matcher"]) if options["motion"]["n_seeds"] else None,
            size=int(options["size"]),
            min_area=int(options["min_area"]),
            entropy_radius=int(options["entropy_radius"]),
            background=bool(options["background"]),
            moved_px=float(options["motion"]["moved_px"]),
        )
        _LOADED[key] = made, measuring, classifier, read_link(setting.link)
    return _LOADED[key]


def joined(parts: Sequence[Tuned]) -> Tuned:
    """Results of several tasks over the same units, one after the other; sums are added in this order."""
    return Tuned(
        changes={source: np.concatenate([part.changes[source] for part in parts]) for source in parts[0].changes},
        motion=np.concatenate([part.motion for part in parts]),
        unmatched=sum((part.unmatched for part in parts[1:]), parts[0].unmatched),
        own=np.concatenate([part.own for part in parts]),
        image_change=np.concatenate([part.image_change for part in parts]),
        response=sum((part.response for part in parts[1:]), parts[0].response),
        risen=sum((part.risen for part in parts[1:]), parts[0].risen),
    )


def statistics(
    result: Tuned,
    classes: Array,
    metrics: list[str],
    *,
    link: Link,
    units: Array,
    options: Mapping[str, Any],
    seed: int,
) -> dict[str, Array]:
    """Everything that is kept of some units, by name in the file (see `tuned_file`)."""
    n, confidence = len(classes), float(options["confidence"])
    signs = flips(n, int(options["n_flips"]), seed=seed)
    weights = draws(classes, int(options["n_bootstrap"]), seed=seed)
    axial = np.array([name == ANGLE for name in metrics])
    arrays: dict[str, Array] = {}
    for source, changes in result.changes.items():
        found: dict[str, Any] = {
            "effects": effects(changes, classes, axial=axial, signs=signs, confidence=confidence),
            "sparsity": sparsity(changes, classes, axial=axial, signs=signs),
            "over_points": stability_over_points(changes, classes, weights, confidence=confidence),
            "between_classes": stability_between_classes(changes, classes, weights, axial=axial, confidence=confidence),
        }
        for kind, values in found.items():
            arrays |= {f"labels/{key_of(source)}/{kind}/{name}": each for name, each in values._asdict().items()}
        arrays[f"labels/{key_of(source)}/changes"] = changes
    if np.isfinite(result.motion).any() or result.unmatched.any():
        moved = effects(
            result.motion, classes, axial=np.zeros(len(MOTIONS), dtype=bool), signs=signs, confidence=confidence
        )
        unsigned = [name not in SIGNED for name in MOTIONS]
        moved.p[..., unsigned] = np.nan  # lengths have no sign to flip
        arrays |= {f"motion/{name}": each for name, each in moved._asdict().items()}
        arrays["motion/unmatched"] = result.unmatched
    reach = link.r_max[units].astype(np.float64) - link.r_min[units]
    own = [own_response(result.own[:, i], float(reach[i]), confidence=confidence) for i in range(len(units))]
    arrays["own"] = np.array(own, dtype=np.float64).reshape(len(units), len(OwnResponse._fields))
    arrays["response"], arrays["risen"] = result.response, result.risen
    arrays["image_change"] = result.image_change.mean(axis=0)
    return arrays


def key_of(source: str) -> str:
    """A source of labels as the name of a group in the file."""
    return source.replace("/", "|")
