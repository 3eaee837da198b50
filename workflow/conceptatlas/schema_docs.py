"""The tables of config/README.md, written from the schemas so that they cannot go stale.

    python -m conceptatlas.schema_docs workflow/schemas config/README.md

replaces what stands between the markers ``<!-- config -->`` ... ``<!-- end -->`` (and likewise for every sheet).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conceptatlas.files import atomic_path
from conceptatlas.validation import Schema, read_schema

NAMES = ("config", "datasets", "models", "layers", "bases", "perturbations", "encoders", "vocabularies")


def schema_table(schema: Schema, *, heading: str) -> str:
    """A Markdown table of the keys of a schema: name, values, default, description."""
    lines = [f"| {heading} | values | default | |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in _rows(schema, prefix="")]
    return "\n".join(lines)


def _rows(schema: Schema, *, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    required = set(schema.get("required", []))
    for key, part in schema["properties"].items():
        name = f"{prefix}{key}"
        if "properties" in part:
            yield f"**`{name}`**", "section", "", part["description"]
            yield from _rows(part, prefix=f"{name}.")
            continue
        yield f"`{name}`", _values(part), "required" if key in required else _default(part), part["description"]


def _values(part: Schema) -> str:
    if "enum" in part:
        return ", ".join(f"`{value}`" if value != "" else "empty" for value in part["enum"])
    kinds: list[str] = part["type"] if isinstance(part["type"], list) else [part["type"]]
    words = {
        "integer": "whole number",
        "array": "list",
        "null": "`null`",
        "boolean": "`true`, `false`",
        "object": "mapping",
    }
    names = [words.get(kind, kind) for kind in kinds if not (kind == "string" and len(kinds) > 1)]
    if "string" in kinds and len(kinds) > 1:
        names.append("empty")
    if "string" in kinds and len(kinds) == 1:
        names = ["name" if str(part.get("pattern", "")).startswith("^[A-Za-z0-9][") else "text"]
    if isinstance(part.get("items"), dict) and "enum" in part["items"]:
        names = ["list of " + _values(part["items"])]
    return " or ".join(str(name) for name in names) + _limits(part)


def _limits(part: Schema) -> str:
    signs = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
    limits = [f"{sign} {part[key]}" for key, sign in signs if key in part]
    return " " + ", ".join(limits) if limits else ""


def _default(part: Schema) -> str:
    value: Any = part.get("default", "")
    if value == "":
        return "empty"
    if value is None:
        return "`null`"
    if isinstance(value, list):
        return "`[" + ", ".join(str(item) for item in value) + "]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def with_tables(text: str, *, schemas: str | Path) -> str:
    """The text of the README with every table between its markers written anew.

    Raises
    ------
    ValueError
        if a marker is missing.
    """
    for name in NAMES:
        heading = "key" if name == "config" else "column"
        table = schema_table(read_schema(schemas, name), heading=heading)
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not start or not end:
            raise ValueError(
                f"no place for the table of {name}: <!-- {name} --> and <!-- end --> must stand in the text"
            )
        text = f"{before}{start}{table}\n{end}{after}"
    return text


def main(arguments: list[str]) -> None:
    """Rewrite the README named second with the schemas in the folder named first."""
    schemas, readme = Path(arguments[0]), Path(arguments[1])
    text = with_tables(readme.read_text(encoding="utf-8"), schemas=schemas)
    with atomic_path(readme) as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
