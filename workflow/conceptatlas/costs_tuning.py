"""What tuning units costs, from the coefficients of `costs_linking` and a few of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conceptatlas.costs import BASE_MB, forward_s
from conceptatlas.costs_linking import UNITS, n_classes, picture_s

SECONDS = {
    "label_picture": 0.003,  # all metrics of all labels of a picture of 128 x 128, and a head's labels
    "twin_picture": 0.02,  # labels of the demo generator's twin, which is rendered
    "match_picture": 0.1,  # two pictures of 64 to 256 pixels: SIFT, RANSAC, optical flow twice
    "unit_statistics": 0.02,  # a unit, a class: intervals, sign flips, resampled starting points
}
"""Seconds on one core."""

HEAD_CHANNELS = {"demo": 120, "stylegan_xl": 3 * 13_588, "user": 3 * 2000}
"""Features of a pixel by source of the generator: channels of all maps in three views."""

LABELS, METRICS = 12, 10
"""Assumed where the config does not say."""


def n_units(section: Mapping[str, Any], units: int | None = None) -> int:
    """Units that are tuned. units : of the classifier, where they are known."""
    asked = section["tuning"]["units"]
    return len(asked) if asked is not None else units or UNITS


def n_points(section: Mapping[str, Any]) -> int:
    """Starting points of all classes."""
    return int(n_classes(section) * min(section["tuning"]["n_seeds"], section["n_test"]))


def n_tuned_pictures(section: Mapping[str, Any], units: int | None = None) -> int:
    """Pictures that are generated and measured."""
    return 3 * n_units(section, units) * n_points(section)


def tuning_s(section: Mapping[str, Any], source: str, size: int, units: int | None = None) -> float:
    """Seconds of all parts. size : the classifier's input."""
    options = section["quantification"]
    labelled = len(options["masks"]) * SECONDS["label_picture"] * (options["size"] / 128) ** 2
    labelled += SECONDS["twin_picture"] if "twin" in options["masks"] else 0
    matched = (
        2
        * n_units(section, units)
        * n_classes(section)
        * min(options["motion"]["n_seeds"], section["tuning"]["n_seeds"])
    )
    told = n_units(section, units) * (n_classes(section) + 1) * SECONDS["unit_statistics"]
    return (
        n_tuned_pictures(section, units) * (picture_s(source) + forward_s(size) + labelled * 2 / 3)
        + matched * SECONDS["match_picture"]
        + told
    )


def kept_mb(section: Mapping[str, Any], units: int | None = None) -> float:
    """Megabytes of the changes of one part: a row a unit and starting point, some ten times while they are summed."""
    own = -(-n_units(section, units) // section["tuning"]["parts"])
    cells = own * n_points(section) * LABELS * METRICS * max(1, len(section["quantification"]["masks"]))
    return 10 * cells * 4 / 1e6 + 3 * own * UNITS * 8 / 1e6


def join_mem_mb(section: Mapping[str, Any], units: int | None = None) -> float:
    """Megabytes of the join: rows of the largest table as text and numbers."""
    rows = (
        n_units(section, units)
        * (n_classes(section) + 1)
        * LABELS
        * METRICS
        * max(1, len(section["quantification"]["masks"]))
    )
    return BASE_MB + 1000 + rows * 300 / 1e6


def head_mem_mb(section: Mapping[str, Any], source: str) -> float:
    """Megabytes of training a head: features of pixels of the labelled samples, three times."""
    options = section["quantification"]["head"]
    pixels = options["n_train"] * options["pixels_per_label"] * LABELS
    return BASE_MB + 2000 + 3 * pixels * HEAD_CHANNELS[source] * 4 / 1e6


def tuned_mb(section: Mapping[str, Any], units: int | None = None) -> float:
    """Megabytes of parts and tables."""
    rows = (
        n_units(section, units)
        * (n_classes(section) + 1)
        * LABELS
        * METRICS
        * max(1, len(section["quantification"]["masks"]))
    )
    kept = n_units(section, units) * n_points(section) * LABELS * METRICS * 4 if section["tuning"]["keep_seeds"] else 0
    return (60 * rows + kept) / 1e6 + n_units(section, units) * UNITS * 12 / 1e6
