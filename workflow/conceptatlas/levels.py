"""Levels of perturbation: what the rows of perturbations.tsv may say, checked before a job is planned.

Standard library only: the study is checked while Snakemake parses. What the kinds do to a picture stands in
`robustness.perturbations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from conceptatlas.naming import unknown
from conceptatlas.sheets import Row, parse_options

OPTIONS: dict[str, dict[str, str]] = {
    "none": {},
    "noise": {"centred": "no", "clip": "yes"},
    "rotation": {},
    "patches": {"patch_px": "no"},
    "fgsm": {"clip": "yes"},
}
"""Kind -> its options with their defaults; every option is yes or no."""

NEEDS_SCORES = ("fgsm",)
"""Kinds that follow the model's own loss: other pictures for every model, which must give class scores."""


def level_options(row: Row) -> dict[str, bool]:
    """All options of a level, those left out with their defaults.

    Raises
    ------
    ValueError
        naming the level: unknown kind, unknown option, a value that is not yes or no, an amount the kind cannot have.
    """
    place = f"level {row['level']}"
    kind, amount = str(row["kind"]), float(row["amount"])
    if kind not in OPTIONS:
        raise unknown("kind", kind, OPTIONS, where=place)
    given = parse_options(str(row["options"]))
    for name, value in given.items():
        if name not in OPTIONS[kind]:
            raise unknown(f"option of {kind}", name, OPTIONS[kind], where=place)
        if value not in ("yes", "no"):
            raise ValueError(f"{place}: {name} is yes or no, not {value!r}")
    if kind == "patches" and (amount < 1 or amount != int(amount)):
        raise ValueError(f"{place}: the amount of patches is a whole number from 1, not {row['amount']}")
    if kind in ("noise", "fgsm") and amount < 0:
        raise ValueError(f"{place}: the amount of {kind} is at least 0, not {row['amount']}")
    return {name: given.get(name, default) == "yes" for name, default in OPTIONS[kind].items()}


def kind_label(row: Row) -> str:
    """The kind with what is not the default about it, as result tables name it: such levels form curves of their own.

    >>> kind_label({"level": "a", "kind": "noise", "amount": 5, "options": "centred=yes"})
    'noise centred=yes'
    """
    defaults = OPTIONS[str(row["kind"])]
    chosen = {name: "yes" if value else "no" for name, value in level_options(row).items()}
    return " ".join([str(row["kind"]), *(f"{name}={v}" for name, v in chosen.items() if v != defaults[name])])


def repeats(rows: Iterable[Row]) -> dict[str, int]:
    """Level -> its number (0, 1, ...) among the rows of one kind, amount and options, which differ in their seed."""
    seen: dict[tuple[str, float], int] = {}
    out: dict[str, int] = {}
    for row in rows:
        key = (kind_label(row), float(row["amount"]))
        out[str(row["level"])] = seen.get(key, 0)
        seen[key] = out[str(row["level"])] + 1
    return out


def grid_cells(row: Mapping[str, Any], frame_size: int) -> int:
    """Patches along a side of the frame: the amount, or as many patches of that many pixels as fit best."""
    amount = int(row["amount"])
    return max(1, round(frame_size / amount)) if level_options(dict(row))["patch_px"] else amount


def check_level(row: Row, data: Row) -> Iterable[str]:
    """What is wrong with a level for a data set (a row of datasets.tsv), one line a mistake."""
    if row["kind"] == "patches":
        cells = grid_cells(row, int(data["frame_size"]))
        if cells > int(data["mask_size"]):
            yield (
                f"level {row['level']}: {cells} x {cells} patches on data set {data['dataset']}, whose masks have "
                f"{data['mask_size']} x {data['mask_size']} cells; a patch needs a cell"
            )
