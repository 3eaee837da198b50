"""Model source `torchvision`: classifiers, segmenters and detectors by name, with registered weights, a file, or none.

Registered weights are downloaded by torchvision on first use; everything else works offline.
"""

from __future__ import annotations

from typing import Any

import torchvision

from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.rows import integer_cell, options_cell, text_cell, triple_cell
from conceptatlas.models.torchvision_classifiers import Classifiers
from conceptatlas.models.torchvision_detectors import Detectors
from conceptatlas.models.torchvision_registry import registry_entry, registry_file
from conceptatlas.models.torchvision_segmenters import Segmenters
from conceptatlas.models.weights import weighted
from conceptatlas.naming import unknown

FAMILIES = (Classifiers, Segmenters, Detectors)


def load(row: dict[str, Any]) -> LoadedModel:
    """Load a network of torchvision (see `models.index.load_model` for the row and the errors)."""
    architecture, name = text_cell(row, "architecture"), text_cell(row, "model", "?")
    homes = {known: family for family in FAMILIES for known in family.architectures()}
    if architecture not in homes:
        raise unknown("architecture", architecture, homes, where=f"model {name!r} (source torchvision)")
    entry = registry_entry(row, architecture)
    family = homes[architecture](row, architecture, entry)
    module, sha256 = weighted(
        row,
        family.build,
        registry=lambda weights: registry_file(architecture, weights, model=name),
        fit=family.fit,
        convert=family.convert,
    )
    picture = family.picture(module)
    stated = bool(text_cell(row, "mean") or text_cell(row, "std"))
    return LoadedModel(
        name=name,
        module=module,
        input_size=integer_cell(row, "input_size", picture.input_size),
        mean=triple_cell(row, "mean", picture.mean),
        std=triple_cell(row, "std", picture.std),
        weights_sha256=sha256,
        classes=family.classes(),
        preprocessing={"normalisation": "sheet" if stated else picture.origin},
        outside=family.outside(module),
        source={
            "source": "torchvision",
            "architecture": architecture,
            "weights": text_cell(row, "weights"),
            "registered_as": str(entry) if entry is not None else "",
            "seed": integer_cell(row, "seed", 0),
            "options": options_cell(row),
            "torchvision": torchvision.__version__,
        },
    )
