"""Words of the figures of tuning: changes with their units, verdicts, colours of labels."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex

from conceptatlas.figures.style import plain
from conceptatlas.quantification.metric_names import METRICS

VERDICT_COLOURS = {
    "follows": "#009E73",
    "follows_unspecifically": "#56B4E9",
    "unclear": "#8C8C8C",
    "opposite": "#D55E00",
    "ignored": "#E69F00",
    "constant": "#CCCCCC",
}
METRIC_WORDS = {
    "area": "area (relative)",
    "share": "share of the picture",
    "luminance": "luminance (0 to 1)",
    "lightness": "lightness L*",
    "green_red": "green-red a*",
    "blue_yellow": "blue-yellow b*",
    "centre_x": "centre x (px)",
    "centre_y": "centre y (px)",
    "entropy": "entropy (bits)",
    "eccentricity": "eccentricity",
    "angle": "angle (degrees)",
}


def change_words(change: float, metric: str, *, unit: bool = True) -> str:
    """A signed change with its unit.

    >>> change_words(0.4567, "area"), change_words(-3.21, "centre_x"), change_words(0.05, "luminance")
    ('+46 %', '-3.2 px', '+0.05')
    """
    if not np.isfinite(change):
        return "–"
    if metric == "area":
        return f"{100 * change:+.0f}" + (" %" if unit else "")
    if metric == "share":
        return f"{100 * change:+.1f}" + (" % of the picture" if unit else "")
    digits = 2 if metric in ("luminance", "eccentricity", "entropy") or metric not in METRICS else 1
    kind = METRICS[metric][1] if metric in METRICS else ""
    words = {"px": " px", "degrees": "°", "bits": " bits"}.get(kind, "") if unit else ""
    return f"{change:+.{digits}f}{words}"


def metric_words(metric: str) -> str:
    """A metric for an axis."""
    return METRIC_WORDS.get(metric, metric.replace("_", " "))


def source_words(masks: str) -> str:
    """A source of labels: of a function its name.

    >>> source_words("head"), source_words("my/file.py:parts")
    ('head', 'parts')
    """
    return plain(masks.rpartition(":")[2], width=40)


def verdict_words(verdict: str) -> str:
    """A verdict for people."""
    return verdict.replace("_", " ")


def label_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for every label, the same for the same list of names."""
    colours = mpl.colormaps["tab20"].colors if len(names) <= 20 else None  # type: ignore[attr-defined]
    if colours is not None:
        order = [*colours[::2], *colours[1::2]]
        return {name: to_hex(order[i]) for i, name in enumerate(names)}
    spread = mpl.colormaps["gist_rainbow"]
    return {name: to_hex(spread(i / len(names))) for i, name in enumerate(names)}
