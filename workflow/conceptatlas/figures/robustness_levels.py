"""The levels of a perturbation as places on an axis, and what the figures of robustness state about themselves.

A kind (noise, rotation, patches ...) is an axis, an amount of it a place on the axis. One level may be drawn several
times (repeats): its value is the mean over repeats, its band the mean of the repeats' interval ends, which stands for
the images only; how far the repeats lie apart is drawn as thin lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from conceptatlas.figures.style import SEQUENCE, count, number, plain

Array = np.ndarray[Any, Any]

KINDS = ("noise", "rotation", "patches", "fgsm")
"""Kinds in the order of the talk; any other comes after them, by name. A kind with options other than the default's,
such as ``noise centred=yes``, stands beside its plain form."""
AXES = {
    "noise": "amplitude s (of 0..255)",
    "rotation": "angle (degrees)",
    "patches": "g × g patches, g",
    "patches patch_px=yes": "side of a patch (px)",
    "fgsm": "step ε (of 0..255)",
    "none": "control, unperturbed",
}
LAYER_MARKERS = "osD^vPX<>"

CLEAN = "Thresholds and labels are those of the clean run; label masks move with the picture"
KEPT = "kept: its best label on perturbed images is the clean one, above the cut"
LOST = "lost: no label is above the cut"
RELABELLED = "relabelled: its best label is another one, above the cut"
RETAINED = "Retained IoU: mean IoU of the clean run's detectors with their own label, perturbed / clean"
AGREEMENT = (
    "Mask agreement: IoU of the clean mask and the perturbed mask moved back, cells out of sight left out, mean over "
    "images, then over detectors"
)
REPEATS = "Several draws of a level: thin lines; the thick one is their mean, its band the mean of their intervals"


@dataclass(frozen=True)
class Step:
    """A place on the axis of its kind."""

    kind: str
    amount: float

    @property
    def words(self) -> str:
        """The level, in two words."""
        amount = f"{self.amount:g}"
        shapes = {
            "none": "control",
            "fgsm": f"FGSM, ε {amount}",
            "rotation": f"rotation {amount}°",
            "patches": f"{amount} × {amount} patches",
            "patches patch_px=yes": f"{amount} px patches",
        }
        return shapes.get(self.kind, f"{base_of(self.kind)}{'' if self.kind in KINDS else '*'} {amount}")

    @property
    def tick(self) -> str:
        """The level where its kind stands beside it."""
        return {"rotation": f"{self.amount:g}°"}.get(self.kind, f"{self.amount:g}")


def base_of(kind: str) -> str:
    """A kind without its options.

    >>> base_of("noise centred=yes")
    'noise'
    """
    return kind.partition(" ")[0]


def kinds_of(table: pd.DataFrame) -> list[str]:
    """Kinds of a table, in the order of the project; a variant after its plain form."""
    places = {kind: i for i, kind in enumerate(KINDS)}
    return sorted(set(table["kind"].astype(str)), key=lambda kind: (places.get(base_of(kind), len(KINDS)), kind))


def kind_title(kind: str) -> str:
    """A kind over its panel.

    >>> kind_title("noise centred=yes"), kind_title("patches")
    ('Noise, centred=yes', 'Patches')
    """
    base, _, options = kind.partition(" ")
    name = base.upper() if base == "fgsm" else base.capitalize()
    return plain(name + (f", {options}" if options else ""), width=28)


def steps_of(table: pd.DataFrame, kind: str | None = None) -> list[Step]:
    """The levels of a table, of one kind or of all, in order of kind and amount; repeats count once."""
    found = set(zip(table["kind"].astype(str), table["amount"].astype(float), strict=True))
    kinds = kinds_of(table) if kind is None else [kind]
    return [Step(name, amount) for name in kinds for amount in sorted(a for k, a in found if k == name)]


def layers_of(table: pd.DataFrame) -> list[str]:
    """Layers in the order of the table, which is that of the sheet."""
    return list(dict.fromkeys(table["layer"].astype(str)))


def over_repeats(rows: pd.DataFrame, value: str, low: str, high: str, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Mean over repeats: columns `by`, kind, amount, value, low, high, n (draws), in order of amount."""
    keys = [*by, "kind", "amount"]
    parts = rows[keys].assign(value=rows[value], low=rows[low], high=rows[high]).astype({"amount": float})
    grouped = parts.groupby(keys, sort=False)
    table = grouped[["value", "low", "high"]].mean().assign(n=grouped.size()).reset_index()
    return table.sort_values("amount", kind="stable", ignore_index=True)


def layer_looks(layers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and marker of every layer: the colour runs with depth."""
    colours = colormaps[SEQUENCE]
    return {
        layer: {
            "color": colours(0.05 + 0.83 * i / max(len(layers) - 1, 1)),
            "marker": LAYER_MARKERS[i % len(LAYER_MARKERS)],
        }
        for i, layer in enumerate(layers)
    }


def amount_axis(ax: Axes, steps: Sequence[Step]) -> None:
    """Scale, limits and ticks of the axis of a kind: a tick a level, logarithmic for amplitudes."""
    amounts = [step.amount for step in steps]
    kind = steps[0].kind
    if is_logarithmic(steps):
        ax.set_xscale("log")
        ax.set_xlim(amounts[0] / 1.6, amounts[-1] * 1.6)
    else:
        room = 0.12 * (amounts[-1] - amounts[0]) or 1.0
        ax.set_xlim(amounts[0] - room, amounts[-1] + room)
    names = {step.amount: step.tick for step in steps}
    ax.xaxis.set_major_locator(FixedLocator(amounts))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _nearest_name(value, names)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(AXES.get(kind) or AXES.get(base_of(kind)) or plain(kind))


def beside(amounts: pd.Series, steps: Sequence[Step], i: int, n: int) -> pd.Series:
    """Where the i-th of n lines is drawn: at the amounts, but side by side where the kind has a single level."""
    if len(steps) > 1 or n < 2:
        return amounts
    share = i / (n - 1) - 0.5
    return amounts * 1.6**share if is_logarithmic(steps) else amounts + share


def is_logarithmic(steps: Sequence[Step]) -> bool:
    """Whether the axis of these levels (of one kind) is logarithmic: amplitudes and sizes, unless one of them is 0."""
    kind = steps[0].kind
    is_size = base_of(kind) in ("noise", "fgsm") or kind == "patches patch_px=yes"
    return is_size and min(step.amount for step in steps) > 0


def _nearest_name(value: float, names: dict[float, str]) -> str:
    return names[min(names, key=lambda amount: abs(amount - value))]


def percent(axis: Any) -> None:
    """Print shares as per cent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


# Facts ------------------------------------------------------------------------------------------------------------


def detectors_of(summary: pd.DataFrame) -> dict[str, int]:
    """Detectors of the clean run, by layer."""
    rows = summary[summary["category"] == ""].drop_duplicates("layer")
    return {layer: int(n) for layer, n in zip(rows["layer"].astype(str), rows["n_detectors_clean"], strict=True)}


def place_of(summary: pd.DataFrame) -> str:
    """Model and data set, for titles."""
    first = summary.iloc[0]
    return f"{plain(first['model'])} on {plain(first['dataset'])}"


def sample_of(summary: pd.DataFrame) -> str:
    """Images and detectors behind a figure."""
    counts = sorted(set(summary["n_images"].astype(int)))
    images = count(counts[0], "image") if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} images"
    found = detectors_of(summary)
    each = ", ".join(f"{plain(layer)} {n:,}" for layer, n in found.items())
    return f"Data set {plain(summary['dataset'].iloc[0])}, n = {images}; detectors of the clean run: {each}"


def rule_of(summary: pd.DataFrame) -> str:
    """What a detector is."""
    return f"Detector: IoU over images of the category > {number(float(summary['detector_iou'].iloc[0]), digits=2)}"
