"""What figures of Net2Vec read besides tables: weight vectors and example pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.masks.bitmask import unpack
from conceptatlas.tables import read_table

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ConceptExamples:
    """Pictures of ``segmentation_examples.h5``; one row a picture.

    rows : DataFrame of kind, concept_index (-1 for top images), unit (-1 for combinations), rank, image_index, iou; its
    index is the row of the arrays. pictures : uint8 (row, P, P, 3). masks : bool (row, P, P), predicted.
    labels : bool (row, P, P), the concept.
    """

    rows: pd.DataFrame
    pictures: Array
    masks: Array
    labels: Array

    def of(self, kind: str, *, concept: int | None = None, unit: int | None = None) -> pd.DataFrame:
        """Rows of a kind, of a concept or a unit where given, in order of rank."""
        take = self.rows["kind"] == kind
        if concept is not None:
            take &= self.rows["concept_index"] == concept
        if unit is not None:
            take &= self.rows["unit"] == unit
        return self.rows[take].sort_values("rank", kind="stable")


def read_concept_examples(path: str | Path) -> ConceptExamples:
    """Read the examples that the segmentation of a layer left."""
    with h5py.File(path, "r") as file:
        size = int(file.attrs["picture_size"])
        kinds = [name.decode() if isinstance(name, bytes) else str(name) for name in file["kind"][()]]
        numbers = {name: file[name][()] for name in ("concept_index", "unit", "rank", "image_index", "iou")}
        return ConceptExamples(
            rows=pd.DataFrame({"kind": pd.Series(kinds, dtype=object)} | numbers),
            pictures=file["pictures"][()],
            masks=unpack(file["masks"][()], height=size, width=size),
            labels=unpack(file["labels"][()], height=size, width=size),
        )


def read_shown_vectors(path: str | Path, concepts: list[int]) -> dict[int, tuple[Array, Array]]:
    """Weights of the reported initialisation and IoU of every unit on validation images, for some concepts.

    Returns
    -------
    dict
        concept_index -> (weights float64 (unit,), single_val float64 (unit,)); concepts the file lacks are left out.
    """
    with h5py.File(path, "r") as file:
        row_of = {int(concept): row for row, concept in enumerate(file["concept_index"][()])}
        return {
            concept: (
                file["weights"][row_of[concept], 0].astype(np.float64),
                file["single_val"][row_of[concept]].astype(np.float64),
            )
            for concept in concepts
            if concept in row_of
        }


def read_validation_images(path: str | Path, concepts: list[int]) -> pd.DataFrame:
    """Rows of ``segmentation_images.parquet`` of validation images, for some concepts."""
    columns = ["concept_index", "image_index", "split", "single_iou", "single_fires", "combination_iou"]
    columns += ["combination_pixels"]
    table = read_table(path, columns=columns)
    wanted = table["concept_index"].isin(concepts) & (table["split"] == "val")
    return table[wanted].reset_index(drop=True)
