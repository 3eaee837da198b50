"""geometry.h5: what comparing two layers by their pooled features needs, so that a pair never reads activations.

    test_images  (image,) int64       image_index of the validation images, ascending
    batch        (image,) int32       fixed batch of each; one batch up to `max_images` images
    cka          (entry,) float32     U-centred Gram triangles of the batches (`hsic.gram_triangles`)
    rsa          (entry,) float32     ranked dissimilarities of the batches (`rsa.rank_triangles`)
    constant     (image,) bool        images whose features are equal in all units: no place in RSA
    features     (row, column) float32   coordinates for Procrustes and regression (`procrustes.coordinates`)
    feature_images (row,) int64       positions of their images among the test images
    fold         (row,) int8          fold of the regression

A measure that was not asked for leaves its arrays out. Attributes: dataset, model, layer, images_digest, measures,
n_units, ridge, seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.files import atomic_path

Array = np.ndarray[Any, Any]

MEASURES = ("cka", "rsa", "procrustes", "regression")
FEATURE_MEASURES = ("procrustes", "regression")


@dataclass(frozen=True)
class Geometry:
    """The geometry of a layer; see this module. Arrays of measures that were not asked for are empty."""

    path: str
    dataset: str
    model: str
    layer: str
    images_digest: str
    measures: tuple[str, ...]
    n_units: int
    ridge: float
    test_images: Array
    batch: Array
    cka: Array
    rsa: Array
    constant: Array
    features: Array
    feature_images: Array
    fold: Array

    @property
    def batches(self) -> list[Array]:
        """Positions of the images of every batch."""
        return batches_of(self.batch)


def batches_of(batch: Array) -> list[Array]:
    """Positions of the images of every batch. batch : (image,), numbers from 0."""
    return [np.flatnonzero(batch == number) for number in range(int(batch.max(initial=-1)) + 1)]


def write_geometry(path: str | Path, arrays: dict[str, Array], attributes: dict[str, Any]) -> None:
    """Write geometry.h5 atomically."""
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        for name, values in arrays.items():
            file[name] = values
        file.attrs.update(attributes)


def read_geometry(path: str | Path) -> Geometry:
    """Read geometry.h5.

    Raises
    ------
    ValueError
        for a file that does not open.
    """
    try:
        with h5py.File(path, "r") as file:
            arrays = {name: np.asarray(file[name][()]) for name in file}
            about = dict(file.attrs)
            return Geometry(
                path=str(path),
                dataset=str(about["dataset"]),
                model=str(about["model"]),
                layer=str(about["layer"]),
                images_digest=str(about["images_digest"]),
                measures=tuple(str(about["measures"]).split()),
                n_units=int(about["n_units"]),
                ridge=float(about["ridge"]),
                test_images=arrays["test_images"],
                batch=arrays["batch"],
                constant=arrays["constant"],
                cka=arrays.get("cka", np.zeros(0, dtype=np.float32)),
                rsa=arrays.get("rsa", np.zeros(0, dtype=np.float32)),
                features=arrays.get("features", np.zeros((0, 0), dtype=np.float32)),
                feature_images=arrays.get("feature_images", np.zeros(0, dtype=np.int64)),
                fold=arrays.get("fold", np.zeros(0, dtype=np.int8)),
            )
    except (OSError, KeyError) as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: no readable file of pooled features ({error}); delete it and run again") from None
