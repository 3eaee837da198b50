"""Rows of {model}_sfss.parquet from the concepts of a pair."""

from __future__ import annotations

from typing import Any

from conceptatlas.similarity.profile_files import ConceptProfiles
from conceptatlas.similarity.sfss_pairs import PairSfss


def concept_rows(
    two_layers: dict[str, Any], pair: PairSfss, first: ConceptProfiles, *, correlation: str
) -> list[dict[str, Any]]:
    """A row of SFSS_COLUMNS for every concept of a pair.

    two_layers : dataset, model_a, layer_a, depth_a, model_b, layer_b, depth_b. first : profiles of the first layer.
    """
    return [
        two_layers
        | {name: value for name, value in one._asdict().items() if name != "row_a"}
        | {"concept": first.concepts[one.row_a], "category": first.categories[one.row_a], "correlation": correlation}
        for one in pair.concepts
    ]
