"""Tables of FALCON as its jobs leave them, filled with numbers that tests know: no encoder, no captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from conceptatlas.falcon.crop_tables import CROP_COLUMNS
from conceptatlas.falcon.explained_tables import EXPLAINED_COLUMNS, WORD_COLUMNS
from conceptatlas.falcon.joined_tables import SUMMARY_COLUMNS
from conceptatlas.falcon.selected_tables import MEMBER_COLUMNS
from conceptatlas.tables import Column, write_table

PLACE = {"dataset": "scenes", "model": "plain", "layer": "conv5"}
READ = {"encoder": "eyes", "vocabulary": "captions"}
GROUPS = ("0", "0-3")
WORDS = (("<i>wheel</i>", 0.6, False), ("road", 0.5, True), ("sky", 0.4, False))
"""Word, score, whether it was dropped."""


def write_falcon(folder: Path) -> None:
    """Write ``falcon/scenes/plain/conv5``: a feature alone and a group of two, with images 0 to 3; and
    the summary of the data set beside it."""
    (folder / "eyes/captions").mkdir(parents=True)
    _write(folder / "members.parquet", MEMBER_COLUMNS, [
        {"group": group, "kind": kind, "rank": rank, "image_index": first + rank, "image_id": "x", "value": 0.3}
        for group in GROUPS for kind, first in (("high", -1), ("low", 1)) for rank in (1, 2)
    ])  # fmt: skip
    box = {"top": 8, "left": 8, "bottom": 32, "right": 40, "module": "conv5", "cut": 0.6}
    _write(folder / "eyes/crops.parquet", CROP_COLUMNS, [
        {"kind": "high", "group": group, "image_index": image, "image_id": "x", **box, "whole": image == 1}
        for group in GROUPS for image in (0, 1)
    ])  # fmt: skip
    numbers = {"kind": "noun", "score_low": 0.3, "score_high": 0.7, "null_high": 0.2, "p": 0.01, "p_search": 0.02}
    _write(folder / "eyes/captions/words.parquet", WORD_COLUMNS, [
        {**numbers, "group": group, "word": word, "score": score, "dropped": dropped, "above_null": not dropped,
         "counter_score": 0.3 if dropped else 0.0, "rank": i + 1}
        for group in GROUPS for i, (word, score, dropped) in enumerate(WORDS)
    ])  # fmt: skip
    numbers = {"similarity": 0.8, "similarity_low": 0.7, "similarity_high": 0.9, "null_similarity": 0.5, "p": 0.02}
    _write(folder / "eyes/captions/explained.parquet", EXPLAINED_COLUMNS, [
        {**numbers, "group": group, "n_features": len(group.split("-")), "n_high": 2, "percentile": 99.0, "q": 0.03,
         "words": "<i>wheel</i>, sky", "explained": True, "interpretable": True}
        for group in GROUPS
    ])  # fmt: skip
    joined = folder.parents[1] / "models/eyes/captions"
    joined.mkdir(parents=True)
    _write(joined / "summary.parquet", SUMMARY_COLUMNS, [
        {"fact": "explained_features", "value": 0.75, "low": 0.5, "high": 0.9, "n": 3, "n_total": 4, "reason": ""}
    ])  # fmt: skip


def _write(path: Path, columns: list[Column], rows: list[dict[str, Any]]) -> None:
    """Columns that a test does not look at hold 0."""
    every = dict.fromkeys([column.name for column in columns], 0) | PLACE | READ
    frame = pd.DataFrame([every | row for row in rows])[[column.name for column in columns]]
    write_table(path, frame, columns=columns)
