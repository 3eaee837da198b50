"""What a concept activation vector sees of an image: spatial means of the units, or all values of all maps.

    pooled     (image, unit), `mean_pooled` of the layer's statistics
    flattened  (image, unit height width), the stored activations, read some images at a time

Both are divided by the root mean square of all features of the training images, so that a common scale of a layer
changes nothing, not even for a classifier with a penalty on its weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from conceptatlas.activations.store import Shard, map_dataset, open_shards
from conceptatlas.naming import unknown
from conceptatlas.similarity.profile_kernel import squares

Array = np.ndarray[Any, Any]

FEATURES = ("pooled", "flattened")
_READ_BYTES = 2**25


class Source(NamedTuple):
    """Where the features of a layer are: small enough to be sent to workers.

    kind : pooled or flattened. statistics : file of the layer. shards, manifests : its stored activations (flattened).
    """

    kind: str
    statistics: str
    shards: tuple[str, ...]
    manifests: tuple[str, ...]
    layer: str


class Features(Protocol):
    """Features of the images of a data set."""

    @property
    def n_images(self) -> int:
        """Number of images, quarantined ones included."""
        ...

    @property
    def n_features(self) -> int:
        """Features of an image."""
        ...

    def rows(self, images: Array) -> Array:
        """Features (image, feature) of the images with these numbers, as stored: float64 (pooled) or float32."""
        ...


class PooledFeatures:
    """Spatial means: float32 (image, unit) in a file, float64 when read."""

    def __init__(self, values: Array) -> None:
        self._values = values

    @property
    def n_images(self) -> int:
        """See `Features`."""
        return len(self._values)

    @property
    def n_features(self) -> int:
        """See `Features`."""
        return int(self._values.shape[1])

    def rows(self, images: Array) -> Array:
        """See `Features.rows`."""
        return np.asarray(self._values[images], dtype=np.float64)


class FlattenedFeatures:
    """All stored values of an image as float32: n images with a concept and n without take 8 n K h w bytes."""

    def __init__(self, shards: list[Shard]) -> None:
        self._maps = [shard.activations() for shard in shards]
        self._ends = np.array([shard.stop for shard in shards])

    @property
    def n_images(self) -> int:
        """See `Features`."""
        return int(self._ends[-1])

    @property
    def n_features(self) -> int:
        """See `Features`."""
        return int(np.prod(self._maps[0].shape[1:]))

    def rows(self, images: Array) -> Array:
        """See `Features.rows`."""
        out = np.empty((len(images), self.n_features), dtype=np.float32)
        of = np.searchsorted(self._ends, images, side="right")
        for s in np.unique(of):
            mine = np.flatnonzero(of == s)
            first = self._ends[s] - len(self._maps[s])
            out[mine] = self._maps[s][images[mine] - first].reshape(len(mine), -1)
        return out


def open_features(source: Source) -> Features:
    """Open the features of a layer.

    Raises
    ------
    ValueError
        for an unknown kind, or a layer whose activations are not stored where flattened features are asked for.
    """
    if source.kind not in FEATURES:
        raise unknown("features", source.kind, FEATURES, where="similarity.supervised")
    if source.kind == "pooled":
        return PooledFeatures(map_dataset(source.statistics, "mean_pooled"))
    return FlattenedFeatures(open_shards(list(source.shards), list(source.manifests), source.layer))


def in_blocks(features: Features, images: Array) -> Iterator[tuple[slice, Array]]:
    """Pieces of `images` of some 32 MB with their features (image, feature)."""
    step = max(1, _READ_BYTES // (8 * features.n_features))
    for first in range(0, len(images), step):
        piece = slice(first, min(first + step, len(images)))
        yield piece, features.rows(images[piece])


def squared_lengths(features: Features, images: Array, ids: list[str], where: str) -> Array:
    """Squared length of the features of these images, float64; of the data set's other images NaN.

    ids : image_id of every image of the data set. where : the layer and its file, for messages.

    Raises
    ------
    ValueError
        if the features are of another data set, or one of these images has a feature that is not finite.
    """
    if features.n_images != len(ids):
        raise ValueError(
            f"{where}: features of {features.n_images} images, the data set has {len(ids)}; they are those of another "
            "data set or an older one: run them again"
        )
    out = np.full(len(ids), np.nan)
    for piece, rows in in_blocks(features, images):
        out[images[piece]] = squares(rows)
    bad = images[~np.isfinite(out[images])]
    if len(bad):
        row = features.rows(bad[:1])[0]
        feature = int(np.flatnonzero(~np.isfinite(row))[0])
        raise ValueError(
            f"{where}: feature {feature} of image {ids[bad[0]]!r} is {row[feature]}, expected finite numbers; store "
            "the layer as dtype: float32"
        )
    return out


def overall_rms(lengths: Array, n_features: int) -> float:
    """Root mean square of all features of images whose squared lengths are given; summed exactly. 0 for none."""
    if not len(lengths):
        return 0.0
    return math.sqrt(math.fsum(lengths.tolist()) / (len(lengths) * n_features))


def verify_source(source: Source) -> None:
    """Read the stored activations once and compare their digests, where they are what the features come from.

    Raises
    ------
    DamagedFileError
        for a damaged shard; its manifest is set aside.
    """
    if source.kind == "flattened":
        for shard in open_shards(list(source.shards), list(source.manifests), source.layer):
            shard.verify()


def source_of(kind: str, *, statistics: str | Path, shards: list[str], manifests: list[str], layer: str) -> Source:
    """The source of a layer's features."""
    return Source(kind, str(statistics), tuple(map(str, shards)), tuple(map(str, manifests)), layer)
