"""The job that selects: features' highly activating images, groups of features, and each group's lowly activating ones.

Pooled features in, three tables out; no network runs.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.falcon.grouping import Group, choose_groups, common_groups, identical_groups
from conceptatlas.falcon.low_images import low_images
from conceptatlas.falcon.representation import Representation, read_representation
from conceptatlas.falcon.selected_tables import FEATURE_COLUMNS, GROUP_COLUMNS, MEMBER_COLUMNS, TYPES
from conceptatlas.falcon.selection import High, high_images
from conceptatlas.naming import unknown
from conceptatlas.progress import progress
from conceptatlas.tables import write_table
from conceptatlas.typed_tables import frame_of

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
NUMBER_OF_RULE = {"mean_sd": "sds", "quantile": "quantile", "top_n": "top_n"}
WAYS = ("common", "identical")


def select_features(
    *,
    dataset: str,
    model: str,
    layer: str,
    statistics: str | Path,
    index: str | Path,
    features: str | Path,
    groups: str | Path,
    members: str | Path,
    selection: dict[str, Any],
    grouping: dict[str, Any],
    low: dict[str, Any],
) -> None:
    """Write features.parquet, groups.parquet and members.parquet of a layer.

    Parameters
    ----------
    statistics : of the layer (`mean_pooled`). index : index.parquet.
    selection, grouping, low : config sections `falcon.selection`, `falcon.groups`, `falcon.low`.

    Raises
    ------
    ValueError
        for files of different images, or options out of range.
    """
    of = read_representation(statistics, index)
    rule = str(selection["rule"])
    high = high_images(of.h, **selection, valid=of.valid)
    found = find_groups(high, by=grouping["by"], min_images=grouping["min_images"], max_size=grouping["max_size"])
    kept = choose_groups(found, max_groups=grouping["max_groups"], max_singles=grouping["max_singles"])
    logger.info("%s %s: %d features, %d groups qualify, %d kept", model, layer, of.h.shape[1], len(found), len(kept))
    place = {"dataset": dataset, "model": model, "layer": layer}
    same = {"rule": rule, "rule_value": selection[NUMBER_OF_RULE[rule]]}
    n_found = Counter(len(group.features) for group in found)
    group_rows, member_rows = [], []
    for group in progress(kept, description="groups of features"):
        own, rows = rows_of_group(group, of, low)
        group_rows.append(
            place | own | same
            | {"grouped_by": grouping["by"], "min_images": grouping["min_images"],
               "n_found": n_found[own["n_features"]]}
        )  # fmt: skip
        member_rows += [place | row for row in rows]
    singles = {group.features[0] for group in kept if len(group.features) == 1}
    qualify = {group.features[0] for group in found if len(group.features) == 1}
    means = of.h[of.valid].mean(axis=0)
    feature_rows = [
        place | same
        | {"feature": k, "alpha": high.alpha[k], "n_high": int(high.sets[:, k].sum()), "mean": means[k],
           "n_images": int(of.valid.sum()), "qualifies": k in qualify, "has_group": k in singles}
        for k in range(of.h.shape[1])
    ]  # fmt: skip
    write_table(features, frame_of(feature_rows, FEATURE_COLUMNS, TYPES), columns=FEATURE_COLUMNS)
    write_table(groups, frame_of(group_rows, GROUP_COLUMNS, TYPES), columns=GROUP_COLUMNS)
    write_table(members, frame_of(member_rows, MEMBER_COLUMNS, TYPES), columns=MEMBER_COLUMNS)


def find_groups(high: High, *, by: str, min_images: int, max_size: int) -> list[Group]:
    """The groups of features that more than `min_images` images activate highly.

    by : `common` (all singles, pairs and triples up to `max_size` with enough common images) or `identical` (images
    with the same set of high features; `max_size` does not apply).
    """
    if by == "common":
        return common_groups(high.sets, min_images=min_images, max_size=max_size)
    if by == "identical":
        return identical_groups(high.sets, min_images=min_images)
    raise unknown("way to group", by, WAYS, where="falcon.groups.by")


def rows_of_group(group: Group, of: Representation, low: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of a group and those of its images, high and low."""
    value = of.h[group.images][:, list(group.features)].mean(axis=1, dtype=np.float64)
    order = np.argsort(-value, kind="stable")
    counter = low_images(of.h, group.features, group.images, valid=of.valid, **low)
    rows = [
        {"group": group.name, "kind": kind, "rank": rank, "image_index": int(image), "image_id": of.ids[image],
         "value": float(number)}
        for kind, images, numbers in (
            ("high", group.images[order], value[order]), ("low", counter.images, counter.likeness)
        )
        for rank, (image, number) in enumerate(zip(images, numbers, strict=True), start=1)
    ]  # fmt: skip
    about = {
        "group": group.name, "n_features": len(group.features), "n_high": len(group.images),
        "n_low": len(counter.images), "n_low_found": counter.n_found, "epsilon": counter.epsilon, "beta": low["beta"],
    }  # fmt: skip
    return about, rows
