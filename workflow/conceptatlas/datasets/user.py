"""Format `user`: a reader of your own, named by the option ``reader=module:name`` or ``reader=path/to/file.py:name``.

What the name stands for is called with path, annotations, n_images, frame_size and seed of the row, as far as it
accepts them, and with all further options as text; it returns a `reader.Reader`. docs/datasets.md has an example.
"""

from __future__ import annotations

import inspect
from typing import Any

from conceptatlas.datasets.reader import Reader
from conceptatlas.naming import unknown
from conceptatlas.plugins import find_callable

_FIELDS = ("path", "annotations", "n_images", "frame_size", "seed")


def open_reader(*, reader: str = "", **cells: Any) -> Reader:
    """The user's reader.

    Raises
    ------
    ValueError
        if it cannot be found, does not know an option, or is no `reader.Reader`.
    """
    if not reader:
        raise ValueError("format user: the option reader=module:name says where the reader is")
    function = find_callable(reader, where="format user", kind="reader")
    parameters = inspect.signature(function).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        for key in cells:
            if key not in parameters and key not in _FIELDS:
                raise unknown("option", key, [name for name in parameters if name not in _FIELDS], where=reader)
        cells = {key: value for key, value in cells.items() if key in parameters}
    opened = function(**cells)
    if not isinstance(opened, Reader):
        raise ValueError(f"{reader} returned a {type(opened).__name__}, expected a conceptatlas.datasets.reader.Reader")
    return opened
