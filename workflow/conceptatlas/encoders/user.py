"""Encoder source `user`: a function of your own, `module:function` or `path/to/file.py:function`.

The function is called with those of the keyword arguments ``weights`` (path or None) and ``device`` that it accepts,
and with the options of the row as texts. It returns an object with `dim` (whole number), a method
`encode_images(pictures uint8 (image, height, width, 3)) -> (image, dim)` and, where the encoder has a text side,
`encode_texts(list of str) -> (text, dim)`. Rows are brought to length 1 afterwards.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.encoders.encoder import Sides
from conceptatlas.encoders.rows import name_of, options_of
from conceptatlas.files import file_sha256, text_digest
from conceptatlas.naming import unknown
from conceptatlas.plugins import find_callable
from conceptatlas.sheets import Row


def load(row: Row, device: str) -> Sides:
    """Load an encoder from the user's function (see `encoders.loaded.load_encoder` for the row and the errors)."""
    where = f"encoder {name_of(row)!r}"
    architecture = str(row.get("architecture", "") or "")
    function = find_callable(architecture, where=where)
    weights = str(row.get("weights", "") or "")
    if weights and not Path(weights).exists():
        raise ValueError(f"{where}: weights {weights} do not exist (relative to where the workflow runs)")
    offered: dict[str, Any] = {"weights": weights or None, "device": device}
    parameters = inspect.signature(function).parameters.values()
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    accepted = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    options = options_of(row)
    for key in options:
        if key in offered:
            raise ValueError(f"{where}: option {key!r} is not for the sheet: the workflow sets it")
        if not takes_any and key not in accepted:
            raise unknown("option", key, sorted(accepted - set(offered)), where=f"{where}, {architecture}")
    given = {key: value for key, value in offered.items() if takes_any or key in accepted}
    made = function(**given, **options)
    for part in ("dim", "encode_images"):
        if not hasattr(made, part):
            raise ValueError(f"{where}: {architecture} returned a {type(made).__name__} without `{part}`")
    texts = getattr(made, "encode_texts", None)
    code = inspect.getsourcefile(inspect.unwrap(function)) or ""
    digest = text_digest(
        file_sha256(code) if code else architecture,
        _content(weights),
        *(f"{key}={_content(value)}" for key, value in sorted(options.items())),
        str(getattr(made, "digest", "")),
    )
    return Sides(
        dim=int(made.dim),
        digest=digest,
        images=made.encode_images,
        texts=None if texts is None else lambda given: np.asarray(texts(list(given))),
        about={"preprocessing": str(getattr(made, "preprocessing", "the user's own"))},
    )


def _content(named: str) -> str:
    """The digest of a file instead of its place, which may change."""
    return file_sha256(named) if "/" in named and Path(named).is_file() else named
