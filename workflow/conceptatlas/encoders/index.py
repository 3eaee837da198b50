"""Where image-text encoders come from: the names of the sources, and the modules that load them.

A source is one file in this folder with a function ``load(row, device) -> Sides`` and one line in `SOURCES`. Nothing
here imports torch, so rules can use it while Snakemake parses.
"""

from __future__ import annotations

from typing import Any

from conceptatlas.naming import unknown

SOURCES: dict[str, str] = {
    "demo": "conceptatlas.encoders.demo:load",
    "open_clip": "conceptatlas.encoders.open_clip_models:load",
    "user": "conceptatlas.encoders.user:load",
}
"""Column `source` of encoders.tsv -> ``module:function``."""


def source_entry(source: str) -> str:
    """The ``module:function`` of a source; an unknown one raises ValueError with the nearest names."""
    if source not in SOURCES:
        raise unknown("encoder source", source, SOURCES)
    return SOURCES[source]


def source_module(row: dict[str, Any]) -> str:
    """The module that loads a row: what `provenance.code_digest` follows besides the loader."""
    return source_entry(str(row.get("source", ""))).partition(":")[0]
