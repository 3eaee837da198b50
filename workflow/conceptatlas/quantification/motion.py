"""What moved between two pictures: an affine map of the whole picture, then the vector field of what remains.

Source: Wehrheim et al. 2024, "Linking in Style", Fig. 2B: match the pictures, fit an affine map, align, match again,
vector field of the local changes. (The published code builds its field from the matches before the alignment, which
counts the global motion twice.) Here the first matches are sparse (SIFT or the user's matcher, RANSAC), the second
dense (DIS optical flow, Kroeger et al. 2016): what most of the textured pixels agree on refines the map, to a
twentieth of a pixel on the demo's pictures, and the field is that of the pictures aligned by the refined map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conceptatlas.quantification.matching import Matcher

Array = np.ndarray[Any, Any]

MIN_INLIERS = 6
"""Matches that must agree on an affine map, twice the three that fix one."""
REACH = 1.0
"""Pixels up to which a match agrees with the map (RANSAC)."""
MIN_SCALE, MAX_SCALE = 0.25, 4.0
"""A map that shrinks or stretches any direction more than this has followed wrong matches."""
FINE_REACH = 0.3
"""The same for the dense matches that refine the map."""
TEXTURED_SHARE = 0.3
"""Share of the pixels, those of the strongest gradient, whose dense matches refine the map."""
MAX_DENSE = 2000
"""Dense matches taken at most, spread evenly."""
BORDER = 4
"""Pixels from the edge that refine nothing."""
UNDONE_PX, UNDONE_SHARE = 0.5, 0.05
"""Flow is known where the flow back leads to within this many pixels, and this share of its length, of its start."""
FLOW_SIDE = 128
"""Smaller pictures are enlarged to at least this side before the dense match."""
MOTIONS = {
    "translation_x": ("shift of the picture's centre to the right", "px"),
    "translation_y": ("shift of the picture's centre downwards", "px"),
    "rotation": ("rotation, clockwise as the picture is seen", "degrees"),
    "log_scale": ("natural logarithm of the scale, the square root of the map's determinant", ""),
    "shear": ("shear: cosine of the angle between the mapped axes", ""),
    "share_known": ("share of the picture in which motion is known: the flow back leads to where it came from", ""),
    "residual_mean": ("mean length of what motion remains after the alignment", "px"),
    "residual_p90": ("90 % quantile of the length of what motion remains after the alignment", "px"),
    "share_moved": ("share of where motion is known that still moves by more than moved_px after the alignment", ""),
}
"""Numbers of a motion -> what each means, and its unit."""
REASONS = (
    "too few matches",
    "too few matches agree on a map",
    "the matches agree on a map that folds or crushes the picture",
)
"""Why pictures could not be aligned; a motion's reason begins with one of them."""
SIGNED = ("translation_x", "translation_y", "rotation", "log_scale", "shear")
"""Those that can be below 0: changes of opposite pictures cancel."""


@dataclass(frozen=True)
class Motion:
    """How a perturbed picture moved against the original.

    affine : float64 (2, 3), maps x, y of the original to the perturbed picture; the identity where it failed.
    reason : why there is no map; empty where there is one.
    n_matches, n_inliers : matches, and those that agree with the map.
    aligned : uint8 (height, width, 3), the perturbed picture moved back onto the original.
    inside : bool (height, width), where motion is known: the aligned picture shows something of the perturbed one, and
        the flow from it back to the original undoes the flow (flat surfaces and what appears or vanishes have none).
    flow : float32 (height, width, 2), x and y of the motion that remains, in pixels of the original.
    values : each of `MOTIONS`.
    """

    affine: Array
    reason: str
    n_matches: int
    n_inliers: int
    aligned: Array
    inside: Array
    flow: Array
    values: dict[str, float]


def measure_motion(original: Array, perturbed: Array, *, matcher: Matcher, moved_px: float = 1.0) -> Motion:
    """Align two pictures and measure what still moves.

    Parameters
    ----------
    original, perturbed : uint8 (height, width, 3), of one size.
    matcher : see `matching`.
    moved_px : a pixel moved if its residual is longer than this.

    Raises
    ------
    ValueError
        if the pictures differ in size.
    """
    if original.shape != perturbed.shape:
        raise ValueError(f"motion: pictures of shapes {original.shape} and {perturbed.shape}; expected one size")
    points = matcher(original, perturbed)
    affine, n_inliers, reason = fit_affine(points)
    if not reason:
        affine = refine(original, perturbed, affine)
    aligned, inside = align(perturbed, affine)
    flow, agrees = checked_flow(original, aligned)
    inside &= agrees
    length = np.hypot(flow[..., 0], flow[..., 1])[inside]
    values = affine_values(affine, original.shape[:2])
    there = len(length) > 0
    values["share_known"] = float(inside.mean())
    values["residual_mean"] = float(length.mean()) if there else np.nan
    values["residual_p90"] = float(np.quantile(length, 0.9)) if there else np.nan
    values["share_moved"] = float((length > moved_px).mean()) if there else np.nan
    if reason:  # no alignment: the map says nothing, what moves is all motion
        values |= dict.fromkeys(SIGNED, np.nan)
    return Motion(affine, reason, len(points), n_inliers, aligned, inside, flow, values)


def fit_affine(points: Array) -> tuple[Array, int, str]:
    """The affine map (2, 3) that most matches agree on (RANSAC, then least squares over those); how many do; and the
    reason where there is none, with the identity."""
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    if len(points) < MIN_INLIERS:
        return identity, 0, f"{REASONS[0]}: {len(points)}, {MIN_INLIERS} needed"
    affine, n_inliers = _agreed(points[:, :2], points[:, 2:], REACH)
    if affine is None or n_inliers < MIN_INLIERS:
        return identity, n_inliers, f"{REASONS[1]}: {n_inliers} of {len(points)}, {MIN_INLIERS} needed"
    if not _is_plausible(affine):
        return identity, n_inliers, REASONS[2]
    return affine, n_inliers, ""


def refine(original: Array, perturbed: Array, affine: Array) -> Array:
    """The affine map once more, from dense matches of the pictures it aligns; as it was where few agree on another."""
    aligned, inside = align(perturbed, affine)
    flow = residual_flow(original, aligned)
    grey = original @ np.array([0.299, 0.587, 0.114])
    down, across = np.gradient(grey)
    steep = np.hypot(down, across)
    inside = inside.copy()
    inside[:BORDER] = inside[-BORDER:] = inside[:, :BORDER] = inside[:, -BORDER:] = False
    if not inside.any():
        return affine
    y, x = np.nonzero(inside & (steep >= np.quantile(steep[inside], 1 - TEXTURED_SHARE)))
    taken = np.unique(np.linspace(0, len(x) - 1, MAX_DENSE).astype(np.int64))
    places = np.column_stack([x[taken], y[taken]]).astype(np.float64)
    there = (places + flow[y[taken], x[taken]]) @ affine[:, :2].T + affine[:, 2]
    finer, n_agree = _agreed(places, there, FINE_REACH)
    good = finer is not None and n_agree >= max(MIN_INLIERS, len(places) // 4) and _is_plausible(finer)
    return finer if good else affine


def _agreed(source: Array, target: Array, reach: float) -> tuple[Any, int]:
    """The map that most points agree on, None where there is none, and how many do."""
    import cv2

    source, target = np.ascontiguousarray(source), np.ascontiguousarray(target)
    if len(source) < MIN_INLIERS:
        return None, 0
    affine, agree = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=reach, maxIters=2000, confidence=0.999,
        refineIters=10,
    )  # fmt: skip
    return affine, 0 if agree is None else int(agree.sum())


def _is_plausible(affine: Array) -> bool:
    """Whether a map neither folds nor crushes a picture."""
    stretch = np.linalg.svd(affine[:, :2], compute_uv=False)
    straight = float(np.linalg.det(affine[:, :2])) > 0
    return bool(stretch.min() >= MIN_SCALE and stretch.max() <= MAX_SCALE and straight)


def align(perturbed: Array, affine: Array) -> tuple[Array, Array]:
    """The perturbed picture drawn in the original's frame, and where it covers it: bool (height, width)."""
    import cv2

    height, width = perturbed.shape[:2]
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    aligned = cv2.warpAffine(perturbed, affine, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    y, x = np.mgrid[:height, :width]
    at_x = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]
    at_y = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]
    slack = 0.5  # half a pixel beyond the last centre is still that pixel
    inside = (at_x >= -slack) & (at_x <= width - 1 + slack) & (at_y >= -slack) & (at_y <= height - 1 + slack)
    return aligned, inside


def checked_flow(original: Array, aligned: Array) -> tuple[Array, Array]:
    """Flow from the original to the aligned picture, and where the flow back undoes it: bool (height, width)."""
    import cv2

    flow, back = residual_flow(original, aligned), residual_flow(aligned, original)
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    there = cv2.remap(back, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left = np.hypot(*np.moveaxis(flow + there, -1, 0))
    return flow, left <= UNDONE_PX + UNDONE_SHARE * np.hypot(*np.moveaxis(flow, -1, 0))


def residual_flow(original: Array, aligned: Array) -> Array:
    """Dense motion from the original to the aligned picture, float32 (height, width, 2), pixels (DIS, finest scale)."""
    import cv2

    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (original, aligned)]
    height, width = grey[0].shape
    factor = -(-FLOW_SIDE // max(height, width)) if max(height, width) < FLOW_SIDE else 1
    if factor > 1:
        grey = [cv2.resize(each, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) for each in grey]
    tools: Any = cv2  # its type stubs lack the flow
    search = tools.DISOpticalFlow_create(tools.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    flow = search.calc(grey[0], grey[1], None)
    if factor > 1:
        flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) / factor
    return np.asarray(flow, dtype=np.float32)


def kind_of(reason: str) -> int:
    """Which of `REASONS` a motion's reason is; -1 for none."""
    return next((kind for kind in reversed(range(len(REASONS))) if reason.startswith(REASONS[kind])), -1)


def affine_values(affine: Array, shape: tuple[int, ...]) -> dict[str, float]:
    """Shift of the centre, rotation, scale and shear of an affine map, named as in `MOTIONS`."""
    height, width = shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    linear, shift = affine[:, :2], affine[:, :2] @ centre + affine[:, 2] - centre
    across, down = linear[:, 0], linear[:, 1]
    turn = np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])  # the nearest rotation's angle
    return {
        "translation_x": float(shift[0]),
        "translation_y": float(shift[1]),
        "rotation": float(np.degrees(turn)),
        "log_scale": float(0.5 * np.log(np.linalg.det(linear))),
        "shear": float(across @ down / (np.linalg.norm(across) * np.linalg.norm(down))),
    }


def overlay(first: Array, second: Array) -> Array:
    """Two pictures in one: the first's luminance in red, the second's in green and blue; grey where they agree.

    first, second : uint8 (height, width, 3). Returns uint8 (height, width, 3).
    """
    weights = np.array([0.299, 0.587, 0.114])
    red, other = (np.rint(picture @ weights).astype(np.uint8) for picture in (first, second))
    return np.stack([red, other, other], axis=-1)
