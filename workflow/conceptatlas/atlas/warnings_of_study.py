"""What a reader must know before believing a page: units that are dead, pairs that are undefined, images left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conceptatlas.tables import read_table

LARGEST_LOG = 1 << 20


def study_warnings(
    root: Path, plan: dict[str, Any], facts: list[dict[str, Any]], abouts: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """[{kind, text, link}], the same order in every run; link is the address of a page or ""."""
    return [
        {"kind": kind, "text": text, "link": link}
        for kind, text, link in (
            *_quarantined(abouts),
            *_units(facts),
            *_pairs(root, plan),
            *_across(root, plan),
            *_concepts(root, plan),
            *_failed(root),
        )
    ]


def _quarantined(abouts: dict[str, dict[str, Any]]) -> Iterable[tuple[str, str, str]]:
    for name, about in abouts.items():
        if about["n_quarantined"]:
            text = f"{name}: {about['n_quarantined']} of {about['n_images']} images could not be read and count nowhere"
            yield "quarantined images", text, f"#/dataset/{name}"


def _units(facts: list[dict[str, Any]]) -> Iterable[tuple[str, str, str]]:
    for model in facts:
        for layer in model["layers"]:
            place = f"{model['dataset']}/{model['model']}/{layer['layer']}"
            odd = {state: n for state, n in layer["states"].items() if n and state != "live"}
            if odd:
                counts = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in odd.items())
                yield "units without a label", f"{place}: {counts} of {layer['n_units']} units", f"#/layer/{place}"
            if layer.get("confounded"):
                text = f"{place}: {layer['confounded']} of {layer['detectors']} detectors may follow another concept"
                yield "confounded labels", text, f"#/layer/{place}"


def _pairs(root: Path, plan: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    for pair in plan["pairs"]:
        if "similarity" not in pair["files"]:
            continue
        table = read_table(root / pair["files"]["similarity"], columns=["layer_a", "measure", "value", "reason"])
        undefined = table[table["value"].isna()]
        for reason, rows in undefined.groupby("reason", sort=True):
            measures = ", ".join(dict.fromkeys(rows["measure"]))
            text = f"{pair['model']}: {len(rows)} of {len(table)} comparisons are undefined ({measures}): {reason}"
            yield "undefined pairs", text, f"#/compare/{pair['dataset']}"


def _across(root: Path, plan: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    for crossed in plan["across"]:
        table = read_table(root / crossed["files"]["across"], columns=["dataset_a", "dataset_b", "value", "reason"])
        undefined = table[table["value"].isna()]
        for (a, b, reason), rows in undefined.groupby(["dataset_a", "dataset_b", "reason"], sort=True):
            n = int(((table["dataset_a"] == a) & (table["dataset_b"] == b)).sum())
            text = f"{crossed['model']}: {len(rows)} of {n} comparisons of {a} with {b} are undefined: {reason}"
            yield "undefined pairs", text, f"#/across/{a}/{b}"


def _concepts(root: Path, plan: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    for pair in plan["pairs"]:
        for layer in pair["layers"]:
            if "segmentation" not in layer["files"]:
                continue
            table = read_table(root / layer["files"]["segmentation"], columns=["reason"])
            skipped = int((table["reason"].fillna("") != "").sum())
            if skipped:
                place = f"{pair['dataset']}/{pair['model']}/{layer['layer']}"
                text = f"{place}: Net2Vec learned no segmentation of {skipped} of {len(table)} concepts"
                yield "concepts not learned", text, f"#/table/models/{place}/segmentation"


def _failed(root: Path) -> Iterable[tuple[str, str, str]]:
    """Jobs whose last log ends in an error: the study was finished without them, or with results of an earlier run."""
    failed: dict[str, int] = {}
    for log in sorted((root / "logs").rglob("*.log")) if (root / "logs").is_dir() else []:
        if log.stat().st_size > LARGEST_LOG:
            continue
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(" ERROR " in line for line in lines) and not any(": done in " in line for line in lines[-3:]):
            rule = log.relative_to(root / "logs").parts[0].removesuffix(".log")
            failed[rule] = failed.get(rule, 0) + 1
    for rule, n in failed.items():
        yield "failed jobs", f"{rule}: the last log of {n} {'job' if n == 1 else 'jobs'} ends in an error", "#/record"
