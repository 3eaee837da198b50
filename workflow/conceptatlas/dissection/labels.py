"""The labels of a layer's units: Network Dissection's table, with intervals, nulls and the scores beside IoU.

Source: Bau, Zhou, Khosla, Oliva, Torralba, Network Dissection, CVPR 2017. A unit's label is the concept with the
highest iou_category; a detector exceeds an IoU of 0.04 (option). All counts come from the tally job as integers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.activations.maps import stored_maps
from conceptatlas.activations.store import open_shards
from conceptatlas.activations.summary import layer_grid
from conceptatlas.activations.thresholds import UNIT_STATES
from conceptatlas.datasets.labelled_images import Vocabulary, read_images, read_vocabulary
from conceptatlas.dissection.confounds import confounding, find_candidates
from conceptatlas.dissection.counting import (
    SUMMARY_COLUMNS,
    bootstrap_counts,
    count_table,
    counts_of,
    cross_fitted,
    null_counts,
    sensitivity_rows,
)
from conceptatlas.dissection.gallery import choose_units
from conceptatlas.dissection.label_tables import LABEL_COLUMNS, UNIT_COLUMNS
from conceptatlas.dissection.netdissect_csv import write_netdissect_csv
from conceptatlas.dissection.sources import FromCounts, FromMaps, Source
from conceptatlas.dissection.tally import read_null, read_summed, read_tally
from conceptatlas.files import read_json
from conceptatlas.inference.bootstrap import block_weights, halves, ratio_interval
from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.inference.null import permutation_p
from conceptatlas.masks.iou import iou_all, tally_iou
from conceptatlas.masks.labels import top_concepts
from conceptatlas.masks.tally import N_BLOCKS, Tally
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import write_table

Array = np.ndarray[Any, Any]


def dissect_layer(
    *,
    dataset: str,
    model: str,
    layer: str,
    shards: list[str],
    manifests: list[str],
    statistics: str | Path,
    tally: str | Path,
    about: str | Path,
    index: str | Path,
    concepts: str | Path,
    overlaps: str | Path,
    annotations: list[str],
    frames: list[str],
    report: str | Path,
    labels: str | Path,
    units: str | Path,
    summary: str | Path,
    netdissect: str | Path,
    gallery: str | Path,
    thresholds: dict[str, Any],
    geometry: dict[str, Any],
    options: dict[str, Any],
    seed: int,
    counted: list[str] | None = None,
    counted_manifests: list[str] | None = None,
    scored: list[str] | None = None,
    scored_manifests: list[str] | None = None,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Label the units of a layer and write its tables, csv and picture strips.

    about : dataset.json. options : config section `dissection`. counted, scored : of a layer whose maps are not stored,
    what the second and the third pass left (none scored: no scores beside IoU). The other arguments are the files of
    the layer.
    """
    mask_size = read_json(about)["mask_size"]
    grid = layer_grid(read_json(report)["layers"][layer], mask_size, geometry)
    with h5py.File(statistics, "r") as file:
        measured: dict[str, Array] = {
            name: file[name][()] for name in ("thresholds", "achieved", "state", "minimum", "maximum", "mean",
                                              "standard_deviation")
        }  # fmt: skip
    facts = read_json(Path(statistics).with_suffix(".json"))
    source: Source = FromMaps(stored_maps(shards, manifests, layer), grid)
    if counted:
        source = FromCounts(
            open_shards(shards, manifests, layer),
            open_shards(counted, counted_manifests or [], layer),
            open_shards(scored, scored_manifests or [], layer) if scored else [],
            int(mask_size),
        )
    write_labels(
        {"dataset": dataset, "model": model, "layer": layer},
        source,
        measured,
        facts,
        tally=tally,
        index=index,
        concepts=concepts,
        overlaps=overlaps,
        annotations=annotations,
        labels=labels,
        units=units,
        summary=summary,
        netdissect=netdissect,
        gallery=gallery,
        frames=frames,
        definitions={
            "tau": str(thresholds["tau"]),
            "threshold_definition": str(thresholds["definition"]),
            "threshold_on": str(thresholds["threshold_on"]),
            "upsample": grid.upsample,
            "order": grid.order,
            "padding": grid.padding,
            "mask_size": int(mask_size),
        },
        options=options,
        seed=seed,
        threads=threads,
        mem_mb=mem_mb,
    )


def write_labels(
    names: dict[str, str],
    source: Source,
    measured: dict[str, Array],
    facts: dict[str, Any],
    *,
    tally: str | Path,
    index: str | Path,
    concepts: str | Path,
    overlaps: str | Path,
    annotations: list[str],
    labels: str | Path,
    units: str | Path,
    summary: str | Path,
    netdissect: str | Path | None,
    gallery: str | Path | None,
    frames: list[str],
    definitions: dict[str, Any],
    options: dict[str, Any],
    seed: int,
    threads: int,
    mem_mb: int,
) -> None:
    """Label the units of a layer (or the directions of a basis) from their tally.

    source : what the tally does not hold (`dissection.sources`). measured : thresholds (level, unit), achieved, state,
    minimum, maximum, mean, standard_deviation. facts : taus, n_valid of the layer's statistics.
    """
    vocabulary, images = read_vocabulary(concepts), read_images(index)
    counts = read_tally(tally, facts["taus"][0])
    null_iou, null_concept = read_null(tally)
    scores = tally_iou(counts, vocabulary.primary_category)
    weights = block_weights(N_BLOCKS, options["n_bootstrap"], seed=seed)
    top = top_concepts(scores, n=options["top_labels"])
    overlap, holders = find_candidates(overlaps)
    beside = source.scores(
        annotations=annotations,
        measured=measured,
        top=top,
        candidates=holders,
        blocks=images.blocks,
        scratch=Path(units).parent,
        threads=threads,
        mem_mb=mem_mb,
    )
    confounded = confounding(
        counts, overlap, holders, top[:, 0], beside.inside, weights, confidence=options["confidence"]
    )
    label_table = _label_table(names, definitions, counts, scores, top, vocabulary, weights, options)
    label_table["f1"], label_table["pearson"] = beside.f1.ravel(), beside.pearson.ravel()
    label_table["cosine"], label_table["auprc"] = beside.cosine.ravel(), beside.auprc.ravel()
    crossed, agree = cross_fitted(counts, vocabulary, halves(N_BLOCKS, seed=seed))
    best = scores[np.arange(len(scores)), top[:, 0]]
    p = permutation_p(best, null_iou.max(axis=2)) if len(null_iou) else np.full(len(best), np.nan)
    first = label_table[label_table["rank"] == 1].reset_index(drop=True)
    shown = source.top_images(options["gallery_images"])
    unit_table = pd.DataFrame(
        {
            **names,
            "unit": np.arange(len(best)),
            "state": np.array(UNIT_STATES, dtype=object)[measured["state"]],
            "threshold": measured["thresholds"][0],
            "achieved": measured["achieved"][0],
            "minimum": measured["minimum"],
            "maximum": measured["maximum"],
            "mean": measured["mean"],
            "standard_deviation": measured["standard_deviation"],
            "concept": first["concept"],
            "category": first["category"],
            "iou_category": first["iou_category"],
            "ci_low": first["ci_low"],
            "ci_high": first["ci_high"],
            "iou_all": first["iou_all"],
            "iou_cross_fitted": crossed,
            "label_stable": agree,
            "p": p,
            "q": benjamini_hochberg(p),
            "null_high": np.percentile(null_iou.max(axis=2), 95, axis=0) if len(null_iou) else np.nan,
            "n_permutations": len(null_iou),
            "is_detector": best > options["detector_iou"],
            "confounded_by": [vocabulary.names[d] if d >= 0 else "" for d in confounded.concept],
            "lift": confounded.lift,
            "lift_low": confounded.low,
            "lift_high": confounded.high,
            "is_confounded": confounded.flagged,
            "top_images": list(shown.images),
            "top_values": list(shown.values),
        }
    )
    unit_table["is_significant"] = unit_table["is_detector"] & (unit_table["q"] <= options["fdr"])
    write_table(labels, label_table[[column.name for column in LABEL_COLUMNS]], columns=LABEL_COLUMNS)
    write_table(units, unit_table[[column.name for column in UNIT_COLUMNS]], columns=UNIT_COLUMNS)
    table = _summary(
        names, counts, scores, vocabulary, null_iou, null_concept, unit_table, weights, facts, options, tally
    )
    write_table(summary, table, columns=SUMMARY_COLUMNS)
    if netdissect is not None:
        write_netdissect_csv(netdissect, counts, scores, vocabulary)
    if gallery is not None:
        chosen = choose_units(best, top[:, 0], n=options["gallery_units"])
        source.write_gallery(gallery, shown, chosen, measured["thresholds"][0], frames)


def _label_table(
    names: dict[str, str],
    definitions: dict[str, Any],
    counts: Tally,
    scores: Array,
    top: Array,
    vocabulary: Vocabulary,
    weights: Array,
    options: dict[str, Any],
) -> pd.DataFrame:
    n_units, n_ranks = top.shape
    unit = np.repeat(np.arange(n_units), n_ranks)
    concept = top.ravel()
    category = vocabulary.primary_category[concept]
    inter = counts.by_block(unit, concept)
    pixels = counts.label_pixels[concept]
    n_blocks = (counts.label_images[concept] > 0).sum(axis=1)
    low, high = ratio_interval(
        inter,
        counts.category_areas[unit, category] + pixels - inter,
        weights,
        confidence=options["confidence"],
        n_blocks_with_data=n_blocks,
    )
    everywhere = iou_all(counts.dense(), counts.areas.sum(axis=1), counts.label_pixels.sum(axis=1))
    return pd.DataFrame(
        {
            **names,
            "unit": unit,
            "rank": np.tile(np.arange(1, n_ranks + 1), n_units),
            "concept": np.array(vocabulary.names, dtype=object)[concept],
            "category": np.array(CATEGORIES, dtype=object)[category],
            "iou_category": scores[unit, concept],
            "ci_low": low,
            "ci_high": high,
            "iou_all": everywhere[unit, concept],
            "n_blocks_with_concept": n_blocks,
            "n_images_with_concept": counts.label_images[concept].sum(axis=1),
            "intersection": inter.sum(axis=1),
            "unit_pixels_category": counts.category_areas[unit, category].sum(axis=1),
            "unit_pixels_all": counts.areas[unit].sum(axis=1),
            "label_pixels": pixels.sum(axis=1),
            **definitions,
        }
    )


def _summary(
    names: dict[str, str],
    counts: Tally,
    scores: Array,
    vocabulary: Vocabulary,
    null_iou: Array,
    null_concept: Array,
    unit_table: pd.DataFrame,
    weights: Array,
    facts: dict[str, Any],
    options: dict[str, Any],
    tally: str | Path,
) -> pd.DataFrame:
    cut = options["detector_iou"]
    own = facts["taus"][0]
    table = count_table(
        counts_of(scores, vocabulary, cut=cut),
        bootstrap_counts(counts, scores, vocabulary, weights, cut=cut),
        null_counts(null_iou, null_concept, cut=cut),
        tau=own,
        confidence=options["confidence"],
    )
    more = [
        row
        for tau in facts["taus"][1:]
        for row in sensitivity_rows(read_summed(tally, tau), vocabulary, tau=tau, cut=cut)
    ]
    significant = unit_table["is_significant"].sum()
    more.append({"quantity": "detectors_fdr", "category": "", "tau": own, "value": float(significant)})
    more += [
        {"quantity": f"units_{state}", "category": "", "tau": own, "value": float((unit_table["state"] == state).sum())}
        for state in UNIT_STATES
    ]
    table = pd.concat([table, pd.DataFrame(more)], ignore_index=True)
    for name, value in {
        **names,
        "n_units": len(unit_table),
        "n_images": facts["n_valid"],
        "n_permutations": len(null_iou),
        "detector_iou": cut,
    }.items():
        table[name] = value
    return table[[column.name for column in SUMMARY_COLUMNS]]
