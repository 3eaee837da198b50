"""Tables of tuning from the arrays of all its parts: what units do to labels, how they move pictures, the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.linking.effects import Stability
from conceptatlas.linking.encoding import label_correlations, scaled, strongest, tsne_map, ward_clusters
from conceptatlas.linking.link import Link
from conceptatlas.linking.own_response import OwnResponse, specific, verdict
from conceptatlas.linking.tuned_file import TunedParts
from conceptatlas.linking.tuning import ENDS
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
from conceptatlas.quantification.metric_names import NOTICEABLE
from conceptatlas.quantification.motion import MOTIONS, REASONS
from conceptatlas.tables import Column

Array = np.ndarray[Any, Any]

ONE_LABEL = "fewer than two labels have a change"
NO_CHANGE = "nothing changes"
NUMBERS = ("mean", "low", "high", "sd", "n", "p")


def key_of(source: str) -> str:
    """A source of labels as the name of a group in the file."""
    return source.replace("/", "|")


def grid(axes: Mapping[str, Sequence[Any]], values: Mapping[str, Array]) -> pd.DataFrame:
    """One row a cell of arrays of one shape: axes (name -> its values, in order) as columns, names as categories.

    >>> grid({"a": ["x", "y"], "b": [1, 2]}, {"v": np.arange(4).reshape(2, 2)})["v"].tolist()
    [0, 1, 2, 3]
    """
    shape = tuple(len(each) for each in axes.values())
    columns: dict[str, Any] = {}
    for position, (name, given) in enumerate(axes.items()):
        codes = np.broadcast_to(
            np.arange(len(given)).reshape([-1 if i == position else 1 for i in range(len(shape))]), shape
        )
        words = bool(given) and isinstance(given[0], str)
        columns[name] = (
            pd.Categorical.from_codes(codes.ravel(), categories=pd.Index(list(given)))
            if words
            else np.asarray(given)[codes.ravel()]
        )
    return pd.DataFrame(columns | {name: each.ravel() for name, each in values.items()})


def finished(frame: pd.DataFrame, columns: list[Column], constants: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of a table in their order, those that are the same in every row added."""
    return frame.assign(**dict(constants))[[column.name for column in columns]]


def class_labels(parts: TunedParts) -> list[str]:
    """Names of the groups of starting points: empty for all, then the classes."""
    return ["", *parts.facts["class_names"]]


def effects_frame(parts: TunedParts, source: str, constants: Mapping[str, Any], *, first_label: int) -> pd.DataFrame:
    """A row a unit, class, label and metric with a mean change."""
    names = parts.facts["labels"][source][first_label:]
    values = {name: _effects(parts, source, name)[:, :, first_label:] for name in NUMBERS}
    axes = {
        "class": class_labels(parts), "unit": parts.units.tolist(), "label": names, "metric": parts.facts["metrics"],
    }  # fmt: skip
    frame = grid(axes, values)
    frame = frame[frame["n"] > 0].reset_index(drop=True)
    return finished(frame, EFFECTS, {"masks": source, **constants})


def _effects(parts: TunedParts, source: str, name: str) -> Array:
    return parts.read(f"labels/{key_of(source)}/effects/{name}")


def motion_frame(parts: TunedParts, constants: Mapping[str, Any]) -> pd.DataFrame:
    """A row a unit, class, end and motion; empty where no motion was measured."""
    columns = [column.name for column in MOTION]
    if not parts.has("motion/mean"):
        return pd.DataFrame({name: [] for name in columns})
    axes = {"class": class_labels(parts), "unit": parts.units.tolist(), "end": list(ENDS), "motion": list(MOTIONS)}
    values = {name: parts.read(f"motion/{name}") for name in NUMBERS}
    unmatched = parts.read("motion/unmatched")
    shape = values["mean"].shape
    values["n_unmatched"] = np.broadcast_to(unmatched.sum(axis=-1)[None, :, :, None], shape)
    most = np.where(unmatched.any(axis=-1), unmatched.argmax(axis=-1), len(REASONS))
    frame = grid(axes, values)
    frame["reason"] = np.array([*REASONS, ""], dtype=object)[np.broadcast_to(most[None, :, :, None], shape).ravel()]
    return finished(frame, MOTION, {"n_matched": parts.facts["n_matched"], **constants})


def units_frame(parts: TunedParts, source: str, constants: Mapping[str, Any], *, first_label: int) -> pd.DataFrame:
    """A row a unit, class and metric: sparsity, stability, the label that changes most."""
    names = parts.facts["labels"][source][first_label:]
    mean = _effects(parts, source, "mean")[:, :, first_label:]
    group = f"labels/{key_of(source)}"
    sparse = {name: parts.read(f"{group}/sparsity/{name}") for name in ("value", "null", "p", "n_labels")}
    values: dict[str, Array] = {
        "sparsity": sparse["value"],
        "null_sparsity": sparse["null"],
        "excess_sparsity": sparse["value"] - sparse["null"],
        "sparsity_p": sparse["p"],
        "n_labels": sparse["n_labels"],
    }
    for name in Stability._fields:
        suffix = "" if name == "value" else f"_{name}"
        values[f"stability{suffix}"] = parts.read(f"{group}/over_points/{name}")
        between = np.full(mean.shape[:2] + mean.shape[3:], np.nan, dtype=np.float32)
        between[:1] = parts.read(f"{group}/between_classes/{name}")
        values[f"class_stability{suffix}"] = between
    flat = np.moveaxis(mean, 2, -1).reshape(-1, len(names))
    at, change = strongest(flat)
    values["strongest_change"] = change.reshape(values["sparsity"].shape)
    axes = {"class": class_labels(parts), "unit": parts.units.tolist(), "metric": parts.facts["metrics"]}
    frame = grid(axes, values)
    frame["strongest_label"] = pd.Categorical.from_codes(at, categories=pd.Index(names)).astype(object)
    frame["strongest_label"] = frame["strongest_label"].fillna("")
    undefined = frame["sparsity"].isna()
    frame["reason"] = np.where(undefined, np.where(frame["n_labels"] < 2, ONE_LABEL, NO_CHANGE), "")
    return finished(frame, UNITS, {"masks": source, **constants})


def map_frames(
    parts: TunedParts, source: str, constants: Mapping[str, Any], *, options: Mapping[str, Any], first_label: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The map of all units, and their clusters with the mean change of every label and metric."""
    names, metrics = parts.facts["labels"][source][first_label:], parts.facts["metrics"]
    mean = _effects(parts, source, "mean")[0][:, first_label:]
    own = mean[..., metrics.index(options["metric"])]
    vectors = scaled(own)
    places = tsne_map(vectors, perplexity=float(options["perplexity"]), seed=int(constants["seed"]))
    clusters = ward_clusters(vectors, cut=float(options["cluster_cut"]))
    at, change = strongest(own)
    frame = pd.DataFrame(
        {
            "unit": parts.units,
            "x": places[:, 0],
            "y": places[:, 1],
            "strongest_label": [names[i] if i >= 0 else "" for i in at],
            "strongest_change": change,
            "cluster": clusters,
        }
    )
    told = {"masks": source, "metric": options["metric"], "perplexity": options["perplexity"]}
    told |= {"cluster_cut": options["cluster_cut"]}
    rows = []
    for cluster in np.unique(clusters):
        inside = mean[clusters == cluster]
        n = np.isfinite(inside).sum(axis=0)
        middle, half = mean_interval(inside, float(constants["confidence"]))
        cells = {"mean": middle, "low": middle - half, "high": middle + half, "n": n}
        each = grid({"label": names, "metric": metrics}, cells)
        rows.append(each[each["n"] > 0].assign(cluster=cluster, n_units=len(inside)))
    grouped = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=[c.name for c in CLUSTERS])
    return (
        finished(frame, MAP, {**constants, **told}),
        finished(
            grouped, CLUSTERS, {**constants, "masks": source, "cluster_metric": options["metric"], **told_cut(told)}
        ),
    )


def told_cut(told: Mapping[str, Any]) -> dict[str, Any]:
    """The height of the cut alone."""
    return {"cluster_cut": told["cluster_cut"]}


def mean_interval(values: Array, confidence: float) -> tuple[Array, Array]:
    """Mean over the first axis where defined, and half of Student's interval; NaN for fewer than two."""
    from scipy.stats import t as student

    there = np.isfinite(values)
    n = there.sum(axis=0)
    filled = np.where(there, values, 0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, filled.sum(axis=0) / n, np.nan)
        apart = np.where(there, values - mean, 0)
        sd = np.sqrt((apart * apart).sum(axis=0) / (n - 1))
        half = np.where(n > 1, student.ppf(0.5 + confidence / 2, np.maximum(n - 1, 1)) * sd / np.sqrt(n), np.nan)
    return mean, half


def pairs_frame(
    parts: TunedParts, source: str, constants: Mapping[str, Any], *, options: Mapping[str, Any], first_label: int
) -> pd.DataFrame:
    """A row a pair of labels and metric: how their changes correlate over units."""
    names, metrics = parts.facts["labels"][source][first_label:], parts.facts["metrics"]
    mean = _effects(parts, source, "mean")[0][:, first_label:]
    rows = []
    for position, metric in enumerate(metrics):
        found = label_correlations(
            mean[..., position], n_permutations=int(options["n_flips"]), n_draws=int(options["n_bootstrap"]),
            confidence=float(options["confidence"]), seed=int(constants["seed"]),
        )  # fmt: skip
        upper = np.triu_indices(len(names), k=1)
        rows.append(
            pd.DataFrame(
                {
                    "metric": metric,
                    "label_a": [names[i] for i in upper[0]],
                    "label_b": [names[i] for i in upper[1]],
                    **{name: found[name][upper] for name in ("r", "low", "high", "p", "null_high")},
                    "n_units": found["n"][upper],
                }
            )
        )
    frame = pd.concat(rows, ignore_index=True)
    return finished(frame[frame["n_units"] > 0], LABEL_PAIRS, {"masks": source, **constants})


def selective_frame(
    effects: pd.DataFrame, verdicts: Mapping[int, str], constants: Mapping[str, Any], *, n_selective: int
) -> pd.DataFrame:
    """The units that change one label most and little else, by label and metric.

    effects : rows of `effects_frame`. n_selective : units a label and metric.
    """
    frame = effects[effects["class"] == ""].copy()
    for name in ("class", "label", "metric"):
        frame[name] = frame[name].astype(str)
    size = frame["mean"].abs()
    total = size.groupby([frame["unit"], frame["metric"]]).transform("sum")
    frame["selectivity"] = np.where(total > 0, size / total.where(total > 0, 1), np.nan)
    by_cell = frame.groupby(["label", "metric"], sort=False)
    frame["q"] = by_cell["p"].transform(lambda p: benjamini_hochberg(p.to_numpy()))
    # first what is certain, by the limit of the interval that is nearer to 0; then by the mean alone
    certain = np.where(frame["low"] > 0, frame["low"], np.where(frame["high"] < 0, -frame["high"], 0.0))
    frame["_certain"] = -(np.nan_to_num(certain) * frame["selectivity"])
    frame["_order"] = -(size * frame["selectivity"])
    frame = frame[(frame["_order"] < 0) & (size >= frame["metric"].map(NOTICEABLE).fillna(0))]
    frame = frame.sort_values(["label", "metric", "_certain", "_order", "unit"], kind="stable")
    frame["rank"] = frame.groupby(["label", "metric"], sort=False).cumcount() + 1
    frame = frame[frame["rank"] <= n_selective]
    frame["verdict"] = [verdicts.get(int(unit), "") for unit in frame["unit"]]
    return finished(frame.reset_index(drop=True), SELECTIVE, constants)


def cycle_frame(parts: TunedParts, link: Link, constants: Mapping[str, Any]) -> pd.DataFrame:
    """A row a unit: the causal check; units with one value come last, with nothing but their verdict."""
    units, n = parts.units, int(parts.facts["n_points"])
    answers = [OwnResponse(*row) for row in parts.read("own").astype(np.float64)]
    reach = (link.r_max - link.r_min).astype(np.float64)
    found = specific(parts.read("response"), parts.read("risen"), units, link.r_std.astype(np.float64), n=n)
    shown = parts.read("image_change").astype(np.float64)
    smallest = 1 / max(len(units), 1)
    rows = []
    for i, unit in enumerate(units):
        answer = answers[i]
        rows.append(
            {
                "unit": int(unit), "least": float(link.r_min[unit]), "largest": float(link.r_max[unit]), "n": n,
                "share_right": answer.share_right, "share_low": answer.share_low, "share_high": answer.share_high,
                "null_share": found.null_share[i], "slope": answer.slope, "slope_low": answer.slope_low,
                "slope_high": answer.slope_high, "null_slope": found.null_response[i] / reach[unit],
                "share_monotonic": answer.share_monotonic, "p": found.p[i], "q": found.q[i],
                "rank": int(found.rank[i]), "moved_most": int(found.moved_most[i]), "image_change": shown[i],
                "verdict": verdict(
                    answer, reach=reach[unit], image_change=shown[i], p=found.p[i], smallest_p=smallest
                ),
            }
        )  # fmt: skip
    nothing = {"rank": 0, "moved_most": -1, "verdict": "constant"}
    for unit in parts.facts["constant"]:
        value = float(link.r_min[unit])
        rows.append({"unit": int(unit), "least": value, "largest": value, "n": 0} | nothing)
    frame = pd.DataFrame(rows, columns=[column.name for column in CYCLE])
    return finished(frame, CYCLE, {**constants, "n_tuned": len(units)})


def agreement_frame(
    parts: TunedParts,
    source: str,
    truth: str,
    constants: Mapping[str, Any],
    *,
    options: Mapping[str, Any],
) -> pd.DataFrame:
    """A row a label and metric: changes measured with labels of one source against those with true labels, over units.

    Labels are compared by name.
    """
    names, true_names = parts.facts["labels"][source], parts.facts["labels"][truth]
    judged, true = (_effects(parts, each, "mean")[0].astype(np.float64) for each in (source, truth))
    low, high = (_effects(parts, truth, each)[0] for each in ("low", "high"))
    rows = []
    for label in [name for name in names[1:] if name in true_names]:
        at, true_at = names.index(label), true_names.index(label)
        for position, metric in enumerate(parts.facts["metrics"]):
            x, y = true[:, true_at, position], judged[:, at, position]
            both = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
            if not len(both):
                continue
            x, y = x[both], y[both]
            certain = (low[both, true_at, position] > 0) | (high[both, true_at, position] < 0)
            two = label_correlations(
                np.stack([x, y], axis=1), n_permutations=0, n_draws=int(options["n_bootstrap"]),
                confidence=float(options["confidence"]), seed=int(constants["seed"]),
            )  # fmt: skip
            agree = np.sign(x[certain]) == np.sign(y[certain])
            rows.append(
                {
                    "label": label, "metric": metric, "n_units": len(both), "r": two["r"][0, 1],
                    "low": two["low"][0, 1], "high": two["high"][0, 1], "mean_error": np.abs(y - x).mean(),
                    "bias": (y - x).mean(), "spread": x.std(),
                    "share_same_sign": agree.mean() if certain.any() else np.nan, "n_certain": int(certain.sum()),
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=[column.name for column in AGREEMENT])
    return finished(frame, AGREEMENT, {**constants, "masks": source, "truth": truth})
