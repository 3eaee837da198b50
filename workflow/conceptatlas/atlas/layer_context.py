"""A layer as the sections of a unit's page see it: its results, opened when asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from conceptatlas.files import read_json
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class LayerContext:
    """Results of a layer.

    root : folder of the study. plan : the layer's part of `study_atlas.AtlasPlan.model`.
    """

    root: Path
    dataset: str
    model: str
    plan: dict[str, Any]

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return str(self.plan["layer"])

    def has(self, name: str) -> bool:
        """Whether the study asked for a result."""
        return name in self.plan["files"]

    def path(self, name: str) -> Path:
        """Path of a result."""
        return self.root / str(self.plan["files"][name])

    @functools.cached_property
    def _frames(self) -> dict[str, pd.DataFrame]:
        return {}

    def frame(self, name: str) -> pd.DataFrame:
        """A table, read once."""
        if name not in self._frames:
            self._frames[name] = read_table(self.path(name))
        return self._frames[name]

    def array(self, name: str, dataset: str) -> Array:
        """An array of an HDF5 file."""
        with h5py.File(self.path(name), "r") as file:
            values: Array = file[dataset][()]
        return values

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the layer's statistics."""
        content: dict[str, Any] = read_json(self.path("statistics_manifest"))
        return content

    @functools.cached_property
    def n_units(self) -> int:
        """Number of units."""
        return int(sum(self.manifest["states"].values()))


class Section(NamedTuple):
    """One part of a unit's page; its other half is ``assets/sections/{name}.js``.

    name : also of the JavaScript file. tables : result -> name of the table the page loads (Parquet results only).
    per_unit : the layer -> a JSON value a unit, or None where there is nothing to show; written in chunks of units.
    """

    name: str
    tables: dict[str, str]
    per_unit: Any = None
