"""Model source `demo`: the small classifiers of the demo scenes, with shipped, random or shuffled weights."""

from __future__ import annotations

from typing import Any

from conceptatlas.datasets.scenes.vocabulary import CLASSES
from conceptatlas.models.demo_nets import ARCHITECTURES, INPUT_SIZE, MEAN, STD, build
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.options import builder_options
from conceptatlas.models.rows import integer_cell, text_cell, triple_cell
from conceptatlas.models.weights import weighted
from conceptatlas.naming import unknown


def load(row: dict[str, Any]) -> LoadedModel:
    """Load a demo model (see `models.index.load_model` for the row and the errors)."""
    architecture, name = text_cell(row, "architecture"), text_cell(row, "model", "?")
    if architecture not in ARCHITECTURES:
        raise unknown("architecture", architecture, ARCHITECTURES, where=f"model {name!r} (source demo)")
    size = integer_cell(row, "input_size", INPUT_SIZE)
    if architecture == "transformer" and size != INPUT_SIZE:
        raise ValueError(f"model {name!r}: the demo transformer takes {INPUT_SIZE} pixels, the sheet says {size}")
    builder_options(row, known=())
    module, sha256 = weighted(row, lambda: build(architecture, len(CLASSES)))
    return LoadedModel(
        name=name,
        module=module,
        input_size=size,
        mean=triple_cell(row, "mean", MEAN),
        std=triple_cell(row, "std", STD),
        weights_sha256=sha256,
        classes=list(CLASSES),
        preprocessing={"normalisation": "sheet" if text_cell(row, "mean") or text_cell(row, "std") else "demo models"},
        source={
            "source": "demo",
            "architecture": architecture,
            "weights": text_cell(row, "weights"),
            "seed": integer_cell(row, "seed", 0),
        },
    )
