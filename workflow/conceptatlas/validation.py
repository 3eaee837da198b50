"""Config and sheets against their JSON schemas, with messages for people and defaults filled in.

A misspelt key is the commonest mistake in a configuration and the most expensive one if it is ignored: every schema
says `additionalProperties: false`, and the message names the nearest key that exists.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from conceptatlas.naming import nearest
from conceptatlas.sheets import Row

Schema = dict[str, Any]
MAX_SHOWN = 8

_KINDS = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
_KINDS |= {"array": "a list", "object": "a section with keys", "null": "null"}


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file; one that does not parse raises ValueError with its name and line."""
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not valid YAML: {error}") from None


def read_schema(folder: str | Path, name: str) -> Schema:
    """The schema called `name` (config, datasets, models, layers, bases) in the folder of schemas."""
    schema: Schema = read_yaml(Path(folder) / f"{name}.schema.yaml")
    return schema


def with_defaults(content: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """A copy of `content` in the order of the schema, absent keys filled with their defaults at every depth."""
    filled: dict[str, Any] = {}
    for key, part in schema.get("properties", {}).items():
        if key in content:
            value = copy.deepcopy(content[key])
        elif "default" in part:
            value = copy.deepcopy(part["default"])
        else:
            continue
        if part.get("type") == "object" and isinstance(value, Mapping):
            value = with_defaults(value, part)
        filled[key] = value
    filled.update({key: value for key, value in content.items() if key not in filled})
    return filled


def typed_row(row: Row, schema: Schema) -> Row:
    """A row of text cells with numbers where the schema has numbers; empty cells become defaults.

    Text columns stay text: a model may be called ``18`` and a group ``007``.
    """
    typed: Row = {}
    for column, part in schema["properties"].items():
        cell = row.get(column, "")
        kinds = part.get("type", "string")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if cell == "":
            if "default" in part:
                typed[column] = part["default"]
            elif column in row:
                typed[column] = cell
            continue
        typed[column] = _number(cell, kinds)
    typed.update({column: cell for column, cell in row.items() if column not in typed and column})
    return typed


def _number(cell: Any, kinds: list[str]) -> Any:
    for kind, make in (("integer", int), ("number", float)):
        if kind in kinds and isinstance(cell, str):
            try:
                return make(cell)
            except ValueError:
                continue
    return cell


def check(content: Any, schema: Schema, *, where: str) -> None:
    """Raise ValueError listing what does not fit the schema, one line a mistake, each with its nearest match."""
    errors = sorted(Draft202012Validator(schema).iter_errors(content), key=lambda error: [str(p) for p in error.path])
    lines = [line for error in errors for line in _lines(error)]
    if lines:
        more = [f"... and {len(lines) - MAX_SHOWN} more"] if len(lines) > MAX_SHOWN else []
        raise ValueError("\n".join([f"{where}: {line}" for line in lines[:MAX_SHOWN]] + more))


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown word."""
    known = [str(name) for name in known]
    close = nearest(given, known)
    if close:
        return "; did you mean " + " or ".join(repr(name) for name in close) + "?"
    return f"; known: {', '.join(known)}" if known else ""


def _lines(error: ValidationError) -> list[str]:
    place = ".".join(str(part) for part in error.absolute_path)
    at = f"{place}: " if place else ""
    schema: Schema = dict(error.schema) if isinstance(error.schema, Mapping) else {}
    value, given = cast("Any", error.validator_value), cast("Any", error.instance)
    match error.validator:
        case "additionalProperties":
            known = list(schema.get("properties", {}))
            under = f" under {place!r}" if place else ""
            return [f"unknown key {key!r}{under}{did_you_mean(str(key), known)}" for key in given if key not in known]
        case "required":
            missing = [key for key in value if key not in given]
            return [f"{at}{key!r} is missing" for key in missing if repr(key) in error.message]
        case "enum":
            return [f"{at}{given!r} is none of the allowed values{did_you_mean(str(given), value)}"]
        case "type":
            kinds = value if isinstance(value, list) else [value]
            wanted = " or ".join(
                _KINDS.get(str(kind), str(kind)) for kind in kinds if not (kind == "string" and len(kinds) > 1)
            )
            return [f"{at}expected {wanted}, got {given!r}"]
        case "pattern":
            if schema["pattern"].startswith("^[A-Za-z0-9]["):
                return [f"{at}{given!r} cannot be a name: letters, digits, '.', '_', '-', first a letter or a digit"]
            return [f"{at}{given!r} is not of the form {schema['pattern']}"]
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            words = {"minimum": "at least", "maximum": "at most"}
            words |= {"exclusiveMinimum": "more than", "exclusiveMaximum": "less than"}
            return [f"{at}must be {words[str(error.validator)]} {value}, got {given!r}"]
        case "contains":
            return [f"{at}must hold {schema['contains'].get('const')!r}, got {given!r}"]
        case _:
            return [f"{at}{error.message}"]
