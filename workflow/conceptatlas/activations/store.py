"""Stored activations of one shard: the only code that knows the file layout.

``{shard}.h5`` holds a group per layer:

    activations   (image, unit, height, width) float16 or float32, contiguous and unfiltered: it maps into memory
    max, mean     (image, unit) float32
    histogram/    offsets, patterns, counts: sparse counts of bit patterns per unit (streaming.histogram)

``{shard}.json`` beside it holds the xxh3-128 digest, shape and dtype of every array and what they were made with; it
is written last, so a shard without a manifest is not there. Quarantined images keep their row, filled with zeros.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xxhash

from conceptatlas.files import array_digest, check_digest, read_json, set_aside
from conceptatlas.naming import unknown
from conceptatlas.streaming.histogram import PatternHistogram

Array = np.ndarray[Any, Any]


def create_contiguous(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    """A contiguous dataset whose space is allocated at once (else it has no offset to map), not filled."""
    space = h5py.h5s.create_simple(shape)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
    return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, properties))


def map_dataset(path: str | Path, name: str, *, mode: str = "r") -> Array:
    """Memory-map a contiguous dataset of an HDF5 file.

    Raises
    ------
    ValueError
        if the dataset is chunked or compressed, so that it has no offset.
    """
    with h5py.File(path, "r") as file:
        dataset = file[name]
        offset, shape, dtype = dataset.id.get_offset(), dataset.shape, dataset.dtype
    if 0 in shape:
        return np.zeros(shape, dtype=dtype)
    if offset is None:
        raise ValueError(f"{path}: {name} is not contiguous, it cannot be memory-mapped")
    return np.memmap(path, mode=mode, dtype=dtype, shape=shape, offset=offset)  # type: ignore[call-overload]


class ShardWriter:
    """Writes the layers of a shard block by block, digesting what is written.

    One writer a file, used from one thread. `finish` returns the `arrays` part of the manifest.
    """

    def __init__(self, path: str | Path, *, n_images: int) -> None:
        self._file = h5py.File(path, "w", libver="latest")
        self.n_images = n_images
        self._arrays: dict[str, dict[str, Any]] = {}
        self._running: dict[str, tuple[h5py.Dataset, Any, int]] = {}

    def add_layer(self, layer: str, shape: tuple[int, int, int], *, dtype: str, store: bool) -> None:
        """Announce a layer: (unit, height, width) of its maps; ``store: none`` keeps no activations."""
        group = self._file.create_group(layer)
        group.attrs["dimensions"] = "image unit height width"
        if store:
            dataset = create_contiguous(group, "activations", (self.n_images, *shape), dtype)
            self._running[layer] = (dataset, xxhash.xxh3_128(), 0)

    def write_maps(self, layer: str, start: int, maps: Array) -> None:
        """Append a block of maps; blocks arrive in order (the digest runs over the bytes as they come)."""
        dataset, digest, expected = self._running[layer]
        if start != expected:
            raise ValueError(f"layer {layer}: block starts at image {start}, expected {expected}")
        dataset[start : start + len(maps)] = maps
        digest.update(np.ascontiguousarray(maps).reshape(-1).view(np.uint8).data)
        self._running[layer] = (dataset, digest, start + len(maps))

    def write_array(self, name: str, values: Array, *, compress: bool = False) -> None:
        """Write a whole array under ``layer/name``."""
        options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if compress else {}
        self._file.create_dataset(name, data=values, **(options if values.size else {}))
        self._arrays[name] = {"digest": array_digest(values), "shape": list(values.shape), "dtype": str(values.dtype)}

    def finish(self) -> dict[str, dict[str, Any]]:
        """Close the file. Raises ValueError if a layer is incomplete."""
        for layer, (dataset, digest, done) in self._running.items():
            if done != self.n_images:
                raise ValueError(f"layer {layer}: {done} of {self.n_images} images were written")
            self._arrays[f"{layer}/activations"] = {
                "digest": digest.hexdigest(),
                "shape": list(dataset.shape),
                "dtype": str(dataset.dtype),
            }
        self._file.close()
        return self._arrays

    def close(self) -> None:
        """Close the file without finishing it (after an error)."""
        with contextlib.suppress(ValueError, RuntimeError):
            self._file.close()


@dataclass(frozen=True)
class Shard:
    """One shard of one layer, opened for reading.

    start, stop : image_index range. valid : bool (image,): False for quarantined images.
    """

    path: Path
    manifest_path: Path
    layer: str
    start: int
    stop: int
    valid: Array
    arrays: dict[str, dict[str, Any]]

    @property
    def n_images(self) -> int:
        """Number of images, quarantined ones included."""
        return self.stop - self.start

    @property
    def shape(self) -> tuple[int, int, int]:
        """Units, height and width of the maps."""
        description = self.arrays.get(f"{self.layer}/activations")
        if description is None:
            raise ValueError(f"{self.path}: layer {self.layer} was stored with `store: none`; it has no activations")
        _, unit, height, width = description["shape"]
        return unit, height, width

    def activations(self) -> Array:
        """The maps (image, unit, height, width), memory-mapped read-only."""
        with self._whole():
            return map_dataset(self.path, f"{self.layer}/activations")

    def maxima(self) -> Array:
        """Maximum of every map, float32 (image, unit), memory-mapped: for readers of a few images at a time."""
        with self._whole():
            return map_dataset(self.path, f"{self.layer}/max")

    def read(self, name: str) -> Array:
        """An array of the layer (``max``, ``mean``), its digest checked."""
        full = f"{self.layer}/{name}"
        with self._whole(), h5py.File(self.path, "r") as file:
            values: Array = file[full][()]
        self._check(full, array_digest(values))
        return values

    def histogram(self) -> dict[str, Array]:
        """The sparse histogram of bit patterns per unit (`PatternHistogram.add_state` takes it)."""
        return {name: self.read(f"histogram/{name}") for name in ("offsets", "patterns", "counts")}

    def verify(self) -> None:
        """Read activations and maxima once and compare their digests.

        Raises
        ------
        DamagedFileError
            for a damaged shard; its manifest is set aside.
        """
        self.read("max")
        full = f"{self.layer}/activations"
        if full not in self.arrays:
            return
        maps = self.activations()
        digest = xxhash.xxh3_128()
        step = max(1, 2**26 // max(maps[0].nbytes, 1)) if len(maps) else 1
        for first in range(0, len(maps), step):
            digest.update(np.ascontiguousarray(maps[first : first + step]).reshape(-1).view(np.uint8).data)
        self._check(full, digest.hexdigest())

    def _check(self, name: str, found: str) -> None:
        expected = self.arrays[name]["digest"]
        check_digest(self.manifest_path, name=f"{self.path.name}:{name}", expected=expected, found=found)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except (OSError, KeyError, RuntimeError) as error:  # h5py: truncated file, wrong signature, missing dataset
            raise set_aside(self.manifest_path, reason=f"{self.path.name} cannot be read ({error})") from error
        except ValueError as error:  # mmap: length is greater than file size
            raise set_aside(self.manifest_path, reason=f"{self.path.name} is truncated ({error})") from error


def open_shard(path: str | Path, manifest: str | Path, layer: str) -> Shard:
    """Open a layer of a shard through its manifest.

    Raises
    ------
    ValueError
        for a layer that the shard does not hold. DamagedFileError: a shard file that is missing.
    """
    path, manifest = Path(path), Path(manifest)
    content = read_json(manifest)
    if layer not in content["layers"]:
        raise unknown("layer", layer, content["layers"], where=str(manifest))
    if not path.exists():
        raise set_aside(manifest, reason=f"{path.name} is missing")
    valid = np.ones(content["stop"] - content["start"], dtype=bool)
    valid[[i - content["start"] for i in content["quarantined"]]] = False
    return Shard(path, manifest, layer, content["start"], content["stop"], valid, content["arrays"])


def open_shards(paths: list[str], manifests: list[str], layer: str) -> list[Shard]:
    """Open a layer in all shards, in the order of the images; together they must cover the data set without a gap."""
    shards = sorted(
        (open_shard(p, m, layer) for p, m in zip(paths, manifests, strict=True)), key=lambda shard: shard.start
    )
    for before, after in itertools.pairwise(shards):
        if before.stop != after.start:
            raise ValueError(f"shards of layer {layer} do not join: {before.path} ends at image {before.stop}, "
                             f"{after.path} starts at {after.start}")  # fmt: skip
    return shards


def merged_histogram(shards: list[Shard]) -> PatternHistogram:
    """The histogram of a layer over all its shards."""
    first = shards[0].histogram()
    histogram = PatternHistogram(len(first["offsets"]) - 1, dtype=stored_dtype(shards[0]))
    histogram.add_state(first)
    for shard in shards[1:]:
        histogram.add_state(shard.histogram())
    return histogram


def stored_dtype(shard: Shard) -> str:
    """float16 or float32: what the layer's values were rounded to before anything was computed from them."""
    return str(read_json(shard.manifest_path)["layers"][shard.layer]["dtype"])
