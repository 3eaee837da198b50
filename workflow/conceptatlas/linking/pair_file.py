"""Pairs on disk: w, r and what is known of each, one file a part, read in pieces of bounded size.

A file holds, per slot of the part, `w` float32 (slot, w_dim), `r` float32 (slot, K), `class` int64 (index into the
classifier's classes, attribute `classes`), `seed` int64, `tries` int64, `test` bool and `filled` bool; a slot that
found no picture of its class is not filled. The manifest beside it has the digest of every array.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xxhash

from conceptatlas.files import check_digest, read_json

Array = np.ndarray[Any, Any]

SMALL = ("class", "seed", "tries", "test", "filled")
ROWS = 4096
"""Pairs that are read at a time: at 2,048 units 32 MB."""


@dataclass(frozen=True)
class Block:
    """Some pairs: w float32 (n, w_dim), r float32 (n, K), classes, seeds int64 (n,)."""

    w: Array
    r: Array
    classes: Array
    seeds: Array


class Pairs:
    """The filled pairs of some parts, those to learn from or those held out.

    n : pairs. classes, seeds : int64 (n,), in the order of the parts. class_names : of the classifier.
    """

    def __init__(self, files: Sequence[str | Path], *, test: bool) -> None:
        self.files = [Path(file) for file in files]
        self.small: dict[str, Array] = {}
        parts: list[dict[str, Array]] = []
        self._rows: list[Array] = []
        for file in self.files:
            with _opened(file) as store:
                own = {name: store[name][:] for name in SMALL}
                self.w_dim, self.n_units = int(store["w"].shape[1]), int(store["r"].shape[1])
                self.class_names: list[str] = json.loads(store.attrs["classes"])
            rows = np.flatnonzero(own["filled"] & (own["test"] == test))
            self._rows.append(rows)
            parts.append({name: own[name][rows] for name in SMALL})
        self.small = {name: np.concatenate([part[name] for part in parts]) for name in SMALL}
        self.classes, self.seeds = self.small["class"], self.small["seed"]
        self.n = len(self.classes)

    def blocks(self, *, rows: int = ROWS) -> Iterator[Block]:
        """All pairs in pieces of at most `rows`."""
        for file, own in zip(self.files, self._rows, strict=True):
            with _opened(file) as store:
                for first in range(0, len(own), rows):
                    at = own[first : first + rows]
                    span = slice(int(at[0]), int(at[-1]) + 1)
                    inside = at - at[0]
                    yield Block(
                        store["w"][span][inside], store["r"][span][inside], store["class"][span][inside],
                        store["seed"][span][inside],
                    )  # fmt: skip

    def take(self, chosen: Array) -> Block:
        """Pairs by position (any order, no repeats): only their rows are read."""
        order = np.argsort(chosen, kind="stable")
        wanted, start = np.asarray(chosen)[order], 0
        w = np.empty((len(wanted), self.w_dim), dtype=np.float32)
        r = np.empty((len(wanted), self.n_units), dtype=np.float32)
        for file, own in zip(self.files, self._rows, strict=True):
            inside = (wanted >= start) & (wanted < start + len(own))
            if inside.any():
                with _opened(file) as store:
                    rows = own[wanted[inside] - start]
                    w[order[inside]], r[order[inside]] = store["w"][rows], store["r"][rows]
            start += len(own)
        return Block(w, r, self.classes[chosen], self.seeds[chosen])


def read_manifests(manifests: Sequence[str | Path]) -> list[dict[str, Any]]:
    """The manifests of all parts; parts of another generator or classifier than the first are refused."""
    found = [read_json(manifest) for manifest in manifests]
    for path, manifest in zip(manifests, found, strict=True):
        for key in ("generator_digest", "weights_sha256", "units", "w_dim"):
            if manifest[key] != found[0][key]:
                raise ValueError(f"{path}: {key} is {manifest[key]!r}, that of {manifests[0]} is {found[0][key]!r}")
    return found


def check_part(file: str | Path, manifest: str | Path) -> None:
    """Compare the arrays of a part with its manifest; a damaged part is set aside and made again by the next run."""
    expected = read_json(manifest)["arrays"]
    with _opened(Path(file)) as store:
        for name, digest in expected.items():
            check_digest(manifest, name=f"{file}: {name}", expected=digest, found=dataset_digest(store[name]))


def dataset_digest(dataset: h5py.Dataset) -> str:
    """xxh3-128 of the bytes of a dataset in C order, as `files.array_digest`, read in pieces."""
    digest = xxhash.xxh3_128()
    for first in range(0, len(dataset), ROWS):
        digest.update(np.ascontiguousarray(dataset[first : first + ROWS]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _opened(file: Path) -> h5py.File:
    try:
        return h5py.File(file, "r")
    except OSError as error:
        if not file.exists():
            raise
        raise ValueError(f"{file}: no readable pairs ({error}); delete it and run again") from None
