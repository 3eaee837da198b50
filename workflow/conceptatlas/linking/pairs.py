"""The job of a part of the pairs: draw style vectors, look at their pictures through the classifier, keep (w, r).

Batches are always full: a place that a refused picture leaves is taken by the next try or the next slot, so the
generator and the classifier run as fast as in a bare loop; on a CPU no number depends on how slots are cut into parts.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from conceptatlas.devices import lease_device
from conceptatlas.files import atomic_path, write_json
from conceptatlas.generators.generator import Generator, class_names
from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import Classifier, class_map, load_classifier
from conceptatlas.linking.pair_file import dataset_digest
from conceptatlas.linking.slots import Slots, slots_of
from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.progress import progress

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


def sample_pairs(
    *,
    generator: dict[str, Any],
    model: dict[str, Any],
    part: int,
    n_parts: int,
    options: Mapping[str, Any],
    seed: int,
    batch: int,
    threads: int,
    device: str,
    tf32: bool,
    pairs: str | Path,
    manifest: str | Path,
) -> None:
    """Write one part of the pairs of a generator and a classifier, and its manifest.

    Parameters
    ----------
    generator, model : expanded rows of generators.tsv and models.tsv.
    part, n_parts : which part of the slots (see `slots`).
    options : of the config section `linking`: classes, class_map, class_from, n_train, n_test, max_tries.
    batch : pictures a pass; the last one is padded.
    """
    torch.set_num_threads(threads)
    with lease_device(device) as leased:
        made = load_generator(generator, device=leased)
        classifier = load_classifier(model, device=leased)
        slots = asked_slots(made, classifier, options=options, seed=seed)
        own = slots.part(part, n_parts)
        with atomic_path(pairs) as file, h5py.File(file, "w") as store, exact_arithmetic(tf32=tf32):
            arrays = _datasets(store, len(own), made.w_dim, classifier.n_units)
            store.attrs["classes"] = json.dumps(classifier.classes)
            fill(made, classifier, slots, own, arrays, batch=batch, device=leased)
        with h5py.File(pairs, "r") as store:
            digests = {name: dataset_digest(store[name]) for name in store}
            counts = _counts(store, slots, own)
    write_json(
        manifest,
        {
            "generator": made.name,
            "model": classifier.name,
            "generator_digest": made.digest,
            "weights_sha256": classifier.model.weights_sha256,
            "head": classifier.head_name,
            "units": classifier.n_units,
            "w_dim": made.w_dim,
            "batch": batch,
            "device": str(leased).partition(":")[0],
            "torch": torch.__version__,
            "arrays": digests,
            "counts": counts,
        },
    )


def asked_slots(generator: Generator, classifier: Classifier, *, options: Mapping[str, Any], seed: int) -> Slots:
    """The slots of a generator and a classifier.

    Raises
    ------
    ValueError
        for unknown classes, and for an unconditional generator of which classes are asked by name.
    """
    where = f"linking of generator {generator.name!r} and model {classifier.name!r}"
    conditional = options["class_from"] == "generator"
    if conditional and not generator.n_classes:
        raise ValueError(
            f"{where}: the generator has no classes; with `class_from: classifier` the class of a picture is what the "
            "classifier says"
        )
    names = class_names(generator) if conditional else classifier.classes
    mapped = class_map(names, classifier, named=options["class_map"], asked=options["classes"], where=where)
    return slots_of(generator.name, mapped, options=options, seed=seed, conditional=conditional)


def _datasets(store: h5py.File, n: int, w_dim: int, n_units: int) -> dict[str, h5py.Dataset]:
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "w": ((n, w_dim), np.float32),
        "r": ((n, n_units), np.float32),
        **dict.fromkeys(("class", "seed", "tries"), ((n,), np.int64)),
        **dict.fromkeys(("test", "filled"), ((n,), np.bool_)),
    }
    return {name: store.create_dataset(name, shape, dtype) for name, (shape, dtype) in shapes.items()}


def fill(
    generator: Generator,
    classifier: Classifier,
    slots: Slots,
    own: range,
    arrays: Mapping[str, Any],
    *,
    batch: int,
    device: torch.device | str,
) -> None:
    """Fill the slots `own` into `arrays` (name -> array or HDF5 dataset with one row a slot)."""
    small = {
        "class": np.full(len(own), -1, dtype=np.int64),
        "seed": np.full(len(own), -1, dtype=np.int64),
        "tries": np.zeros(len(own), dtype=np.int64),
        "test": np.array([slots.split(slot) == 1 for slot in own], dtype=bool),
        "filled": np.zeros(len(own), dtype=bool),
    }
    waiting: deque[tuple[int, int]] = deque()
    fresh = iter(progress(own, description=f"pairs of {generator.name} and {classifier.name}", unit="pair"))

    def next_tries() -> Iterator[tuple[int, int]]:
        while waiting:
            yield waiting.popleft()
        for slot in fresh:
            yield slot, 0

    while chosen := _up_to(next_tries(), batch):
        rows = np.array([slot - own.start for slot, _ in chosen])
        seeds = np.array([slots.draw(slot, attempt) for slot, attempt in chosen], dtype=np.int64)
        asked = np.array([slots.generator_classes[slots.position(slot)] for slot, _ in chosen], dtype=np.int64)
        wanted = np.array([slots.classes[slots.position(slot)] for slot, _ in chosen], dtype=np.int64)
        w, r, logits = look(generator, classifier, seeds, np.maximum(asked, 0), batch=batch, device=device)
        said = logits.argmax(1)
        sound = np.isfinite(r).all(1) & np.isfinite(w).all(1)
        kept = sound & ((said == wanted) | (wanted < 0))
        small["tries"][rows] += 1
        keep = np.sort(np.flatnonzero(kept))
        keep = keep[np.argsort(rows[keep])]  # HDF5 takes rows in ascending order
        if len(keep):
            arrays["w"][rows[keep]], arrays["r"][rows[keep]] = w[keep], r[keep]
            small["class"][rows[keep]], small["seed"][rows[keep]] = said[keep], seeds[keep]
            small["filled"][rows[keep]] = True
        waiting.extend(
            (slot, attempt + 1)
            for (slot, attempt), taken in zip(chosen, kept, strict=True)
            if not taken and attempt + 1 < slots.tries
        )
    for name, values in small.items():
        arrays[name][...] = values


def _up_to(items: Iterator[tuple[int, int]], n: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for item in items:
        found.append(item)
        if len(found) == n:
            break
    return found


def look(
    generator: Generator,
    classifier: Classifier,
    seeds: Array,
    classes: Array,
    *,
    batch: int,
    device: torch.device | str,
) -> tuple[Array, Array, Array]:
    """Style vectors of seeds, and what the classifier makes of their pictures: w, r, logits, float32 (n, ...).

    The batch is filled up with its first row and cut again.
    """
    n = len(seeds)
    seeds, classes = _padded(seeds, batch), _padded(classes, batch)
    with torch.inference_mode():
        w = generator.sample(seeds, classes)
        r, logits = classifier.represent(generator.generate(w))
    return w[:n].cpu().numpy(), r[:n].cpu().numpy(), logits[:n].cpu().numpy()


def _padded(values: Array, n: int) -> Array:
    return np.concatenate([values, np.repeat(values[:1], n - len(values), axis=0)]) if len(values) < n else values


def _counts(store: h5py.File, slots: Slots, own: range) -> list[dict[str, int]]:
    """Per split and class asked for: slots, filled ones, tries."""
    filled, tries = store["filled"][:], store["tries"][:]
    split = np.array([slots.split(slot) for slot in own])
    position = np.array([slots.position(slot) for slot in own])
    found = []
    for test in (0, 1):
        for at, index in enumerate(slots.classes):
            rows = (split == test) & (position == at)
            counted = {"wanted": int(rows.sum()), "filled": int(filled[rows].sum()), "tries": int(tries[rows].sum())}
            if rows.any():
                found.append({"test": test, "class": index, **counted})
    return found
