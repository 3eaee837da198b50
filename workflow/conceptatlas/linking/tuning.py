"""Tuning: a unit of r set to the least, middle and largest value it takes, all else fixed; what its pictures show.

Source: Wehrheim et al. 2024, Fig. 4 and `tune_units.py`: values linspace(min, max, 3) of the observed range, through
the link and the generator; the change is the last picture against the first. Pictures are measured as they come and
forgotten: what stays of three pictures is one row of changes. The classifier looks at every picture, so that the unit's
own answer to its own change is known (`cycle`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from conceptatlas.generators.generator import Generator
from conceptatlas.linking.classifier import Classifier
from conceptatlas.linking.labelling import Labeller, to_pictures
from conceptatlas.linking.link import Link
from conceptatlas.quantification.label_metrics import UserMetric, changes, measure_labels
from conceptatlas.quantification.matching import Matcher
from conceptatlas.quantification.metric_names import METRICS
from conceptatlas.quantification.motion import MOTIONS, REASONS, kind_of, measure_motion

Array = np.ndarray[Any, Any]

STEPS = 3
"""Values of a unit: least, middle, largest."""
ENDS = ("min", "max")
"""Pictures that are measured: those of the least and the largest value."""


@dataclass(frozen=True)
class Measuring:
    """How pictures are measured: options of the config section `linking.quantification`.

    labellers : source -> labeller. metrics : the user's own, name -> function. matcher : None for no motion.
    """

    labellers: dict[str, Labeller]
    metrics: dict[str, UserMetric] = field(default_factory=dict)
    matcher: Matcher | None = None
    size: int = 128
    min_area: int = 20
    entropy_radius: int = 5
    background: bool = False
    moved_px: float = 1.0

    @property
    def metric_names(self) -> list[str]:
        """Metrics along the last axis of every array of changes."""
        return [*METRICS, *self.metrics]


@dataclass
class Tuned:
    """What tuning some units from some starting points showed.

    changes : source -> float32 (point, unit, label, metric), see `label_metrics.changes`.
    motion : float32 (point, unit, end, motion), NaN where it was not asked for or the pictures could not be matched.
    unmatched : int64 (unit, end, reason), starting points where they could not, by `motion.REASONS`.
    own : float64 (point, unit, step), the unit's value in what the classifier makes of each picture.
    image_change : float32 (point, unit), mean distance of a colour value between the last picture and the first, 0..1.
    response, risen : float64 and int64 (unit, K): sum over the points of the change of every unit of the classifier
        from the first picture to the last, and at how many points it rose.
    """

    changes: dict[str, Array]
    motion: Array
    unmatched: Array
    own: Array
    image_change: Array
    response: Array
    risen: Array


def steps_of(link: Link, units: Array) -> Array:
    """Values of units: float32 (unit, step), evenly spaced over the range of the training pairs."""
    return np.linspace(link.r_min[units], link.r_max[units], STEPS, axis=-1).astype(np.float32)


def tune(
    generator: Generator,
    classifier: Classifier,
    link: Link,
    r: Array,
    units: Array,
    *,
    measuring: Measuring,
    with_motion: Sequence[bool],
    batch: int,
    pool: Executor | None = None,
) -> Tuned:
    """Tune units from starting points.

    Parameters
    ----------
    r : float32 (point, K), representations to start from. units : int64 (unit,).
    with_motion : a point, whether its pictures are also matched with the unperturbed one.
    batch : pictures that are generated at a time; the last pass is filled up, so no number depends on which units
        share a call.
    pool : threads that measure pictures while the next ones are generated (the kernels free the interpreter); None:
        one after the other.
    """
    result = _empty(len(r), units, link.n_units, measuring)
    values = steps_of(link, units)
    device = device_of(generator)
    each = max(1, batch // STEPS)
    for point, start in enumerate(r):
        waiting: list[Future[None]] = []
        original = unperturbed(generator, link, start) if with_motion[point] and measuring.matcher else None
        for first in range(0, len(units), each):
            span = slice(first, min(first + each, len(units)))
            rows = _perturbed(start, units[span], values[span], each)
            with torch.inference_mode():
                w = link.apply(torch.from_numpy(rows).to(device))
                images = generator.generate(w)
                seen = classifier.represent(images)[0]
            n = span.stop - span.start
            answers = seen[: n * STEPS].cpu().numpy().reshape(n, STEPS, -1).astype(np.float64)
            result.own[point, span] = np.take_along_axis(answers, units[span][:, None, None], axis=2)[..., 0]
            change = answers[:, -1] - answers[:, 0]
            result.response[span] += change
            result.risen[span] += change > 0
            ends, w_ends = _ends(images, n), _ends(w, n)
            apart = (ends[1::2] - ends[::2]).abs().mean(dim=(1, 2, 3))
            result.image_change[point, span] = apart.cpu().numpy()
            waiting += _label(result, point, span, w_ends, ends, measuring, pool)
            if original is not None:
                pictures = to_pictures(ends).reshape(n, len(ENDS), *original.shape)
                waiting += _run(pool, _move, result, point, span, original, pictures, measuring)
        for each_one in waiting:
            each_one.result()
    return result


def _ends(values: torch.Tensor, n: int) -> torch.Tensor:
    """First and last step of n units, one after the other: (batch, ...) -> (2 n, ...)."""
    steps = values[: n * STEPS].reshape(n, STEPS, *values.shape[1:])
    return steps[:, [0, STEPS - 1]].reshape(n * len(ENDS), *values.shape[1:])


def _run(pool: Executor | None, function: Callable[..., None], *args: Any) -> list[Future[None]]:
    """Call a function, or hand the call to a pool."""
    if pool is not None:
        return [pool.submit(function, *args)]
    function(*args)
    return []


def _empty(n: int, units: Array, n_units: int, measuring: Measuring) -> Tuned:
    k, n_metrics = len(units), len(measuring.metric_names)
    return Tuned(
        changes={
            source: np.full((n, k, len(labeller.names), n_metrics), np.nan, dtype=np.float32)
            for source, labeller in measuring.labellers.items()
        },
        motion=np.full((n, k, len(ENDS), len(MOTIONS)), np.nan, dtype=np.float32),
        unmatched=np.zeros((k, len(ENDS), len(REASONS)), dtype=np.int64),
        own=np.empty((n, k, STEPS)),
        image_change=np.empty((n, k), dtype=np.float32),
        response=np.zeros((k, n_units)),
        risen=np.zeros((k, n_units), dtype=np.int64),
    )


def device_of(generator: Generator) -> torch.device:
    """Where the generator computes: its attribute `device`, the CPU where it has none."""
    return torch.device(getattr(generator, "device", "cpu"))


def _perturbed(start: Array, units: Array, values: Array, each: int) -> Array:
    """The starting point with every unit at every step: float32 (each * step, K), filled up with the last row."""
    rows = np.repeat(start[None], each * STEPS, axis=0)
    for i, unit in enumerate(units):
        rows[i * STEPS : (i + 1) * STEPS, unit] = values[i]
    rows[len(units) * STEPS :] = rows[len(units) * STEPS - 1]
    return rows


def unperturbed(generator: Generator, link: Link, start: Array) -> Array:
    """The picture of a starting point (K,): uint8 (S, S, 3)."""
    with torch.inference_mode():
        images = generator.generate(link.apply(torch.from_numpy(start[None]).to(device_of(generator))))
    return to_pictures(images)[0]


def _label(
    result: Tuned, point: int, span: slice, w: Any, images: Any, measuring: Measuring, pool: Executor | None
) -> list[Future[None]]:
    """Label the pictures at both ends by every source and keep the changes."""
    pictures = to_pictures(images, size=measuring.size)
    waiting: list[Future[None]] = []
    for source, labeller in measuring.labellers.items():
        labels = labeller.label(w, pictures)
        out, n_labels = result.changes[source][point, span], len(labeller.names)
        waiting += _run(pool, _keep_changes, out, pictures, labels, n_labels, measuring)
    return waiting


def _keep_changes(out: Array, pictures: Array, labels: Array, n_labels: int, measuring: Measuring) -> None:
    values = measure(pictures, labels, n_labels, measuring)
    shaped = values.reshape(-1, len(ENDS), *values.shape[1:])
    out[...] = changes(shaped, metrics=measuring.metric_names, min_area=measuring.min_area)


def measure(pictures: Array, labels: Array, n_labels: int, measuring: Measuring) -> Array:
    """All metrics, the project's and the user's: float64 (n, label, metric)."""
    first = 0 if measuring.background else 1
    own = measure_labels(
        pictures, labels, n_labels=n_labels, min_area=measuring.min_area, entropy_radius=measuring.entropy_radius,
        first_label=first,
    )  # fmt: skip
    more = [metric(pictures, labels, n_labels) for metric in measuring.metrics.values()]
    if not more:
        return own
    values = np.concatenate([own, np.stack(more, axis=-1)], axis=-1)
    small = ~(own[..., 0] >= measuring.min_area)
    values[small, len(METRICS) :] = np.nan
    return values


def _move(result: Tuned, point: int, span: slice, original: Array, pictures: Array, measuring: Measuring) -> None:
    """Match the pictures (unit, end, S, S, 3) with the unperturbed one."""
    matcher = measuring.matcher
    if matcher is None:
        return
    for i in range(span.stop - span.start):
        for end in range(len(ENDS)):
            motion = measure_motion(original, pictures[i, end], matcher=matcher, moved_px=measuring.moved_px)
            if motion.reason:
                result.unmatched[span.start + i, end, kind_of(motion.reason)] += 1
            result.motion[point, span.start + i, end] = [motion.values[name] for name in MOTIONS]
