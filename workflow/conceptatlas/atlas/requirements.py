"""The safety-case pack: what was required, what was measured, whether it holds, and what changed since another study.

A requirement holds where the whole interval of its number lies on the required side of the threshold, fails where the
whole interval lies on the other, and is undetermined where the interval straddles it or the number is not defined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from conceptatlas.atlas.encoding import rows_of, script_table, write_script
from conceptatlas.naming import unknown
from conceptatlas.study_requirements import METRICS, SCOPES
from conceptatlas.tables import Column, read_table, write_table

COLUMNS = [
    Column("requirement", "name of the requirement in the config"),
    Column("metric", "what is required; defined in `definition`"),
    Column("definition", "what the metric measures"),
    Column("dataset", "data set"),
    Column("model", "model"),
    Column("layer", "layer"),
    Column("category", "category of concepts the number is over; empty: all"),
    Column("concept", "concept the number is of; empty where it is of none"),
    Column("level", "perturbation the images had; empty: none"),
    Column("comparison", "at_least or at_most"),
    Column("threshold", "the number required"),
    Column("value", "the number measured"),
    Column("low", "lower end of its interval"),
    Column("high", "upper end of its interval"),
    Column(
        "verdict", "pass: the whole interval is on the required side; fail: on the other; undetermined: it straddles"
    ),
    Column("reason", "why a verdict is undetermined"),
    Column("table", "Parquet file the number stands in, relative to the study's folder"),
    Column("row", "its row there, from 0"),
    Column("page", "address of its row in the atlas, behind index.html"),
    Column("verdict_before", "verdict of the same requirement in the study compared with; empty: not there"),
    Column("value_before", "the number measured there"),
    Column("change", "same, better, worse (of the verdict), new (not required before), gone (no longer required)"),
]
PLACE = ("requirement", "dataset", "model", "layer", "category", "concept", "level")
ORDER = {"fail": 0, "undetermined": 1, "pass": 2}


def verdict(low: float, high: float, *, comparison: str, threshold: float) -> str:
    """pass, fail or undetermined.

    >>> verdict(0.4, 0.6, comparison="at_least", threshold=0.3), verdict(0.4, 0.6, comparison="at_least", threshold=0.5)
    ('pass', 'undetermined')
    """
    if math.isnan(low) or math.isnan(high):
        return "undetermined"
    if comparison == "at_most":
        low, high, threshold = -high, -low, -threshold
    return "pass" if low >= threshold else "fail" if high < threshold else "undetermined"


def check_requirements(
    out: str | Path,
    *,
    root: str | Path,
    requirements: Sequence[Mapping[str, Any]],
    files: Sequence[Sequence[Mapping[str, str]]],
    tau: str,
    before: str | Path | None = None,
) -> None:
    """Write ``requirements.parquet``: a row a requirement and place.

    root : folder of the study. files : for every requirement `study_requirements.required_files`. tau : of the study.
    before : the same table of another study, to say what changed.

    Raises
    ------
    ValueError
        for a concept that no table holds, with the nearest; for a requirement that no row answers.
    """
    rows = [
        row
        for requirement, tables in zip(requirements, files, strict=True)
        for row in _rows(Path(root), requirement, tables, tau)
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in COLUMNS[:-3]])
    frame = _compared(frame, None if before is None else read_table(before))
    write_table(out, frame, columns=COLUMNS)


def _rows(
    root: Path, requirement: Mapping[str, Any], tables: Sequence[Mapping[str, str]], tau: str
) -> list[dict[str, Any]]:
    metric = METRICS[requirement["metric"]]
    comparison = "at_least" if "at_least" in requirement else "at_most"
    found, concepts = [], set()
    for table in tables:
        for row in rows_of(read_table(root / table["path"])):
            concepts.add(str(row.get("concept", "")))
            if not _wanted(row, requirement, metric.where, metric.scope, tau):
                continue
            value, low, high = (_number(row[name]) for name in (metric.value, metric.low, metric.high))
            said = verdict(low, high, comparison=comparison, threshold=float(requirement[comparison]))
            reason = ""
            if said == "undetermined":
                reason = "the interval straddles the threshold"
                if math.isnan(value):
                    reason = str(row.get("reason") or "the number is not defined here")
                elif math.isnan(low) or math.isnan(high):
                    reason = "the number has no interval here"
            found.append(
                {
                    "requirement": requirement["name"],
                    "metric": requirement["metric"],
                    "definition": metric.definition,
                    **{name: str(row.get(name) or table.get(name, "")) for name in ("dataset", "model", "layer")},
                    **{name: str(row[name]) if name in metric.scope else "" for name in SCOPES},
                    "comparison": comparison,
                    "threshold": float(requirement[comparison]),
                    "value": value,
                    "low": low,
                    "high": high,
                    "verdict": said,
                    "reason": reason,
                    "table": table["path"],
                    "row": int(row["row"]),
                    "page": f"#/table/{table['key']}?row={row['row']}",
                }
            )
    where = f"requirement {requirement['name']!r}"
    if "concept" in requirement and requirement["concept"] not in concepts:
        raise unknown("concept", requirement["concept"], sorted(concepts), where=where)
    if not found:
        raise ValueError(
            f"{where}: no row of {', '.join(table['path'] for table in tables)} answers it; check its scope"
        )
    return found


def _wanted(
    row: Mapping[str, Any], requirement: Mapping[str, Any], where: Mapping[str, str], scope: Sequence[str], tau: str
) -> bool:
    asked: dict[str, Any] = dict(where)
    asked |= {name: requirement[name] for name in ("model", "layer", "level", "concept") if name in requirement}
    if "category" in scope:
        asked["category"] = requirement.get("category", "")
    if "tau" in row and "quantity" in row:
        asked["tau"] = tau
    return all(name not in row or str(row[name]) == str(value) for name, value in asked.items())


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _compared(frame: pd.DataFrame, before: pd.DataFrame | None) -> pd.DataFrame:
    """Add what the same requirements were in another study; rows it alone has come last."""
    if before is None:
        return frame.assign(verdict_before="", value_before=math.nan, change="")
    keys = list(PLACE)
    old = {tuple(row[name] for name in keys): row for row in rows_of(before) if row["change"] != "gone"}
    added: list[dict[str, Any]] = []
    for row in rows_of(frame):
        was = old.pop(tuple(row[name] for name in keys), None)
        if was is None:
            added.append({"verdict_before": "", "value_before": math.nan, "change": "new"})
            continue
        step = ORDER[row["verdict"]] - ORDER[was["verdict"]]
        change = "same" if step == 0 else "better" if step > 0 else "worse"
        added.append({"verdict_before": was["verdict"], "value_before": was["value"], "change": change})
    whole = pd.concat([frame, pd.DataFrame(added, columns=["verdict_before", "value_before", "change"])], axis=1)
    gone = [
        {name: row[name] for name in frame.columns}
        | {"verdict": "", "verdict_before": row["verdict"], "value_before": row["value"], "change": "gone"}
        | {"value": math.nan, "low": math.nan, "high": math.nan, "reason": "", "table": "", "row": -1, "page": ""}
        for row in old.values()
    ]
    return pd.concat([whole, pd.DataFrame(gone, columns=whole.columns)], ignore_index=True) if gone else whole


def write_requirements(home: Path, root: Path, path: str) -> None:
    """Write ``study/requirements`` of the atlas from the table at root/path."""
    write_script(home, "study/requirements", script_table(root / path, source=path))
