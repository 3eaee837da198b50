"""What is measured of a label, by name. Standard library only: planning checks names against it."""

from __future__ import annotations

METRICS = {
    "area": ("number of pixels of the label", "px"),
    "share": ("share of the picture's pixels that are the label's", ""),
    "luminance": ("mean of .299 R + .587 G + .114 B, 0 to 1", ""),
    "lightness": ("mean L* of CIE L*a*b* (D65), 0 to 100", ""),
    "green_red": ("mean a* of CIE L*a*b*: green below 0, red above", ""),
    "blue_yellow": ("mean b* of CIE L*a*b*: blue below 0, yellow above", ""),
    "centre_x": ("mean x of the label's pixels, 0 at the left", "px"),
    "centre_y": ("mean y of the label's pixels, 0 at the top", "px"),
    "entropy": ("mean entropy of the grey values under a disk around each pixel of the label", "bits"),
    "eccentricity": ("eccentricity of the ellipse with the label's second moments, 0 (circle) to 1", ""),
    "angle": ("angle of that ellipse's long axis with the vertical, counter-clockwise, -90 to 90", "degrees"),
}
"""What is measured of a label -> its definition and unit."""
NOTICEABLE = {
    "area": 0.01,
    "share": 1e-4,
    "luminance": 1e-3,
    **dict.fromkeys(("lightness", "green_red", "blue_yellow"), 0.05),
    **dict.fromkeys(("centre_x", "centre_y"), 0.05),
    **dict.fromkeys(("entropy", "eccentricity"), 0.005),
    "angle": 0.1,
}
"""Changes smaller than this are rounding, however certain: the b* of a grey picture is not quite 0."""
ANGLE = "angle"
"""The axial metric: 90 and -90 degrees are the same."""
AREA, SHARE = "area", "share"
"""Metrics that are told of small labels, too: the relative change of the first grows without bound where a label
appears, the difference of the second does not."""
