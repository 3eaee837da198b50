"""Whether two runs of a study made the same: files, arrays, tables, digests; not times and machines."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

RECORDS = {"logs", "benchmarks"}
"""Folders that tell how a run went."""
TOLD = {"run_record.json", "preflight.json"}
"""Files that tell when and where."""


def differences(one: Path, other: Path) -> list[str]:
    """Names of result files that only one of two studies has, or whose content differs.

    Pictures are compared byte by byte, HDF5 files by their arrays, Parquet by values and types, manifests by the
    digests they hold.
    """
    names = {folder: set(files(folder)) for folder in (one, other)}
    found = [f"only in one: {name}" for name in sorted(names[one] ^ names[other])]
    for name in sorted(names[one] & names[other]):
        if Path(name).name not in TOLD and not same(one / name, other / name):
            found.append(f"differs: {name}")
    return found


def files(folder: Path) -> list[str]:
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in paths if path.parts[0] not in RECORDS and not path.name.startswith(".snakemake")]


def same(one: Path, other: Path) -> bool:
    if one.suffix == ".h5":
        return same_arrays(one, other)
    if one.suffix == ".parquet":
        a, b = pd.read_parquet(one), pd.read_parquet(other)
        return list(a.dtypes) == list(b.dtypes) and a.equals(b)
    if one.suffix == ".json":
        return digests(json.loads(one.read_text())) == digests(json.loads(other.read_text()))
    return one.read_bytes() == other.read_bytes()


def same_arrays(one: Path, other: Path) -> bool:
    with h5py.File(one, "r") as a, h5py.File(other, "r") as b:
        names = [sorted_names(file) for file in (a, b)]
        if names[0] != names[1]:
            return False
        pairs = [(a[name], b[name]) for name in names[0]]
        return all(
            x.dtype == y.dtype and x.shape == y.shape and x[()].tobytes() == y[()].tobytes()
            if x.dtype != object
            else np.array_equal(x[()], y[()])
            for x, y in pairs
        )


def sorted_names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return sorted(names)


def digests(manifest: object) -> list[tuple[str, str]]:
    """Every entry of a manifest whose key speaks of a digest, with its place."""
    found: list[tuple[str, str]] = []

    def walk(item: object, place: str) -> None:
        if isinstance(item, dict):
            for key, value in item.items():
                walk(value, f"{place}/{key}")
        elif isinstance(item, list):
            for number, value in enumerate(item):
                walk(value, f"{place}/{number}")
        elif "digest" in place or "sha256" in place:
            found.append((place, str(item)))

    walk(manifest, "")
    return sorted(found)
