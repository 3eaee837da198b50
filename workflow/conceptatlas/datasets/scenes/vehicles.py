"""Cars, buses and boats, built of parts."""

from __future__ import annotations

import numpy as np

from conceptatlas.datasets.scenes.parameters import Thing
from conceptatlas.datasets.scenes.shapes import Paint, Sketch, box, curve, ellipse, limb, named_color, rounded, tinted
from conceptatlas.datasets.scenes.vocabulary import Rgb

GLASS: Rgb = (0.55, 0.72, 0.80)
_RUBBER: Rgb = (0.10, 0.10, 0.11)
_LIT: Rgb = (1.0, 0.92, 0.62)


def body_paint(thing: Thing, **changes: object) -> Paint:
    """The paint of a thing's main surface: its colour, and its pattern in the accent colour."""
    paint = Paint(
        color=named_color(thing.color, tone=thing.tone, detail=thing.detail),
        accent=named_color(thing.accent, detail=thing.detail + 1),
        texture=thing.texture,
        periods=thing.texture_scale,
        angle=thing.texture_angle,
    )
    return paint if not changes else Paint(**{**paint.__dict__, **changes})


def pane(sketch: Sketch, points: object, *, part: str = "window", lit: bool = False, detail: str = "") -> None:
    """A window pane with a reflection across it, or lit from inside."""
    outline = np.asarray(points, dtype=np.float64)
    color = _LIT if lit else GLASS
    sketch.add(outline, color, part=part, detail=detail, material="glass", shade=0.25, glow=0.85 if lit else 0.0)
    if not lit:
        low, high = outline.min(axis=0), outline.max(axis=0)
        size = high - low
        streak = low + size * np.array([(0.18, 0.12), (0.42, 0.12), (0.66, 0.88), (0.42, 0.88)])
        sketch.add(streak, tinted(color, 1.45), part=part, detail=detail, material="glass", shade=0.0)


def _wheel(sketch: Sketch, x: float, radius: float) -> None:
    sketch.add(ellipse(x, radius, radius, radius, n=32), _RUBBER, part="wheel", material="rubber", shade=0.3)
    rim = radius * 0.58
    sketch.add(ellipse(x, radius, rim, rim), (0.72, 0.73, 0.75), part="wheel", material="metal", shade=0.3)
    sketch.add(ellipse(x, radius, rim * 0.4, rim * 0.4, n=12), (0.28, 0.28, 0.3), part="wheel", material="metal")


def car(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: saloon, 1: van, 2: pick-up. It looks to the right."""
    paint = body_paint(thing, shade=0.3)
    dark, glow = tinted(paint.color, 0.62), 0.9 if night else 0.15
    top = (0.40, 0.46, 0.42)[thing.style]
    waist = (0.245, 0.26, 0.25)[thing.style]
    front, back, shoulder_front, shoulder_back = (
        (0.20, -0.40, 0.06, -0.26),
        (0.30, -0.47, 0.16, -0.44),
        (0.18, -0.12, 0.08, -0.10),
    )[thing.style]
    lower = curve(
        [
            (-0.49, 0.10),
            (-0.5, 0.19),
            (-0.475, waist - 0.01),
            (-0.2, waist + 0.012),
            (0.2, waist + 0.008),
            (0.40, waist - 0.03),
            (0.49, 0.18),
            (0.5, 0.10),
            (0.3, 0.075),
            (-0.3, 0.075),
        ]
    )
    roof = [(back, waist - 0.02), (shoulder_back, top), (shoulder_front, top), (front, waist - 0.02)]
    sketch.add(roof, paint, part="roof", material="metal")
    inner = 0.028
    upper = top - 0.04
    middle = (shoulder_back + shoulder_front) / 2
    if thing.style == 2:
        middle = back - 1
    else:
        slope = (shoulder_back - back) * 0.2
        pane(
            sketch,
            [
                (back + inner + slope, waist + 0.01),
                (shoulder_back + inner * 0.6, upper),
                (middle - 0.012, upper),
                (middle - 0.012, waist + 0.01),
            ],
        )
    left = max(middle + 0.012, shoulder_back + inner)
    pane(
        sketch,
        [
            (left, waist + 0.01),
            (left, upper),
            (shoulder_front - inner * 0.4, upper),
            (front - inner * 1.6, waist + 0.01),
        ],
    )
    sketch.add(lower, paint, material="metal")
    door_left, door_right = max(middle, shoulder_back) + 0.005, front - 0.05
    door = rounded(door_left, 0.10, door_right, waist + 0.005, 0.03)
    sketch.add(door + np.array([0.008, -0.004]), dark, part="door", material="metal")
    sketch.add(door, paint, part="door", material="metal", shade=0.2)
    sketch.add(rounded(door_left + 0.02, waist - 0.05, door_left + 0.075, waist - 0.033, 0.008), dark, part="door")
    for x in (-0.29, 0.29):
        sketch.add(ellipse(x, 0.1, 0.125, 0.125), tinted(paint.color, 0.3), material="metal")
    sketch.add(rounded(0.42, 0.07, 0.515, 0.125, 0.02), (0.35, 0.35, 0.37), part="bumper", material="metal")
    sketch.add(rounded(-0.515, 0.07, -0.42, 0.125, 0.02), (0.35, 0.35, 0.37), part="bumper", material="metal")
    sketch.add(ellipse(0.455, 0.19, 0.034, 0.026, n=12), _LIT, part="headlight", material="glass", glow=glow)
    sketch.add(rounded(-0.505, 0.165, -0.465, 0.215, 0.01), (0.85, 0.1, 0.1), material="glass", glow=glow * 0.6)
    for x in (-0.29, 0.29):
        _wheel(sketch, x, 0.1)


def bus(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: city bus, 1: coach with a stripe, 2: short bus with a bonnet. It looks to the right."""
    paint = body_paint(thing, shade=0.22)
    dark, trim = tinted(paint.color, 0.6), tinted(paint.accent, 0.95)
    top = (0.44, 0.42, 0.47)[thing.style]
    nose = (0.5, 0.5, 0.34)[thing.style]
    if thing.style == 2:
        bonnet = curve([(0.3, 0.07), (0.3, 0.25), (0.36, 0.255), (0.47, 0.24), (0.5, 0.18), (0.5, 0.08)])
        sketch.add(bonnet, paint, material="metal")
    sketch.add(rounded(-0.5, 0.06, nose, top - 0.02, 0.05), paint, material="metal")
    roof = rounded(-0.49, top - 0.05, nose - 0.01, top, 0.04)
    sketch.add(roof, tinted(paint.color, 1.35), part="roof", material="metal")
    if thing.style == 1:
        sketch.add(box(-0.5, 0.16, nose, 0.195), trim, material="metal")
    count = 4 if thing.style != 2 else 3
    left, right = -0.46, nose - 0.17
    width = (right - left) / count
    for i in range(count):
        at = left + i * width
        pane(sketch, rounded(at + 0.012, top - 0.2, at + width - 0.012, top - 0.07, 0.02), lit=night)
    sketch.add(rounded(nose - 0.155, 0.075, nose - 0.045, top - 0.06, 0.015), dark, part="door", material="metal")
    for x in (nose - 0.147, nose - 0.098):
        pane(sketch, box(x, 0.11, x + 0.043, top - 0.08), part="door", detail="window", lit=night)
    if thing.style != 2:
        pane(sketch, rounded(nose - 0.035, top - 0.21, nose - 0.002, top - 0.06, 0.01), lit=night)
    sketch.add(rounded(0.43, 0.05, 0.515, 0.09, 0.015), (0.3, 0.3, 0.32), part="bumper", material="metal")
    sketch.add(rounded(-0.515, 0.05, -0.43, 0.09, 0.015), (0.3, 0.3, 0.32), part="bumper", material="metal")
    light = ellipse(0.47, 0.135, 0.026, 0.026, n=12)
    sketch.add(light, _LIT, part="headlight", material="glass", glow=0.9 if night else 0.2)
    for x in (-0.3, 0.24):
        sketch.add(ellipse(x, 0.085, 0.098, 0.098), tinted(paint.color, 0.3), material="metal")
        _wheel(sketch, x, 0.08)


def boat(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: one sail, 1: motor boat with a cabin, 2: two sails and a cabin. It sails to the right."""
    hull_color = named_color(thing.color, tone=thing.tone, detail=thing.detail)
    sail = body_paint(thing, color=(0.96, 0.95, 0.92), grain="", shade=0.18)
    if thing.texture == "plain" and thing.pose > 0.6:
        sail = Paint(sail.accent, shade=0.18)
    grain = "wood" if thing.detail % 3 == 0 else ""
    wood: Rgb = (0.50, 0.33, 0.18)
    lean = 0.05 * (thing.pose - 0.5)
    if thing.style != 1:
        mast_x = -0.02 if thing.style == 0 else 0.03
        mast_top = (mast_x + lean, 1.0)
        sketch.add(limb([(mast_x, 0.12), mast_top], 0.028, 0.016), wood, part="mast", material="wood")
        belly = 0.07 + 0.06 * thing.pose
        main = [(mast_x - 0.02, 0.27), (mast_x - 0.02 + lean, 0.97)]
        leech = curve([(-0.40, 0.27), (-0.27 - belly * 0.4, 0.55), (mast_x - 0.03 + lean, 0.97)], closed=False)
        sketch.add(np.concatenate([main, leech[::-1]]), sail, part="sail", material="fabric")
        jib = curve([(mast_x + 0.03, 0.88), (0.22 + belly, 0.5), (0.44, 0.24)], closed=False)
        corner = [(mast_x + 0.03, 0.27)]
        if thing.style == 2 or thing.pose > 0.5:
            sketch.add(np.concatenate([jib, corner]), sail, part="sail", material="fabric", shade=0.1)
        sketch.add(
            [(mast_x + lean, 1.0), (mast_x + lean, 0.93), (mast_x - 0.12, 0.965)], sail.accent, material="fabric"
        )
    else:
        sketch.add(limb([(-0.2, 0.3), (-0.2, 0.62)], 0.018), (0.6, 0.6, 0.62), part="mast", material="metal")
        sketch.add([(-0.2, 0.62), (-0.2, 0.53), (-0.34, 0.575)], sail.accent, material="fabric")
    if thing.style:
        x0, x1 = (-0.26, 0.14) if thing.style == 1 else (-0.34, -0.05)
        high = 0.44 if thing.style == 1 else 0.31
        cabin = [(x0, 0.18), (x0 + 0.02, high), (x1 - 0.05, high), (x1 + 0.02, 0.18)]
        sketch.add(cabin, (0.93, 0.93, 0.92), part="cabin", material="wood", shade=0.2)
        sketch.add(
            box(x0 - 0.02, high, x1 - 0.02, high + 0.03), hull_color, part="cabin", detail="roof", material="wood"
        )
        step = (x1 - x0 - 0.08) / 2
        for i in range(2):
            at = x0 + 0.035 + i * step
            window = rounded(at, high - 0.11, at + step - 0.02, high - 0.03, 0.015)
            pane(sketch, window, part="cabin", detail="window", lit=night)
    hull = curve(
        [(-0.46, 0.205), (-0.2, 0.185), (0.2, 0.19), (0.5, 0.25), (0.42, 0.08), (0.3, 0.0), (-0.34, 0.0), (-0.44, 0.08)]
    )
    sketch.add(hull, hull_color, part="hull", material="wood", shade=0.35, grain=grain)
    stripe = curve(
        [(-0.455, 0.165), (-0.2, 0.15), (0.2, 0.152), (0.46, 0.19), (0.45, 0.15), (0.2, 0.115), (-0.44, 0.125)]
    )
    sketch.add(stripe, tinted(hull_color, 1.6), part="hull", material="wood", shade=0.1)
