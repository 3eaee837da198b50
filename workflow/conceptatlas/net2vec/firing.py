"""Which units are above their threshold where, as lists: 1[A_k > T_k] with one entry for every 1.

A share tau of all values is above its threshold, so the lists hold tau N K h w entries of four bytes: for AlexNet conv5
on Broden 54 MB instead of the 342 MB of packed bits, and a weighted sum of the units at all positions costs as many
additions as there are entries. They are read from the packed bits once for a layer and mapped by all workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np

from conceptatlas.activations.store import map_dataset

Array = np.ndarray[Any, Any]

_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class Firing:
    """Units above their thresholds in every image of a data set.

    offsets : int64 (image + 1,): entries offsets[n] .. offsets[n+1]-1 are those of image n, by position, then unit.
    positions, units : uint16 (entry,), or int32 where a layer has more than 65,535 of either.
    n_units : K. map_shape : height and width of the maps.
    """

    offsets: Array
    positions: Array
    units: Array
    n_units: int
    map_shape: tuple[int, int]

    @property
    def n_positions(self) -> int:
        """Positions of a map."""
        return self.map_shape[0] * self.map_shape[1]

    def save(self, folder: Path) -> None:
        """Write the lists as .npy files, which `Firing.load` maps."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("offsets", "positions", "units"):
            np.save(folder / f"{name}.npy", getattr(self, name))
        np.save(folder / "shape.npy", np.array([self.n_units, *self.map_shape], dtype=np.int64))

    @classmethod
    def load(cls, folder: Path) -> Firing:
        """Map what `save` wrote."""
        # copy-on-write: numba compiles read-only arrays a second time
        arrays = {n: np.asarray(np.load(folder / f"{n}.npy", mmap_mode="c")) for n in ("offsets", "positions", "units")}
        n_units, height, width = (int(n) for n in np.load(folder / "shape.npy"))
        return cls(**arrays, n_units=n_units, map_shape=(height, width))


@numba.njit(cache=True, nogil=True)
def _count(bits: Array, out: Array) -> None:
    """Set bits of every image: bits uint8 (image, unit, byte), out int64 (image,)."""
    for n in range(bits.shape[0]):
        total = 0
        for k in range(bits.shape[1]):
            for b in range(bits.shape[2]):
                byte = bits[n, k, b]
                while byte:
                    total += 1
                    byte &= byte - 1
        out[n] = total


@numba.njit(cache=True, nogil=True)
def _fill(bits: Array, offsets: Array, n_positions: int, positions: Array, units: Array) -> None:
    """List the set bits of every image by position, then unit; entries of image n begin at offsets[n]."""
    at = np.empty(n_positions + 1, dtype=np.int64)
    for n in range(bits.shape[0]):
        at[:] = 0
        for k in range(bits.shape[1]):
            for b in range(bits.shape[2]):
                byte = bits[n, k, b]
                if byte:
                    for i in range(8):
                        if (byte >> i) & 1:
                            at[8 * b + i + 1] += 1
        at[0] = offsets[n]
        for p in range(n_positions):
            at[p + 1] += at[p]
        for k in range(bits.shape[1]):
            for b in range(bits.shape[2]):
                byte = bits[n, k, b]
                if byte:
                    for i in range(8):
                        if (byte >> i) & 1:
                            p = 8 * b + i
                            positions[at[p]] = p
                            units[at[p]] = k
                            at[p] += 1


def list_firing(bits: Array, *, map_shape: tuple[int, int]) -> Firing:
    """Lists of packed bits, uint8 (image, unit, ceil(h w / 8)): bit i of a flat map is bit i % 8 of byte i // 8.

    Bits may be memory-mapped: they are read twice, some images at a time (once to count, once to fill).
    """
    n_images, n_units = bits.shape[:2]
    n_positions = map_shape[0] * map_shape[1]
    counts = np.zeros(n_images, dtype=np.int64)
    pieces = [slice(n, min(n + _IMAGES_AT_ONCE, n_images)) for n in range(0, n_images, _IMAGES_AT_ONCE)]
    for piece in pieces:
        _count(np.ascontiguousarray(bits[piece]), counts[piece])
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    kind = np.uint16 if max(n_units, n_positions) <= np.iinfo(np.uint16).max else np.int32
    positions, units = (np.zeros(int(offsets[-1]), dtype=kind) for _ in range(2))
    for piece in pieces:
        _fill(np.ascontiguousarray(bits[piece]), offsets[piece], n_positions, positions, units)
    return Firing(offsets, positions, units, n_units, map_shape)


def read_firing(statistics: str | Path, *, map_shape: tuple[int, int]) -> Firing:
    """Lists of the packed bits in a layer's statistics file.

    Raises
    ------
    ValueError
        if the layer was stored without activations, so that there are no bits.
    """
    try:
        bits = map_dataset(statistics, "bits")
    except KeyError:
        raise ValueError(
            f"{statistics}: no packed bits; Net2Vec needs `store: full` for this layer in layers.tsv"
        ) from None
    return list_firing(np.asarray(bits), map_shape=map_shape)


def dense_firing(firing: Firing, image: int) -> Array:
    """1[A_k > T_k] of one image as bool (unit, height, width): for display, and the obvious form for tests."""
    out = np.zeros((firing.n_units, firing.n_positions), dtype=bool)
    mine = slice(int(firing.offsets[image]), int(firing.offsets[image + 1]))
    out[firing.units[mine], firing.positions[mine]] = True
    return out.reshape(firing.n_units, *firing.map_shape)
