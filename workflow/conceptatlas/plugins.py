"""Code of the user's own, named in a cell: ``module:name`` or ``path/to/file.py:name``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conceptatlas.naming import unknown


def find_callable(named: str, *, where: str, kind: str = "function") -> Callable[..., Any]:
    """The function or class that a cell names.

    Parameters
    ----------
    named : str
        ``module:name`` (importable where the workflow runs) or ``path/to/file.py:name``.
    where : str
        Whose cell it is ("model 'mine'"), for errors.
    kind : str
        What is looked for ("function", "reader"), for errors.

    Raises
    ------
    ValueError
        for a cell of another form, a file that is not there, a module that cannot be imported, and a name it does not
        have (with near matches). What the user's own module raises while it is imported is passed on.
    """
    place, colon, name = named.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(f"{where}: {named!r}, expected `module:{kind}` or `path/to/file.py:{kind}`")
    module = _from_file(place, where=where) if place.endswith(".py") else _from_path(place, where=where, kind=kind)
    found = getattr(module, name, None)
    if not callable(found):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise unknown(kind, name, known, where=place)
    return found


def plugin_file(named: str) -> str:
    """The file that holds what a cell names, relative to where the workflow runs: content that params track.

    >>> plugin_file("my_package.nets:build"), plugin_file("nets.py:build")
    ('my_package/nets.py', 'nets.py')
    """
    place = named.rpartition(":")[0]
    return place if place.endswith(".py") else str(Path(*place.split(".")).with_suffix(".py")) if place else ""


def _from_file(place: str, *, where: str) -> Any:
    path = Path(place)
    if not path.is_file():
        raise ValueError(f"{where}: file {place} does not exist (relative to where the workflow runs)")
    # named by its content's place: two files called models.py must not be taken for each other
    key = f"conceptatlas_user_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{where}: file {place} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module  # dataclasses and pickles look their module up there
    spec.loader.exec_module(module)
    return module


def _from_path(place: str, *, where: str, kind: str) -> Any:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not (place == error.name or place.startswith(f"{error.name}.")):
            raise  # the user's module is there; what it imports is not
        raise ValueError(
            f"{where}: module {place!r} cannot be imported ({error}); install it, or give the path of a "
            f"file as `path/to/file.py:{kind}`"
        ) from None
