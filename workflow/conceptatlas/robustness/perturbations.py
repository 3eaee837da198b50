"""Perturbations of frames, each with the move it makes: where the masks of the clean picture went.

A perturbed frame is float32 on the scale 0..255 and never rounded to 8 bits again: noise of amplitude 1 would mostly
vanish. Masks are not perturbed but moved: a `Move` says which clean cell each cell of the S x S mask shows.

none       the frame itself
noise      x + s u, u uniform in 0..1 for every pixel and channel; `centred`: u uniform in -1/2..1/2 (plain noise also
           brightens by s/2 on average); `clip`: to 0..255
rotation   counter-clockwise by some degrees about the frame's centre, bilinear; what was outside the frame is black,
           and ignored in masks and labels; multiples of 90 degrees are exact
patches    cells of a g x g grid, cut at floor(i size / g), in a random order of each image's own; `patch_px`: the
           amount is the side of a patch in pixels instead
fgsm       x + epsilon sign(g), g the gradient of the model's own loss at its own predicted class; `clip`: to 0..255

What is drawn depends on (study seed, level, its seed, image id) only. Source: the talk's "Experiment: Detector
Robustness", which leaves clipping, the colour outside and the reading of the patches open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conceptatlas.levels import NEEDS_SCORES, grid_cells, level_options
from conceptatlas.seeds import generator
from conceptatlas.sheets import Row

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Move:
    """How the cells of an S x S mask moved.

    source : int32, shape (S * S,): the clean cell that each perturbed cell shows; -1 outside the frame.
    inverse : int32, shape (S * S,): the perturbed cell in which each clean cell is seen; -1 where it is not.
    """

    source: Array
    inverse: Array

    @property
    def is_identity(self) -> bool:
        """Whether nothing moved."""
        cells = np.arange(len(self.source))
        return bool((self.source == cells).all() and (self.inverse == cells).all())


def identity(size: int) -> Move:
    """The move that leaves every cell of a mask of `size` x `size` where it is."""
    cells = np.arange(size * size, dtype=np.int32)
    return Move(cells, cells)


class Perturbation:
    """The kind `none`, and what all kinds share: a frame in, a float32 frame out; and the move of the masks."""

    moves_alike = True
    """Whether all images of a size move alike."""

    def __init__(self, row: Row, *, study_seed: int) -> None:
        self.level = str(row["level"])
        self.amount = float(row["amount"])
        self.options = level_options(row)
        self._row = row
        self._seed = study_seed

    def picture(self, frame: Array, image_id: str) -> Array:
        """The perturbed frame: uint8 (size, size, 3) -> float32, same shape, 0..255."""
        return frame.astype(np.float32)

    def move(self, image_id: str, *, size: int, frame_size: int) -> Move:
        """How a mask of `size` x `size` cells of this image moves; `frame_size` pixels are the frame's side."""
        return identity(size)

    def _generator(self, image_id: str) -> np.random.Generator:
        return generator(self._seed, "perturbation", self.level, str(self._row["seed"]), image_id)


class Noise(Perturbation):
    """Uniform noise of amplitude s on every pixel and channel."""

    def picture(self, frame: Array, image_id: str) -> Array:
        """See `Perturbation.picture`."""
        uniform: Array = np.asarray(self._generator(image_id).random(frame.shape, dtype=np.float32))
        if self.options["centred"]:
            uniform -= np.float32(0.5)
        noisy: Array = frame.astype(np.float32) + np.float32(self.amount) * uniform
        return np.clip(noisy, 0, 255) if self.options["clip"] else noisy


class Rotation(Perturbation):
    """Rotation about the centre of the frame, counter-clockwise as one looks at it."""

    def __init__(self, row: Row, *, study_seed: int) -> None:
        super().__init__(row, study_seed=study_seed)
        self._moves: dict[int, Move] = {}
        self._grids: dict[int, tuple[Array, Array]] = {}

    def picture(self, frame: Array, image_id: str) -> Array:
        """See `Perturbation.picture`."""
        size = frame.shape[0]
        if size not in self._grids:
            self._grids[size] = rotated_centres(size, self.amount)
        return sample_bilinear(frame.astype(np.float32), *self._grids[size])

    def move(self, image_id: str, *, size: int, frame_size: int) -> Move:
        """See `Perturbation.move`: the nearest cell."""
        if size not in self._moves:
            self._moves[size] = Move(nearest_cells(size, self.amount), nearest_cells(size, -self.amount))
        return self._moves[size]


class Patches(Perturbation):
    """The cells of a grid in another order."""

    moves_alike = False

    def picture(self, frame: Array, image_id: str) -> Array:
        """See `Perturbation.picture`."""
        size = frame.shape[0]
        source = self._sources(image_id, size=size, frame_size=size)
        return frame.reshape(size * size, 3)[source].reshape(frame.shape).astype(np.float32)

    def move(self, image_id: str, *, size: int, frame_size: int) -> Move:
        """See `Perturbation.move`: exact where all patches have the same size in cells."""
        return Move(
            self._sources(image_id, size=size, frame_size=frame_size),
            self._sources(image_id, size=size, frame_size=frame_size, inverse=True),
        )

    def _sources(self, image_id: str, *, size: int, frame_size: int, inverse: bool = False) -> Array:
        cells = grid_cells(self._row, frame_size)
        order = self._generator(image_id).permutation(cells * cells)
        return patch_sources(np.argsort(order) if inverse else order, cells, size)


class GradientSign(Perturbation):
    """A step of epsilon on every pixel and channel, in the direction that raises the model's own loss.

    signs : int8 (size, size, 3) of every image, by image id (`models.gradients.gradient_signs`).
    """

    def __init__(self, row: Row, *, study_seed: int, signs: Mapping[str, Array]) -> None:
        super().__init__(row, study_seed=study_seed)
        self._signs = signs

    def picture(self, frame: Array, image_id: str) -> Array:
        """See `Perturbation.picture`."""
        moved: Array = frame.astype(np.float32) + np.float32(self.amount) * self._signs[image_id]
        return np.clip(moved, 0, 255) if self.options["clip"] else moved


KINDS: dict[str, type[Perturbation]] = {
    "none": Perturbation,
    "noise": Noise,
    "rotation": Rotation,
    "patches": Patches,
}


def perturbation_of(row: Row, *, study_seed: int, signs: Mapping[str, Array] | None = None) -> Perturbation:
    """The perturbation of a row of perturbations.tsv (level, kind, amount, seed, options).

    signs : of the model's gradient, by image id: what a kind of `levels.NEEDS_SCORES` is made of.
    """
    if row["kind"] in NEEDS_SCORES:
        if signs is None:
            raise ValueError(
                f"level {row['level']}: {row['kind']} is made of the signs of a model's gradient, and none are given"
            )
        return GradientSign(row, study_seed=study_seed, signs=signs)
    return KINDS[row["kind"]](row, study_seed=study_seed)


class PerturbedFrames:
    """A view of frames (image, size, size, 3) that perturbs what is sliced out of it: float32, one image at a time."""

    def __init__(self, frames: Array, ids: Sequence[str], perturbation: Perturbation) -> None:
        if len(frames) != len(ids):
            raise ValueError(f"{len(frames)} frames, {len(ids)} image ids")
        self.frames, self.ids, self.perturbation = frames, ids, perturbation

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, images: slice) -> Array:
        chosen = range(*images.indices(len(self)))
        out = np.empty((len(chosen), *self.frames.shape[1:]), dtype=np.float32)
        for i, n in enumerate(chosen):
            out[i] = self.perturbation.picture(np.asarray(self.frames[n]), self.ids[n])
        return out


# Geometry ---------------------------------------------------------------------------------------------------------


def _cosine_and_sine(degrees: float) -> tuple[float, float]:
    """Cosine and sine; exact for multiples of 90 degrees."""
    quarter, rest = divmod(degrees, 90.0)
    if rest == 0:
        return [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][int(quarter) % 4]
    angle = math.radians(degrees)
    return math.cos(angle), math.sin(angle)


def rotated_centres(size: int, degrees: float) -> tuple[Array, Array]:
    """Where each pixel of a picture turned counter-clockwise comes from.

    Returns rows and columns of the clean picture, float64 (size, size), in pixels, 0 at the centre of the first.
    """
    cosine, sine = _cosine_and_sine(degrees)
    offset = np.arange(size) + 0.5 - size / 2
    y, x = offset[:, None], offset[None, :]
    rows = x * sine + y * cosine + size / 2 - 0.5
    columns = x * cosine - y * sine + size / 2 - 0.5
    return rows, columns


def sample_bilinear(frame: Array, rows: Array, columns: Array) -> Array:
    """Values of a float32 frame (size, size, 3) between its pixels; 0 where the place lies outside the frame."""
    size = frame.shape[0]
    inside = (rows >= -0.5) & (rows < size - 0.5) & (columns >= -0.5) & (columns < size - 0.5)
    rows, columns = np.clip(rows, 0, size - 1), np.clip(columns, 0, size - 1)
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    bottom, right = np.minimum(top + 1, size - 1), np.minimum(left + 1, size - 1)
    down = (rows - top).astype(np.float32)[..., None]
    across = (columns - left).astype(np.float32)[..., None]
    upper = frame[top, left] * (1 - across) + frame[top, right] * across
    lower = frame[bottom, left] * (1 - across) + frame[bottom, right] * across
    return np.where(inside[..., None], upper * (1 - down) + lower * down, np.float32(0))


def nearest_cells(size: int, degrees: float) -> Array:
    """The clean cell under the centre of each cell of a mask turned counter-clockwise; int32 (S * S,), -1 outside."""
    rows, columns = rotated_centres(size, degrees)
    row, column = np.floor(rows + 0.5).astype(np.int64), np.floor(columns + 0.5).astype(np.int64)
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    return np.where(inside, row * size + column, -1).astype(np.int32).ravel()


def patch_sources(order: Array, cells: int, size: int) -> Array:
    """The cell that each cell of a size x size picture shows when patch p is filled with patch order[p].

    Patches are cut at floor(i size / cells). Where two differ by a row or a column, the nearest one is shown. Returns
    int32 (size * size,).
    """
    cuts = np.arange(cells + 1) * size // cells
    sides = np.diff(cuts)
    patch = np.repeat(np.arange(cells), sides)  # of every row or column
    within = np.arange(size) - cuts[patch]
    target = patch[:, None] * cells + patch[None, :]
    from_row, from_column = np.divmod(order[target], cells)

    def place(mine: Array, side: Array, theirs: Array) -> Array:
        # the centre of my cell, (within + 1/2) / side of the patch, in cells of the other patch
        return cuts[theirs] + (2 * mine + 1) * sides[theirs] // (2 * side)

    rows = place(within[:, None], sides[patch][:, None], from_row)
    columns = place(within[None, :], sides[patch][None, :], from_column)
    return (rows * size + columns).astype(np.int32).ravel()
