"""Fields and quantities of Kubernetes objects: what an API server with `fieldValidation=Strict` accepts.

The types are those of the models in the official client package `kubernetes`, which are generated from the API's own
description: unknown fields, wrong types and missing required fields are found without a list kept here.
"""

from __future__ import annotations

import re
from typing import Any

import kubernetes.client as models

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)")
_FACTORS = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18} | {
    prefix: 2.0 ** (10 * power) for power, prefix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)
}
_PRIMITIVE: dict[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "datetime": str,
    "object": object,
}


def quantity(text: object) -> float:
    """A resource quantity ("950m", "4000M", "1Gi") as a number.

    Raises
    ------
    ValueError
        for what is no quantity.
    """
    match = _QUANTITY.fullmatch(str(text))
    if match is None or match.group(2) not in _FACTORS:
        raise ValueError(f"quantities must match the regular expression: {text!r}")
    return float(match.group(1)) * _FACTORS[match.group(2)]


def field_errors(value: Any, type_name: str, where: str) -> list[str]:
    """What is wrong with a JSON value as an object of the API.

    type_name : as the generated models write it: "V1Job", "list[V1EnvVar]", "dict(str, str)", "int".
    where : path of the value, for the messages.
    """
    if value is None:
        return []
    inner = re.fullmatch(r"dict\(\w+, (.*)\)", type_name)
    if inner:
        if not isinstance(value, dict):
            return [f"{where}: expected object"]
        return [error for key, v in value.items() for error in field_errors(v, inner.group(1), f"{where}[{key}]")]
    inner = re.fullmatch(r"list\[(.*)\]", type_name)
    if inner:
        if not isinstance(value, list):
            return [f"{where}: expected array"]
        return [error for i, v in enumerate(value) for error in field_errors(v, inner.group(1), f"{where}[{i}]")]
    if type_name in _PRIMITIVE:
        wrong = not isinstance(value, _PRIMITIVE[type_name]) or (type_name == "int" and isinstance(value, bool))
        return [f"{where}: expected {type_name}, got {type(value).__name__}"] if wrong else []
    return _object_errors(value, getattr(models, type_name), where)


def _object_errors(value: Any, model: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: expected object {model.__name__}"]
    attributes = {field: attribute for attribute, field in model.attribute_map.items()}
    errors = []
    for field, content in value.items():
        if field in attributes:
            errors += field_errors(content, model.openapi_types[attributes[field]], f"{where}.{field}")
        else:
            errors.append(f'strict decoding error: unknown field "{where}.{field}"')
    try:  # the generated constructors know which fields are required
        model(**{attributes[field]: content for field, content in value.items() if field in attributes})
    except (ValueError, TypeError) as error:
        errors.append(f"{where}: {error}")
    return errors
