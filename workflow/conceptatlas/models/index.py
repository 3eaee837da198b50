"""Where models come from: the names of the sources, and the one function that loads a row of models.tsv.

A source is one file in this folder with a function ``load(row) -> LoadedModel`` and one line in `SOURCES`; the contract
tests pick it up. Nothing here imports torch, so rules can use it while Snakemake parses.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conceptatlas.models.rows import needs_calibration
from conceptatlas.naming import check_name, unknown

if TYPE_CHECKING:
    from conceptatlas.models.loaded import LoadedModel

SOURCES: dict[str, str] = {
    "demo": "conceptatlas.models.demo:load",
    "timm": "conceptatlas.models.timm_models:load",
    "torchvision": "conceptatlas.models.torchvision_models:load",
    "user": "conceptatlas.models.user:load",
}
"""Column `source` of models.tsv -> ``module:function``."""


def source_entry(source: str) -> str:
    """The ``module:function`` of a source; an unknown one raises ValueError with the nearest names."""
    if source not in SOURCES:
        raise unknown("model source", source, SOURCES)
    return SOURCES[source]


def source_module(row: dict[str, Any]) -> str:
    """The module that loads a row: what `provenance.code_digest` follows besides this index."""
    return source_entry(str(row.get("source", ""))).partition(":")[0]


def load_model(row: dict[str, Any], *, calibration: str | Path | None = None) -> LoadedModel:
    """Load the model of a row of models.tsv: evaluation mode, no gradients, on the CPU.

    Parameters
    ----------
    row : cells of models.tsv (model, source, architecture, weights, seed, input_size, mean, std, weights_sha256);
        empty or missing cells take the source's default.
    calibration : file of re-estimated batch-norm statistics (see `models.calibration`), for random and shuffled twins
        only.

    Raises
    ------
    ValueError
        for an unknown source or architecture (with near matches), missing or unfit weights, a digest that differs, or
        a calibration of a trained model.
    """
    check_name(str(row.get("model", "")), kind="model")
    module, _, function = source_entry(str(row.get("source", ""))).partition(":")
    model: LoadedModel = getattr(importlib.import_module(module), function)(row)
    if calibration is not None:
        if not needs_calibration(row):
            raise ValueError(
                f"model {model.name!r} has trained weights {row.get('weights', '')!r}: its batch-norm statistics are "
                "its own; calibration is for `random` and `shuffled:` weights"
            )
        from conceptatlas.models.calibration_file import apply_calibration

        apply_calibration(model, calibration)
    return model
