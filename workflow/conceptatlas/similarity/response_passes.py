"""Frames of chosen images through a network: answers with layers replaced, and gradients at layers.

What is kept of an image is a few numbers a layer, in memory; gradients go to disk. Shards are opened one after the
other and batches always have full size, so that on a CPU no number depends on how images are cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.files import read_json
from conceptatlas.progress import progress
from conceptatlas.sheets import Row
from conceptatlas.similarity.fidelity import Replacements, Told
from conceptatlas.similarity.tcav import followed_classes
from conceptatlas.similarity.vectors_file import Vectors

Array = np.ndarray[Any, Any]

GRADIENT_BATCH = 8
"""Images a backward pass takes at most: its graph holds every activation of the network, some 100 MB an image."""


class Stream:
    """Frames of chosen images, in batches that may cross shards; shards are opened one after the other."""

    def __init__(self, frames: list[str], manifests: list[str], *, batch: int) -> None:
        self.frames, self.manifests, self.batch = frames, manifests, batch
        self.checked: set[str] = set()

    def batches(self, images: Array, *, at_most: int = 0) -> Iterator[tuple[slice, Array]]:
        """(which of `images`, their frames uint8 (image, size, size, 3)), at most so many (0: the stream's batch).

        images : image_index, ascending. DamagedFileError for a damaged shard; ValueError for images in none.
        """
        done, waiting, size = 0, [], min(self.batch, at_most or self.batch)
        for path, manifest in zip(self.frames, self.manifests, strict=True):
            about = read_json(manifest)
            start, stop = int(about["start"]), int(about["stop"])
            mine = images[(images >= start) & (images < stop)]
            if not len(mine):
                continue
            pictures, _ = map_frames(path, manifest=None if path in self.checked else manifest)
            self.checked.add(path)
            for image in mine:
                waiting.append(np.asarray(pictures[image - start]))
                if len(waiting) == size:
                    yield slice(done, done + len(waiting)), np.stack(waiting)
                    done, waiting = done + len(waiting), []
        if waiting:
            yield slice(done, done + len(waiting)), np.stack(waiting)
            done += len(waiting)
        if done != len(images):
            raise ValueError(f"frames of {done} of {len(images)} images; shards are missing: {self.frames[-1:]}")


def answer_replaced(
    loaded: Any, layers: list[Row], stream: Stream, images: Array, replacements: list[Replacements], *,
    device: str, tf32: bool = False,
) -> list[Told]:  # fmt: skip
    """What the network answers to images with each layer replaced, a `Told` a layer, images in their order."""
    from conceptatlas.models.replacing import LayerSwap, run_batches

    n = len(images)
    swaps = [LayerSwap(loaded, row["layer"], row["module"], device=device, tf32=tf32) for row in layers]
    told = [
        Told(
            np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.float32),
            np.zeros((one.n_variants, n), dtype=np.int64), np.zeros((one.n_variants, n), dtype=np.float32),
        )
        for one in replacements
    ]  # fmt: skip
    steps = -(-n // stream.batch)
    for place, frames in progress(stream.batches(images), description="layers replaced by concepts", total=steps):
        for swap, replaced, out in zip(swaps, replacements, told, strict=True):
            for part, of_part in _counted(run_batches, swap, replaced, frames, stream.batch):
                at = slice(place.start + part.start, place.start + part.stop)
                size = part.stop - part.start
                out.own[at], out.score[at] = of_part.own[:size], of_part.score[:size]
                out.top[:, at], out.scores[:, at] = of_part.top[:, :size], of_part.scores[:, :size]
    return told


def keep_gradients(
    loaded: Any, layers: list[Row], stream: Stream, images: Array, vectors: list[Vectors], folder: Path, *,
    min_class_images: int, max_classes: int, device: str, tf32: bool = False,
) -> Array:  # fmt: skip
    """Write, per layer, what derivatives need of every image (`Vectors.seen`); returns the classes, int64 (image,).

    Only images of classes that are followed (`tcav.followed_classes`) pass backwards; the others keep zeros, which no
    row reads. A thousand classes over some hundred photographs may follow none, and then a forward pass is all.
    """
    from conceptatlas.models.layer_gradients import LayerGradients
    from conceptatlas.models.replacing import run_batches

    kept = [_empty(kept_gradients(folder, n), len(images), one) for n, one in enumerate(vectors)]
    gradients = LayerGradients(loaded, {row["layer"]: row["module"] for row in layers}, device=device, tf32=tf32)
    own = np.zeros(len(images), dtype=np.int64)
    steps = -(-len(images) // stream.batch)
    for place, frames in progress(stream.batches(images), description="classes of images", total=steps):
        for part, classes in run_batches(gradients.classes, frames, batch=stream.batch, name=loaded.name):
            own[place.start + part.start : place.start + part.stop] = classes[: part.stop - part.start]
    followed = followed_classes(own, min_class_images=min_class_images, max_classes=max_classes)
    wanted = np.flatnonzero(np.isin(own, followed))
    batch = min(stream.batch, GRADIENT_BATCH)
    pieces = stream.batches(images[wanted], at_most=batch)
    for place, frames in progress(pieces, description="gradients at layers", total=-(-len(wanted) // batch)):
        for part, (_, of_layer) in run_batches(gradients.of, frames, batch=batch, name=loaded.name):
            at = wanted[place.start + part.start : place.start + part.stop]
            for row, one, out in zip(layers, vectors, kept, strict=True):
                for i, image in enumerate(at):
                    out[image] = one.seen(of_layer[row["layer"]][i])
    for out in kept:
        if isinstance(out, np.memmap):
            out.flush()
    return own


def _empty(path: Path, n_images: int, vectors: Vectors) -> Array:
    """A file of zeros for every image, mapped into memory where it holds anything."""
    shape, dtype = (n_images, vectors.n_seen), "float32" if vectors.pooled else "float64"
    if 0 in shape:
        np.save(path, np.zeros(shape, dtype=dtype))
        return np.zeros(shape, dtype=dtype)
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _counted(run_batches: Any, swap: Any, replaced: Replacements, frames: Array, batch: int) -> Iterator[Any]:
    """Batches of a layer's answers; tells the replacements how many images of a batch are real."""
    left = len(frames)

    def answer(padded: Array) -> Any:
        replaced.counted = min(left, len(padded))
        return swap.answer(padded, replaced)

    for part, answers in run_batches(answer, frames, batch=batch, name=swap.model.name):
        left = len(frames) - part.stop
        yield part, answers


def kept_gradients(folder: Path, n: int) -> Path:
    """Where `keep_gradients` writes what belongs to the n-th layer."""
    return folder / f"{n}.npy"
