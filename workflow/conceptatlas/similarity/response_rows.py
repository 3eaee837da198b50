"""Rows of the table of responses, from what was answered and measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.similarity.fidelity import Replacements, Told, fidelity_numbers
from conceptatlas.similarity.response_tables import (
    ALL,
    NOTHING,
    RESPONSE_COLUMNS,
    RESPONSE_TYPES,
    TCAV,
    WITHOUT,
)
from conceptatlas.similarity.setting import Comparing
from conceptatlas.similarity.tcav import followed_classes, tcav_numbers
from conceptatlas.similarity.vectors_file import Vectors

Array = np.ndarray[Any, Any]


def fidelity_rows(
    told: Told, images: Array, replaced: Replacements, n_concepts: int, comparing: Comparing, same: dict[str, Any], *,
    min_class_images: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows all, nothing and, for every discovered concept, without.

    images : image_index of the images in `told`. same : columns that are the same in all rows.
    """
    base = _missing() | same | {"negative_kept": bool(replaced.basis.rectify and replaced.negative)}
    numbers = fidelity_numbers(told, images, comparing, min_class_images=min_class_images)
    of_concept = dict(zip((int(c) for c in replaced.left_out), numbers[2:], strict=True))
    rows = [base | {"kind": kind} | one for kind, one in zip((ALL, NOTHING), numbers[:2], strict=True)]
    for concept in range(n_concepts):
        absent = {"n_images": len(images), "reason": "no such concept, see discovered.parquet"}
        rows.append(base | {"kind": WITHOUT, "component": concept} | of_concept.get(concept, absent))
    return rows


def tcav_rows(
    vectors: Vectors, kept: Array, own: Array, comparing: Comparing, same: dict[str, Any], *,
    classes: list[str] | None, min_class_images: int, max_classes: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row a learned concept and class; one with a reason where no class has enough images.

    kept : (test image, ...), `Vectors.seen` of every test image. own : int64 (test image,), their classes. classes :
    names of the network's outputs, where known.
    """
    base = _missing() | same | {"kind": TCAV, "features": vectors.features}
    if not len(vectors.concepts):
        return []
    followed = followed_classes(own, min_class_images=min_class_images, max_classes=max_classes)
    if not followed:
        why = f"no class is predicted for at least {min_class_images} of the {len(own)} test images"
        return [base | {"n_images": len(own), "reason": why}]
    of_class = {number: np.flatnonzero(own == number) for number in followed}
    rows = []
    with threadpool_limits(1, user_api="blas"):  # rounding, and so a sign at 0, would depend on the threads
        for c in range(len(vectors.concepts)):
            found = _of_concept(vectors.slopes(kept, c), of_class, vectors, c, comparing, classes)
            rows += [base | one for one in found]
    _correct(rows)
    return rows


def _of_concept(
    slopes: Array, of_class: dict[int, Array], vectors: Vectors, concept: int, comparing: Comparing,
    classes: list[str] | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Numbers of one concept, a row a class. slopes : float64 (1 + random, test image)."""
    about = {
        "concept_index": vectors.concept_index[concept],
        "concept": vectors.concepts[concept],
        "category": vectors.categories[concept],
    }
    for number, at in of_class.items():
        named = {"class_index": number, "class_name": classes[number] if classes else ""}
        numbers: dict[str, Any] = {"n_images": len(at), "reason": "its CAV has length 0"}
        if vectors.cav[concept].any():
            numbers = tcav_numbers(slopes[:, at], vectors.test_images[at], comparing)
        yield about | named | numbers


def _correct(rows: list[dict[str, Any]]) -> None:
    """Add q of the layer to its rows."""
    for p, q in (("p", "q"), ("derivative_p", "derivative_q")):
        values = np.array([row[p] for row in rows], dtype=np.float64)
        for row, corrected in zip(rows, benjamini_hochberg(values), strict=True):
            row[q] = float(corrected)
    n_tests = sum(not np.isnan(row["p"]) for row in rows)
    for row in rows:
        row["n_tests"] = n_tests


def _missing() -> dict[str, Any]:
    """Every column without a value."""
    empty = {"str": "", "Int64": None, "boolean": None}
    return {column.name: empty.get(RESPONSE_TYPES.get(column.name, ""), float("nan")) for column in RESPONSE_COLUMNS}
