"""A part of the tuning on disk: the statistics of its units, arrays only; tables are made when all parts are joined.

Layout (HDF5), u units of the part, g groups (all starting points, then each class), one group a source of labels under
`labels/`: `effects/{mean,low,high,sd,n,p}` (g, u, label, metric), `sparsity/{value,null,p,n_labels}` (g, u, metric),
`over_points/{value,low,high}` (g, u, metric), `between_classes/{value,low,high}` (1, u, metric), and `changes` (point,
u, label, metric) where they are kept; `motion/{mean,...}` (g, u, end, motion) and `motion/unmatched` (u, end, reason);
`own` (u, statistic), `response`, `risen` (u, K), `image_change` (u). The manifest beside it has the digest of every
array.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.files import array_digest, atomic_path, check_digest, read_json, write_json

Array = np.ndarray[Any, Any]

UNIT_AXIS = {"effects": 1, "sparsity": 1, "over_points": 1, "between_classes": 1, "changes": 1, "motion": 1}
"""Axis of the units in the arrays of a group; 0 in all others."""


def write_part(path: str | Path, manifest: str | Path, arrays: dict[str, Array], facts: dict[str, Any]) -> None:
    """Write a part and its manifest.

    arrays : name (with / for groups) -> array. facts : what else the manifest says.
    """
    with atomic_path(path) as part, h5py.File(part, "w") as store:
        for name, values in arrays.items():
            store[name] = values.astype(np.float32) if values.dtype == np.float64 and not exact(name) else values
    with h5py.File(path, "r") as store:
        digests = {name: array_digest(np.asarray(store[name][:])) for name in arrays}
    write_json(manifest, facts | {"arrays": digests})


def exact(name: str) -> bool:
    """Whether an array stays in double precision: sums that are divided later."""
    return name == "response"


def unit_axis(name: str) -> int:
    """Which axis of an array counts the units."""
    if name == "motion/unmatched":
        return 0
    return next((axis for group, axis in UNIT_AXIS.items() if group in name.split("/")), 0)


class TunedParts:
    """All parts of a tuning, read array by array.

    facts : of the manifests, which agree but for the units. units : int64, of all parts in their order.
    """

    def __init__(self, files: Sequence[str | Path], manifests: Sequence[str | Path]) -> None:
        self.files = [Path(file) for file in files]
        told = [read_json(manifest) for manifest in manifests]
        own = ("units", "arrays", "n_units")
        self.facts: dict[str, Any] = {key: value for key, value in told[0].items() if key not in own}
        for path, facts in zip(manifests, told, strict=True):
            for key, value in self.facts.items():
                if facts.get(key) != value:
                    raise ValueError(f"{path}: {key} is {facts.get(key)!r}, that of {manifests[0]} is {value!r}")
        self._digests = [facts["arrays"] for facts in told]
        self._manifests = list(manifests)
        self.units = np.array([unit for facts in told for unit in facts["units"]], dtype=np.int64)

    def has(self, name: str) -> bool:
        """Whether the parts have an array."""
        return name in self._digests[0]

    def read(self, name: str) -> Array:
        """An array over the units of all parts; a damaged part is set aside and made again by the next run."""
        pieces = []
        for file, manifest, digests in zip(self.files, self._manifests, self._digests, strict=True):
            try:
                with h5py.File(file, "r") as store:
                    values = np.asarray(store[name][:])
            except (OSError, KeyError) as error:
                if not file.exists():
                    raise
                raise ValueError(f"{file}: no readable part ({error}); delete it and run again") from None
            check_digest(manifest, name=f"{file}: {name}", expected=digests[name], found=array_digest(values))
            pieces.append(values)
        joined: Array = np.concatenate(pieces, axis=unit_axis(name))
        return joined
