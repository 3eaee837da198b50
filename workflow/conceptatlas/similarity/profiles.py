"""The job of concept profiles: what a layer makes of every annotated concept, once per layer, for SFSS of any pair.

Source: Mikriukov et al. 2023 (supervised feature space similarity) with the CAVs of Kim et al. 2018.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.holdings import Holdings, read_holdings
from conceptatlas.datasets.labelled_images import Vocabulary, read_images, read_vocabulary
from conceptatlas.datasets.splits import NEITHER, Split, read_split
from conceptatlas.files import scratch_beside, text_digest
from conceptatlas.naming import CATEGORIES
from conceptatlas.parallel import parallel_each
from conceptatlas.similarity.activation_vectors import check_classifier
from conceptatlas.similarity.counter_sets import CAV, GATE, ROLES, TEST, roles, sides
from conceptatlas.similarity.profile_features import (
    Source,
    open_features,
    overall_rms,
    source_of,
    squared_lengths,
    verify_source,
)
from conceptatlas.similarity.profile_files import write_profiles
from conceptatlas.similarity.profile_learning import (
    Labelled,
    Profile,
    Setting,
    Task,
    learn_profiles,
    write_labelled,
)
from conceptatlas.similarity.profile_tables import PROFILE_COLUMNS, PROFILE_TYPES
from conceptatlas.tables import write_table
from conceptatlas.typed_tables import frame_of

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

CONCEPTS_PER_TASK = 8
"""Of some 0.1 to 10 s each; a task opens the features once."""


def profile_concepts(
    *,
    dataset: str,
    model: str,
    layer: str,
    shards: list[str],
    manifests: list[str],
    statistics: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    table: str | Path,
    profiles: str | Path,
    options: dict[str, Any],
    train_share: float,
    n_bootstrap: int,
    confidence: float,
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Learn every concept of a data set in a layer and write profiles.parquet and profiles.h5.

    shards, manifests : the stored activations, read for `features: flattened` only. statistics : file of the layer
    (`mean_pooled`). options : config section `similarity.supervised`.

    Raises
    ------
    ValueError
        for unknown options, or features that are not finite or of another data set.
    """
    check_options(options)
    vocabulary = read_vocabulary(concepts)
    split = read_split(index, train_share=train_share, seed=seed)
    holdings = read_holdings(annotations, n_concepts=vocabulary.n_concepts, keep=split.of != NEITHER)
    source = source_of(options["features"], statistics=statistics, shards=shards, manifests=manifests, layer=layer)
    verify_source(source)
    labelled, rms, n_features = prepare(
        source, split, holdings, read_images(index).sources, f"{dataset}, {model} {layer}", seed=seed
    )
    counts = [count_images(labelled, c) for c in range(vocabulary.n_concepts)]
    reasons = [why_not(of, options["min_images"]) for of in counts]
    learned = [
        (c, vocabulary.names[c], CATEGORIES[vocabulary.primary_category[c]])
        for c, reason in enumerate(reasons)
        if not reason
    ]
    if len(learned) < vocabulary.n_concepts:
        left = vocabulary.n_concepts - len(learned)
        logger.info("%s: %d of %d concepts have no CAV; the table says why", dataset, left, vocabulary.n_concepts)
    given = {name: options[name] for name in ("classifier", "alpha", "n_repeats", "n_random", "min_images_sfss")}
    setting = Setting(**given, n_bootstrap=n_bootstrap, confidence=confidence, seed=seed, scale=1 / rms if rms else 1.0)
    test = np.flatnonzero(labelled.roles == TEST)
    attributes = {
        "dataset": dataset, "model": model, "layer": layer, "seed": seed, "classifier": options["classifier"],
        "features": options["features"], "images_digest": text_digest(*(split.ids[i] for i in test)),
    }  # fmt: skip
    with scratch_beside(profiles) as folder:
        write_labelled(folder, labelled)
        found = write_profiles(
            profiles,
            _learn_all(source, folder, learned, setting, threads=threads, mem_mb=mem_mb),
            learned=learned,
            test_images=test,
            n_features=n_features,
            n_random=options["n_random"] if options["features"] == "pooled" else 0,
            attributes=attributes,
        )
    same = given | {
        "dataset": dataset, "model": model, "layer": layer, "features": options["features"], "n_features": n_features,
        "rms": rms, "min_images": options["min_images"], "split": split.source, "n_bootstrap": n_bootstrap,
        "confidence": confidence, "seed": seed,
    }  # fmt: skip
    by_concept = {c: numbers for (c, _, _), numbers in zip(learned, found, strict=True)}
    write_table(table, profile_rows(vocabulary, counts, reasons, by_concept, same), columns=PROFILE_COLUMNS)


def check_options(options: dict[str, Any]) -> None:
    """Raise ValueError for options of `similarity.supervised` that cannot be; `features` is checked with the source."""
    check_classifier(options["classifier"], alpha=options["alpha"])
    for name in ("n_repeats", "n_random", "min_images", "min_images_sfss"):
        if options[name] < 1:
            raise ValueError(f"similarity.supervised.{name}: {options[name]}; expected 1 or more")


def prepare(
    source: Source, split: Split, holdings: Holdings, sources: Array, where: str, *, seed: int
) -> tuple[Labelled, float, int]:
    """What all concepts share, the RMS of the features of training images, and the number of features.

    sources : int (image,), see `labelled_images.Images`. where : the layer, for messages.
    """
    features = open_features(source)
    role_of = roles(split, seed=seed)
    lengths = squared_lengths(features, np.flatnonzero(role_of != NEITHER), split.ids, where)
    rms = overall_rms(lengths[role_of == CAV], features.n_features)
    labelled = Labelled(role_of, split.blocks, sources, lengths, holdings.image, holdings.starts)
    return labelled, rms, features.n_features


def count_images(labelled: Labelled, concept: int) -> dict[str, int]:
    """Images of each role with a concept and without, and blocks with it: columns of the table."""
    holding = labelled.holding(concept)
    of = {name: sides(labelled.roles, role, holding) for name, role in zip(ROLES, (CAV, GATE, TEST), strict=True)}
    counts = {f"n_{name}_with": len(one.holding) for name, one in of.items()}
    counts |= {f"n_{name}_without": len(one.without) for name, one in of.items()}
    return counts | {"n_gate_blocks": len(np.unique(labelled.blocks[of["gate"].holding]))}


def why_not(counts: dict[str, int], min_images: int) -> str:
    """Why no CAV is learned; empty if one is."""
    for kind, words in (("with", "that hold it"), ("without", "without it")):
        if counts[f"n_cav_{kind}"] < min_images:
            return f"{counts[f'n_cav_{kind}']} training images {words}, fewer than min_images {min_images}"
    return ""


def why_not_sfss(counts: dict[str, int], min_images_sfss: int) -> str:
    """Why a concept with a CAV is left out of SFSS; empty if it is not."""
    for kind, words in (("with", "that hold it"), ("without", "without it")):
        if counts[f"n_test_{kind}"] < min_images_sfss:
            return f"{counts[f'n_test_{kind}']} test images {words}, fewer than min_images_sfss {min_images_sfss}"
    return ""


def profile_rows(
    vocabulary: Vocabulary,
    counts: list[dict[str, int]],
    reasons: list[str],
    found: dict[int, dict[str, Any]],
    same: dict[str, Any],
) -> pd.DataFrame:
    """A row a concept of the vocabulary, with the columns of PROFILE_COLUMNS.

    found : concept_index -> numbers of a learned concept. same : columns that are the same in all rows.
    """
    missing = dict.fromkeys((column.name for column in PROFILE_COLUMNS), float("nan"))
    rows = []
    for c, name in enumerate(vocabulary.names):
        row: dict[str, Any] = missing | same | counts[c]
        row |= {"concept_index": c, "concept": name, "category": CATEGORIES[vocabulary.primary_category[c]]}
        row |= {"reason": reasons[c], "sfss_reason": "", "recognised": False, "n_balanced": 0}
        row |= {"n_unconverged": pd.NA, "n_undefined": pd.NA}
        if c in found:
            row |= found[c] | {"sfss_reason": why_not_sfss(counts[c], same["min_images_sfss"])}
        rows.append(row)
    return frame_of(rows, PROFILE_COLUMNS, PROFILE_TYPES)


def _learn_all(
    source: Source, folder: Path, learned: list[tuple[int, str, str]], setting: Setting, *, threads: int, mem_mb: int
) -> Iterator[tuple[int, list[Profile]]]:
    """(position of the first, profiles) of all concepts, as they are done."""
    firsts = range(0, len(learned), CONCEPTS_PER_TASK)
    tasks = [
        Task(source, folder, tuple((c, name) for c, name, _ in learned[first : first + CONCEPTS_PER_TASK]), setting)
        for first in firsts
    ]
    for i, found in parallel_each(
        learn_profiles, tasks, threads=threads, mem_mb=mem_mb, description="concept activation vectors"
    ):
        yield firsts[i], found
