"""From what was learned of the concepts of a layer to the rows of its tables: scores, gains, intervals, reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

from conceptatlas.datasets.labelled_images import Vocabulary
from conceptatlas.datasets.splits import NAMES, TRAIN, VAL, Split
from conceptatlas.inference.bootstrap import block_weights, ratio_difference_interval, ratio_interval
from conceptatlas.masks.iou import iou
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.naming import CATEGORIES
from conceptatlas.net2vec.columns import SUBSET_COLUMNS
from conceptatlas.net2vec.segmentation_learning import Learned
from conceptatlas.net2vec.segmentation_tables import IMAGE_COLUMNS, SEGMENTATION_COLUMNS
from conceptatlas.net2vec.single_filters import SingleFilters
from conceptatlas.net2vec.subsets import critical_sizes
from conceptatlas.net2vec.vectors import unit_length

Array = np.ndarray[Any, Any]

_WHOLE = ("units_seen", "single_unit", "one_unit")
_OPTIONS = ("loss", "upsample", "bias", "order", "image_level", "learning_rate", "momentum", "batch", "epochs", "l1",
            "l2")  # fmt: skip


def segmentation_rows(
    names: dict[str, str],
    vocabulary: Vocabulary,
    counted: Any,
    learned: list[Learned],
    single: SingleFilters,
    split: Split,
    sizes: list[int],
    options: dict[str, Any],
    choices: dict[str, Any],
    seed: int,
) -> pd.DataFrame:
    """segmentation.parquet without its column `shown`: a row for every concept of the vocabulary.

    counted : `segmentation.Counted`. single : its columns are those of `learned`.
    """
    train_iou, val_iou, all_iou = single.iou_set(TRAIN), single.iou_set(VAL), single.iou_all()
    numbers = {
        one.concept: _numbers(one, train_iou[:, i], val_iou[:, i], all_iou[:, i], sizes)
        for i, one in enumerate(learned)
    }
    intervals = _intervals(learned, split, choices, seed)
    rows = []
    for c, name in enumerate(vocabulary.names):
        row: dict[str, Any] = {
            **names,
            "concept_index": c,
            "concept": name,
            "category": CATEGORIES[vocabulary.primary_category[c]],
            "n_train": int(counted.n_train[c]),
            "n_val": int(counted.n_val[c]),
            "n_blocks": 0,
            "small": bool(counted.n_train[c] < choices["min_train_images"]),
            "reason": counted.reasons[c],
        }
        rows.append(row | numbers.get(c, {}) | intervals.get(c, {}))
    table = pd.DataFrame(rows, columns=[column.name for column in SEGMENTATION_COLUMNS if column.name != "shown"])
    for option in _OPTIONS:
        table[option] = options[option]
    table["split"] = split.source
    for choice in ("min_train_images", "n_bootstrap", "confidence"):
        table[choice] = choices[choice]
    table["seed"] = seed
    for name in _WHOLE:
        table[name] = table[name].astype("Int64")
    table["equal_or_better"] = table["equal_or_better"].astype("boolean")
    scores = [n for n in table.columns if n in _NUMBERS and n not in (*_WHOLE, "equal_or_better")]
    table[scores] = table[scores].astype(np.float64)
    return table


_CRITICAL = [column.name for column in SEGMENTATION_COLUMNS if column.name.startswith("critical_f_")]
_NUMBERS = {
    "size", "alpha", *_WHOLE, "single_train", "single_val", "single_val_low", "single_val_high", "single_wide_val",
    "one_val", "combination_train", "combination_val", "combination_val_low", "combination_val_high", "gain",
    "gain_low", "gain_high", "gain_cut", "gain_filters", "equal_or_better", "single_iou_all", "combination_iou_all",
    "combination_auprc", "cell_share", "repeat_sd", "repeat_cosine", "weight_share", "overlap", "correlation",
    "correlation_p", "single_zero", "single_zero_inactive", "single_mean", "single_sd", "combination_zero",
    "combination_zero_inactive", "combination_mean", "combination_sd", *_CRITICAL,
}  # fmt: skip


def _numbers(one: Learned, train_iou: Array, val_iou: Array, all_iou: Array, sizes: list[int]) -> dict[str, Any]:
    w = one.weights[0]
    unit = int(np.where(np.isnan(train_iou), -1.0, train_iou).argmax())
    by_size = {size: float(np.mean(one.subsets[i, :, VAL])) for i, size in enumerate(sizes)}
    single_val, combination_val, one_val = float(val_iou[unit]), float(one.combination[0, VAL]), by_size[1]
    correlation, p = weight_correlation(w, val_iou)
    everywhere = iou(np.array(one.combination_shared.sum()), np.array(one.all_pixels), np.array(one.label_pixels.sum()))
    critical = critical_sizes(by_size, combination_val, 0.0)
    val = one.split == VAL
    single = per_image(one.single_shared[val], one.single_pixels[val], one.label_pixels[val], ~one.single_fires[val])
    combination = per_image(one.combination_shared[val], one.combination_pixels[val], one.label_pixels[val],
                            one.combination_pixels[val] == 0)  # fmt: skip
    return {
        "size": one.size,
        "alpha": one.alpha,
        "units_seen": one.units_seen,
        "single_unit": unit,
        "single_train": float(train_iou[unit]),
        "single_val": single_val,
        "single_wide_val": float(one.single_wide[VAL]),
        "one_unit": one.one_unit,
        "one_val": one_val,
        "combination_train": float(one.combination[0, TRAIN]),
        "combination_val": combination_val,
        "gain": combination_val - single_val,
        "gain_cut": one_val - single_val,
        "gain_filters": combination_val - one_val,
        "equal_or_better": bool(combination_val >= single_val),
        "single_iou_all": float(all_iou[unit]),
        "combination_iou_all": float(everywhere),
        "combination_auprc": one.auprc,
        "cell_share": one.cell_share,
        "repeat_sd": _sd(one.combination[:, VAL]),
        "repeat_cosine": repeat_cosine(one.weights),
        "weight_share": float(np.abs(w[unit]) / np.abs(w).sum()) if np.abs(w).sum() > 0 else float("nan"),
        "overlap": single_val / combination_val if combination_val > 0 else float("nan"),
        "correlation": correlation,
        "correlation_p": p,
        **{f"single_{name}": value for name, value in single.items()},
        **{f"combination_{name}": value for name, value in combination.items()},
        **{f"critical_f_{share}": size for share, size in critical.items()},
    }


def weight_correlation(weights: Array, ious: Array) -> tuple[float, float]:
    """Pearson correlation over units of max(w, 0) with single-filter IoU, and its two-sided p (paper, Fig. 9).

    NaN where either does not vary, or fewer than three units have an IoU.
    """
    there = np.isfinite(ious)
    x, y = np.maximum(weights[there], 0), ious[there]
    if there.sum() < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan")
    found = pearsonr(x, y)
    return float(found.statistic), float(found.pvalue)


def repeat_cosine(weights: Array) -> float:
    """Mean cosine of the first initialisation's weights with those of the others, (repeat, unit); NaN for one."""
    if len(weights) < 2:
        return float("nan")
    unit = unit_length(weights)
    return float(np.mean(unit[1:] @ unit[0]))


def per_image(shared: Array, pixels: Array, label_pixels: Array, silent: Array) -> dict[str, float]:
    """The distribution of iou_image (paper, Fig. 7): share of zeros, how many of these are silent, the rest's moments.

    shared, pixels, label_pixels : int64 (image,). silent : bool (image,), nothing could have been found there.
    """
    values = iou(shared, pixels, label_pixels)
    defined = np.isfinite(values)
    zero = defined & (values == 0)
    rest = values[defined & (values > 0)]
    return {
        "zero": float(zero.sum() / defined.sum()) if defined.any() else float("nan"),
        "zero_inactive": float((zero & silent).sum() / zero.sum()) if zero.any() else float("nan"),
        "mean": float(rest.mean()) if len(rest) else float("nan"),
        "sd": _sd(rest),
    }


def _sd(values: Array) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _intervals(learned: list[Learned], split: Split, choices: dict[str, Any], seed: int) -> dict[int, dict[str, Any]]:
    """Intervals of the best filter's and the combination's iou_set on validation images, and of their difference."""
    if not learned:
        return {}
    n_blocks = np.zeros(len(learned), dtype=np.int64)
    shape = (len(learned), N_BLOCKS)
    shared, union = ({kind: np.zeros(shape, dtype=np.int64) for kind in ("single", "combination")} for _ in range(2))
    for i, one in enumerate(learned):
        val = one.split == VAL
        block = split.blocks[one.images[val]]
        n_blocks[i] = len(np.unique(block))
        for kind, pixels, both in (
            ("single", one.single_pixels, one.single_shared),
            ("combination", one.combination_pixels, one.combination_shared),
        ):
            np.add.at(shared[kind][i], block, both[val])
            np.add.at(union[kind][i], block, (pixels + one.label_pixels - both)[val])
    weights = block_weights(N_BLOCKS, choices["n_bootstrap"], seed=seed) if choices["n_bootstrap"] else None
    out: dict[int, dict[str, Any]] = {
        one.concept: {"n_blocks": int(n)} for one, n in zip(learned, n_blocks, strict=True)
    }
    if weights is None:
        return out
    found = {
        f"{kind}_val": ratio_interval(
            shared[kind], union[kind], weights, confidence=choices["confidence"], n_blocks_with_data=n_blocks
        )
        for kind in shared
    }
    found["gain"] = ratio_difference_interval(
        shared["combination"], union["combination"], shared["single"], union["single"], weights,
        confidence=choices["confidence"], n_blocks_with_data=n_blocks,
    )  # fmt: skip
    for i, one in enumerate(learned):
        for name, (low, high) in found.items():
            out[one.concept] |= {f"{name}_low": float(low[i]), f"{name}_high": float(high[i])}
    return out


def subset_rows(
    names: dict[str, str], table: pd.DataFrame, learned: list[Learned], sizes: list[int], choices: dict[str, Any]
) -> pd.DataFrame:
    """segmentation_subsets.parquet: a row a concept, size and repeat."""
    about = table.set_index("concept_index")
    rows = [
        {
            **names,
            "task": "segmentation",
            "concept_index": one.concept,
            "concept": about.loc[one.concept, "concept"],
            "category": about.loc[one.concept, "category"],
            "small": bool(about.loc[one.concept, "small"]),
            "n_filters": size,
            "repeat": repeat,
            "train": float(one.subsets[i, repeat, TRAIN]),
            "val": float(one.subsets[i, repeat, VAL]),
            "warm_start": choices["warm_start"],
        }
        for one in learned
        for i, size in enumerate(sizes)
        for repeat in range(choices["repeats"])
    ]
    return pd.DataFrame(rows, columns=[column.name for column in SUBSET_COLUMNS])


def image_rows(learned: list[Learned]) -> pd.DataFrame:
    """segmentation_images.parquet: a row a concept and image that holds it."""

    def joined(name: str, dtype: Any = np.int64) -> Array:
        return np.concatenate([np.zeros(0, dtype=dtype), *(getattr(one, name) for one in learned)])

    split = np.array(NAMES, dtype=object)[joined("split")]
    label, single, combination = (joined(n) for n in ("label_pixels", "single_pixels", "combination_pixels"))
    single_shared, combination_shared = joined("single_shared"), joined("combination_shared")
    table = pd.DataFrame(
        {
            "concept_index": np.repeat([one.concept for one in learned], [len(one.images) for one in learned]).astype(
                int
            ),
            "image_index": joined("images"),
            "split": split,
            "label_pixels": label,
            "single_pixels": single,
            "single_intersection": single_shared,
            "single_iou": iou(single_shared, single, label),
            "single_fires": joined("single_fires", bool),
            "combination_pixels": combination,
            "combination_intersection": combination_shared,
            "combination_iou": iou(combination_shared, combination, label),
        }
    )
    return table[[column.name for column in IMAGE_COLUMNS]]
