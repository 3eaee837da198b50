"""Where a similarity lies between its floor and its ceiling.

    position = (s - floor) / (ceiling - floor)

For a pair (a, b): floor = similarity of a to the layer of the same name in the random twin of a's model, ceiling = the
same in its other-seed twin, by the same measure on the same images. Every pair gives one position seen from each side
whose model has twins. It is undefined where the interval of ceiling - floor holds 0; that interval is combined from
those of both (Zou & Donner 2008), which takes them as independent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.similarity.pair_tables import DIRECTED

KEY = ["measure", "threshold", "model_a", "layer_a", "model_b", "layer_b"]
ROLES = ("floor", "ceiling")


def both_ways(pairs: pd.DataFrame) -> pd.DataFrame:
    """Every pair of different layers seen from both sides; directed measures change their name with the side."""
    other = pairs.rename(columns={f"{name}_{side}": f"{name}_{turned}" for name in ("model", "layer", "depth")
                                  for side, turned in ("ab", "ba")})  # fmt: skip
    other = other.assign(measure=other["measure"].replace(DIRECTED))
    different = (pairs["model_a"] != pairs["model_b"]) | (pairs["layer_a"] != pairs["layer_b"])
    return pd.concat([pairs, other[different]], ignore_index=True)


def position_rows(pairs: pd.DataFrame, twins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Positions of all pairs whose first layer's model has a twin: rows of summary.parquet without the data set.

    pairs : rows of all tables of pairs. twins : model, twin_of, twin_role; the first of a role counts.
    """
    roles: dict[tuple[str, str], str] = {}
    for twin in twins:
        roles.setdefault((twin["twin_of"], twin["twin_role"]), twin["model"])
    seen = both_ways(pairs)
    seen = seen[seen["model_a"].isin([model for model, _ in roles])]
    if not len(seen):
        return []
    at_twin = {
        role: seen[[roles.get((model, role), "") == other for model, other in zip(seen["model_a"], seen["model_b"],
                                                                               strict=True)]]
        for role in ROLES
    }  # fmt: skip
    own = (seen["model_a"] == seen["model_b"]) & (seen["layer_a"] == seen["layer_b"])
    table = seen[~own]
    for role in ROLES:
        bounds = at_twin[role]
        bounds = bounds[bounds["layer_a"] == bounds["layer_b"]]
        bounds = bounds[[*KEY[:4], "value", "low", "high"]].rename(
            columns={"value": role, "low": f"{role}_low", "high": f"{role}_high"}
        )
        table = table.merge(bounds, on=KEY[:4], how="left")
        table = table[~_is_twin(table, roles, role)]
    return [_position(row, roles) for row in table.to_dict(orient="records")]


def difference_interval(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float]:
    """Interval of a - b from (value, low, high) of each, taken as independent.

    >>> [round(x, 3) for x in difference_interval((0.9, 0.8, 0.95), (0.1, 0.0, 0.3))]
    [0.576, 0.912]
    """
    (x, x_low, x_high), (y, y_low, y_high) = a, b
    low = x - y - np.hypot(x - x_low, y_high - y)
    high = x - y + np.hypot(x_high - x, y - y_low)
    return float(low), float(high)


def _is_twin(table: pd.DataFrame, roles: dict[tuple[str, str], str], role: str) -> Any:
    """Pairs that are the floor or the ceiling themselves."""
    twin = np.array([roles.get((model, role), "") for model in table["model_a"]], dtype=object)
    return (table["model_b"].to_numpy(dtype=object) == twin) & (table["layer_a"] == table["layer_b"]).to_numpy()


def _position(row: dict[Any, Any], roles: dict[tuple[str, str], str]) -> dict[str, Any]:
    """The row of a pair: its position, or why it has none."""
    floor, ceiling = float(row["floor"]), float(row["ceiling"])
    reason = ""
    missing = [role for role in ROLES if (row["model_a"], role) not in roles]
    if np.isnan(row["value"]):
        reason = row["reason"] or "the similarity is missing"
    elif missing:
        reason = f"{row['model_a']} has no {missing[0]} twin"
    elif np.isnan(floor) or np.isnan(ceiling):
        reason = f"no similarity to the {'floor' if np.isnan(floor) else 'ceiling'} twin's layer {row['layer_a']}"
    else:
        low, high = difference_interval(
            (ceiling, row["ceiling_low"], row["ceiling_high"]), (floor, row["floor_low"], row["floor_high"])
        )
        if np.isnan(low) or np.isnan(high):
            reason = "floor or ceiling has no interval"
        elif low <= 0 <= high:
            reason = f"the interval of ceiling - floor, {low:.3g} to {high:.3g}, holds 0"
    found = {name: row[name] for name in KEY} | {"fact": "position", "floor": floor, "ceiling": ceiling}
    if reason:
        return found | {"reason": reason, "n": 0, "n_total": 1}
    ends = [(float(row[name]) - floor) / (ceiling - floor) for name in ("value", "low", "high")]
    value, (low, high) = ends[0], sorted(ends[1:]) if not np.isnan(ends[1:]).any() else (np.nan, np.nan)
    return found | {"value": value, "low": low, "high": high, "n": 1, "n_total": 1}
