"""The one function that loads a row of encoders.tsv, and what is done around every source: batches, checks, lengths."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from conceptatlas.encoders.encoder import Array, Encoder, Sides, unit_rows
from conceptatlas.encoders.index import source_entry
from conceptatlas.naming import check_name
from conceptatlas.sheets import Row


def load_encoder(row: Row, *, device: str, batch: int) -> LoadedEncoder:
    """Load the encoder of a row of encoders.tsv.

    Parameters
    ----------
    row : cells (encoder, source, architecture, weights, options, trust_pickle), environment variables filled in.
    device : "cpu" or "cuda:N".
    batch : pictures or sentences at a time.

    Raises
    ------
    ValueError
        for an unknown source or architecture (with near matches), missing or unfit weights, missing or unknown options.
    """
    name = check_name(str(row.get("encoder", "")), kind="encoder")
    module, _, function = source_entry(str(row.get("source", ""))).partition(":")
    sides: Sides = getattr(importlib.import_module(module), function)(row, device)
    return LoadedEncoder(name, sides, batch=batch)


class LoadedEncoder(Encoder):
    """An encoder over the functions of its source: in batches, checked, with rows of length 1."""

    def __init__(self, name: str, sides: Sides, *, batch: int) -> None:
        if batch < 1:
            raise ValueError(f"encoder {name!r}: batch must be at least 1, got {batch}")
        self.name = name
        self.dim = int(sides.dim)
        self.digest = sides.digest
        self.about: dict[str, Any] = dict(sides.about)
        self.has_texts = sides.texts is not None
        self._sides = sides
        self._batch = batch

    def encode_images(self, pictures: Array) -> Array:
        """See `Encoder.encode_images`."""
        pictures = np.asarray(pictures)
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
            raise ValueError(
                f"encoder {self.name!r}: pictures must be uint8 (image, height, width, 3), got {pictures.dtype} "
                f"{pictures.shape}"
            )
        return self._encoded(self._sides.images, pictures, "pictures")

    def encode_texts(self, texts: Sequence[str]) -> Array:
        """See `Encoder.encode_texts`."""
        if self._sides.texts is None:
            raise ValueError(
                f"encoder {self.name!r} has no text side: bring precomputed text vectors as a vocabulary (column "
                "`vectors` of vocabularies.tsv)"
            )
        return self._encoded(self._sides.texts, [str(text) for text in texts], "texts")

    def _encoded(self, function: Any, items: Any, what: str) -> Array:
        where = f"encoder {self.name!r}, {what}"
        vectors = np.empty((len(items), self.dim), dtype=np.float32)
        for begin in range(0, len(items), self._batch):
            given = items[begin : begin + self._batch]
            n = len(given)
            found = np.asarray(function(_filled(given, self._batch)))
            if found.shape != (self._batch, self.dim):
                raise ValueError(f"{where}: expected vectors {(self._batch, self.dim)}, got shape {found.shape}")
            vectors[begin : begin + n] = unit_rows(found[:n], where=where)
        return vectors


def _filled(items: Any, batch: int) -> Any:
    """The last batch filled up with its last item: every batch is computed alike, so no vector depends on its size."""
    missing = batch - len(items)
    if not missing:
        return items
    if isinstance(items, np.ndarray):
        return np.concatenate([items, np.repeat(items[-1:], missing, axis=0)])
    return [*items, *([items[-1]] * missing)]
