"""Options of a model row on their way to the function that builds a network: unknown ones refused, others explained.

Builders of torchvision and timm pass what they do not know on to a class, which raises TypeError.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from torch import nn

from conceptatlas.models.rows import KEY_MAP, Option, options_cell
from conceptatlas.naming import unknown

Options = dict[str, Option]

_UNFIT = (TypeError, ValueError, RuntimeError, AssertionError, AttributeError, LookupError, ArithmeticError)


def builder_options(
    row: Mapping[str, Any], *, known: Iterable[str] | None = None, refused: Mapping[str, str] | None = None
) -> Options:
    """The options of a row that its network is built with (all but the key map).

    Parameters
    ----------
    row : of models.tsv.
    known : the keys there are; None: the builder decides (see `built`).
    refused : keys that the builder knows but the workflow sets itself -> why.

    Raises
    ------
    ValueError
        for an unknown key, with the nearest ones, and for a refused one, with the reason.
    """
    options = {key: value for key, value in options_cell(dict(row)).items() if key != KEY_MAP}
    for key in options:
        if key in (refused or {}):
            raise ValueError(f"{where(row)}: option {key!r} is not for the sheet: {(refused or {})[key]}")
        if known is not None and key not in known:
            raise unknown("option", key, [*known, KEY_MAP], where=where(row))
    return options


def built(
    make: Callable[..., nn.Module],
    options: Mapping[str, Any],
    *,
    row: Mapping[str, Any],
    also: Iterable[str] = (),
    but: Container[str] = (),
) -> nn.Module:
    """The network that `make` builds with the options of a row.

    make : called with the options as keyword arguments.
    also : keys that the builder itself takes, besides those of the network's class.
    but : keys of the class that are not for the sheet.

    Raises
    ------
    ValueError
        for an option that neither the builder nor the network's class has, with the nearest they have; for options with
        which the network cannot be built.
    """
    if not options:
        return make()
    try:
        return make(**options)
    except _UNFIT as error:
        said = str(error)
        stranger = next((key for key in options if repr(key) in said and "unexpected keyword argument" in said), None)
        if stranger is not None:
            known = [key for key in class_keys(make(), also) if key not in but]
            raise unknown("option", stranger, known, where=where(row)) from None
        shown = "; ".join(f"{key}={value}" for key, value in options.items())
        raise ValueError(f"{where(row)}: {shown} builds no network ({type(error).__name__}: {said})") from error


def class_keys(network: nn.Module, also: Iterable[str] = ()) -> list[str]:
    """The keyword arguments of a network's class, and the key map."""
    keys = [*also, KEY_MAP]
    for kind in type(network).__mro__:
        if kind is nn.Module:
            break
        own = inspect.signature(vars(kind)["__init__"]).parameters.values() if "__init__" in vars(kind) else ()
        keys += [p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"]
    return list(dict.fromkeys(keys))


def where(row: Mapping[str, Any]) -> str:
    """Whose options they are, for errors."""
    return f"the options of model {row.get('model', '?')!r} (source {row.get('source', '?')})"
