"""Where generators come from: the names of the sources, and the one function that loads a row of generators.tsv.

A source is one file in this folder with a function ``load(row, device=...) -> Generator`` and one line in `SOURCES`.
Nothing here imports torch, so rules can use it while Snakemake parses.
"""

from __future__ import annotations

from typing import Any

from conceptatlas.naming import unknown

SOURCES: dict[str, str] = {
    "demo": "conceptatlas.generators.demo:load",
    "stylegan_xl": "conceptatlas.generators.stylegan_xl:load",
    "user": "conceptatlas.generators.user:load",
}
"""Column `source` of generators.tsv -> ``module:function``."""


def source_entry(source: str) -> str:
    """The ``module:function`` of a source; an unknown one raises ValueError with the nearest names."""
    if source not in SOURCES:
        raise unknown("generator source", source, SOURCES)
    return SOURCES[source]


def source_module(row: dict[str, Any]) -> str:
    """The module that loads a row: what `provenance.code_digest` follows besides this index."""
    return source_entry(str(row.get("source", ""))).partition(":")[0]
