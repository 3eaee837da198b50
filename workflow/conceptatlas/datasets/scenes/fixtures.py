"""Houses, trees, flowers and what else stands around, built of parts."""

from __future__ import annotations

import numpy as np

from conceptatlas.datasets.scenes.parameters import Thing
from conceptatlas.datasets.scenes.shapes import (
    Paint,
    Sketch,
    blob,
    box,
    curve,
    ellipse,
    limb,
    mixed,
    named_color,
    rounded,
    tinted,
)
from conceptatlas.datasets.scenes.vehicles import body_paint, pane
from conceptatlas.datasets.scenes.vocabulary import Rgb
from conceptatlas.seeds import generator

_BARK: Rgb = (0.42, 0.29, 0.18)
_WHITE: Rgb = (0.95, 0.94, 0.92)
_LEAF: Rgb = (0.24, 0.52, 0.20)


def house(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: gable to the front, 1: long side, 2: tall with a hipped roof. `detail` fixes the walls' material."""
    material = ("plaster", "brick", "wood")[thing.detail % 3]
    paint = body_paint(thing, grain=material if thing.texture == "plain" else "", shade=0.2)
    roof_color = named_color(thing.accent, tone=-0.8, detail=thing.detail)
    roof = Paint(mixed(roof_color, (0.45, 0.25, 0.2), 0.35), grain="tiled", shade=0.3)
    door_color = tinted(named_color(thing.accent, detail=thing.detail + 1), 0.75)
    half, eaves, top = ((0.38, 0.52, 0.95), (0.48, 0.42, 0.76), (0.32, 0.68, 0.98))[thing.style]
    chimney = half * (0.55 if thing.detail % 2 else -0.55)
    brick = Paint((0.58, 0.32, 0.25), grain="brick")
    sketch.add(box(chimney - 0.045, eaves, chimney + 0.045, top + 0.03), brick, part="chimney", material="brick")
    sketch.add(box(-half, 0, half, eaves), paint, part="wall", material=material)
    over = 0.06
    if thing.style == 0:
        sketch.add([(-half, eaves), (half, eaves), (0, top - 0.05)], paint, part="wall", material=material)
        for side in (-1, 1):
            slope = [
                (side * (half + over), eaves - 0.05),
                (0, top),
                (0, top - 0.11),
                (side * (half - 0.03), eaves - 0.05),
            ]
            sketch.add(slope, roof, part="roof", material="tiles", color=tinted(roof.color, 1.0 if side < 0 else 0.8))
        sketch.add(ellipse(0, eaves + 0.12, 0.062, 0.062), _WHITE, part="window", material="wood")
        pane(sketch, ellipse(0, eaves + 0.12, 0.045, 0.045), lit=night)
    else:
        inset = 0.12 if thing.style == 1 else 0.24
        trapezium = [
            (-half - over, eaves - 0.01),
            (-half + inset, top),
            (half - inset, top),
            (half + over, eaves - 0.01),
        ]
        sketch.add(trapezium, roof, part="roof", material="tiles")
    door_x = (0.0, 0.6, -0.45)[thing.detail // 3 % 3] * half
    sketch.add(box(door_x - 0.085, 0, door_x + 0.085, 0.31), _WHITE, part="door", material="wood")
    sketch.add(box(door_x - 0.068, 0, door_x + 0.068, 0.295), door_color, part="door", material="wood", shade=0.3)
    sketch.add(ellipse(door_x + 0.045, 0.15, 0.014, 0.014, n=12), (0.95, 0.8, 0.3), part="door", material="metal")
    rows = (0.17, 0.5) if thing.style == 2 else (0.17,)
    columns = {0: (-0.62, 0.62), 1: (-0.68, -0.05, 0.62), 2: (-0.55, 0.5)}[thing.style]
    size = 0.075
    for bottom in rows:
        for column in columns:
            x = column * half
            if bottom < 0.3 and abs(x - door_x) < 0.085 + size + 0.02:
                continue
            frame = box(x - size - 0.016, bottom - 0.016, x + size + 0.016, bottom + 0.166)
            sketch.add(frame, _WHITE, part="window", material="wood", shade=0.1)
            pane(sketch, box(x - size, bottom, x + size, bottom + 0.15), lit=night)
            for bar in (
                box(x - 0.008, bottom, x + 0.008, bottom + 0.15),
                box(x - size, bottom + 0.067, x + size, bottom + 0.083),
            ):
                sketch.add(bar, _WHITE, part="window", material="wood", shade=0)


def tree(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: round crown, 1: conifer, 2: several crowns on branches."""
    rng = generator(thing.detail, "tree")
    leaves = Paint(named_color(thing.color, tone=thing.tone * 0.8, detail=thing.detail), grain="foliage", shade=0.42)
    if thing.color == "green":
        leaves = Paint(mixed(leaves.color, (0.35, 0.48, 0.18), 0.35), grain="foliage", shade=0.42)
    bark = Paint(tinted(_BARK, 1 + 0.25 * thing.tone), grain="bark", shade=0.4)
    trunk_height = 0.2 if thing.style == 1 else 0.46
    width = 0.085 if thing.style == 1 else 0.11
    foot = curve(
        [
            (-width * 0.9, 0),
            (-width * 0.45, 0.08),
            (-width * 0.38, trunk_height),
            (width * 0.38, trunk_height),
            (width * 0.45, 0.08),
            (width * 0.9, 0),
        ]
    )
    if thing.style == 2:
        for side in (-1, 1):
            branch = limb([(0, 0.3), (side * 0.1, 0.44), (side * 0.2, 0.56)], 0.05, 0.03)
            sketch.add(branch, bark, part="trunk", material="wood")
    sketch.add(foot, bark, part="trunk", material="wood")
    if thing.style == 0:
        sketch.add(blob(0, 0.67, 0.33, 0.33, rng, bumps=13), leaves, part="crown", material="foliage")
        lit = Paint(tinted(leaves.color, 1.12), grain="foliage", shade=0.2)
        sketch.add(blob(-0.08, 0.76, 0.19, 0.17, rng, bumps=9), lit, part="crown", material="foliage")
    elif thing.style == 1:
        for layer in range(4):
            low, high = 0.14 + 0.19 * layer, min(0.5 + 0.18 * layer, 1.0)
            half = 0.30 - 0.058 * layer
            zig = [(-half, low)]
            zig += [(-half + half * 2 * (i + 0.5) / 5, low - (0.035 if i % 2 else 0.0)) for i in range(5)]
            layer_paint = Paint(tinted(leaves.color, 0.86 + 0.07 * layer), grain="foliage", shade=0.35)
            points = [*zig, (half, low), (0.04, high), (-0.04, high)] if layer < 3 else [*zig, (half, low), (0, high)]
            sketch.add(points, layer_paint, part="crown", material="foliage")
    else:
        for x, y, r in ((-0.2, 0.6, 0.17), (0.21, 0.62, 0.17), (0.0, 0.78, 0.21)):
            sketch.add(blob(x, y, r * 1.05, r * 0.95, rng, bumps=9), leaves, part="crown", material="foliage")
    if thing.detail % 3 == 0 and thing.style != 1:
        fruit: Rgb = (0.85, 0.12, 0.10) if thing.color != "red" else (0.98, 0.85, 0.2)
        for _ in range(7):
            a, r = rng.uniform(0, 6.28), rng.uniform(0, 0.24)
            at = (r * np.cos(a), 0.67 + r * np.sin(a))
            sketch.add(ellipse(at[0], at[1], 0.022, 0.022, n=12), fruit, part="crown", shade=0.3)


def flower(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: daisy, 1: tulip, 2: round petals, in a pot."""
    petal = named_color(thing.color, tone=thing.tone, detail=thing.detail)
    heart: Rgb = (0.96, 0.76, 0.16) if thing.color not in {"yellow", "orange"} else (0.42, 0.24, 0.12)
    bend = 0.12 * (thing.pose - 0.5)
    base = 0.22 if thing.style == 2 else 0.0
    head = (bend, 0.72)
    stem = limb([(0, base), (bend * 0.2, 0.4), head], 0.04, 0.032)
    sketch.add(stem, _LEAF, part="stem", material="foliage", shade=0.3)
    for side, y in ((-1, base + 0.10), (1, base + 0.17)):
        leaf = curve([(0, y), (side * 0.12, y + 0.13), (side * 0.28, y + 0.17), (side * 0.2, y + 0.04)])
        sketch.add(leaf, tinted(_LEAF, 0.9 + 0.1 * side), part="leaf", material="foliage", shade=0.3)
    if thing.style == 2:
        clay: Rgb = (0.72, 0.38, 0.25)
        sketch.add([(-0.13, 0), (0.13, 0), (0.17, 0.2), (-0.17, 0.2)], clay, material="stone", shade=0.4)
        sketch.add(rounded(-0.19, 0.19, 0.19, 0.25, 0.01), tinted(clay, 0.9), material="stone", shade=0.3)
    if thing.style == 1:
        x, y = head
        back = curve(
            [(x - 0.05, y - 0.08), (x - 0.09, y + 0.2), (x, y + 0.27), (x + 0.09, y + 0.2), (x + 0.05, y - 0.08)]
        )
        sketch.add(back, tinted(petal, 0.75), part="petal")
        for side in (-1, 1):
            cup = curve(
                [
                    (x, y - 0.1),
                    (x + side * 0.13, y - 0.03),
                    (x + side * 0.16, y + 0.13),
                    (x + side * 0.13, y + 0.25),
                    (x + side * 0.04, y + 0.1),
                ]
            )
            sketch.add(cup, tinted(petal, 1.0 if side > 0 else 0.88), part="petal", shade=0.25)
        return
    count = 5 + thing.detail % 2 if thing.style == 2 else 9 + thing.detail % 4
    long, wide = (0.10, 0.085) if thing.style == 2 else (0.125, 0.042)
    reach = 0.12 if thing.style == 2 else 0.145
    for i in range(count):
        angle = 360 * i / count + 90 * thing.pose
        a = np.radians(angle)
        at = (head[0] + reach * np.cos(a), head[1] + reach * np.sin(a))
        sketch.add(
            ellipse(at[0], at[1], long, wide, angle), tinted(petal, 1.0 - 0.13 * (i % 2)), part="petal", shade=0.12
        )
    sketch.add(ellipse(head[0], head[1], 0.075, 0.075), heart, shade=0.3, grain="soil")


def ball(sketch: Sketch, thing: Thing, night: bool) -> None:
    """A ball of rubber."""
    sketch.add(ellipse(0, 0.5, 0.5, 0.5, n=32), body_paint(thing, shade=0.5, periods=3.0), material="rubber")
    sketch.add(
        ellipse(-0.16, 0.68, 0.1, 0.07, 30, n=12), tinted(named_color(thing.color), 1.6), material="rubber", shade=0
    )


def bush(sketch: Sketch, thing: Thing, night: bool) -> None:
    """A low bush, with berries or blossoms unless it is plain green."""
    rng = generator(thing.detail, "bush")
    green = Paint(tinted(_LEAF, 1 + 0.2 * thing.tone), grain="foliage", shade=0.45)
    for x, r in ((-0.25, 0.24), (0.26, 0.23), (0.0, 0.31)):
        sketch.add(blob(x, r * 0.8, r, r * 0.88, rng, bumps=9), green, material="foliage")
    if thing.color != "green":
        dots = named_color(thing.color)
        for x, y in zip(rng.uniform(-0.4, 0.4, 12), rng.uniform(0.08, 0.42, 12), strict=True):
            sketch.add(ellipse(x, y, 0.03, 0.03, n=12), dots, shade=0)


def fence(sketch: Sketch, thing: Thing, night: bool) -> None:
    """Pickets on two rails."""
    paint = Paint(named_color(thing.color, tone=thing.tone), shade=0.2)
    for y in (0.1, 0.24):
        sketch.add(box(-0.5, y, 0.5, y + 0.04), tinted(paint.color, 0.85), material="wood")
    for i in range(8):
        x = -0.49 + i * 0.13
        picket = [(x, 0), (x + 0.07, 0), (x + 0.07, 0.3), (x + 0.035, 0.35), (x, 0.3)]
        sketch.add(picket, paint, material="wood")


def lamp(sketch: Sketch, thing: Thing, night: bool) -> None:
    """A street lamp, lit at night."""
    pole = Paint(tinted(named_color(thing.color), 0.8), shade=0.4)
    sketch.add(limb([(0, 0), (0, 0.86)], 0.035, 0.022), pole, material="metal")
    sketch.add(box(-0.04, 0, 0.04, 0.05), pole, material="metal")
    glass = [(-0.045, 0.84), (0.045, 0.84), (0.075, 0.96), (-0.075, 0.96)]
    sketch.add(glass, (1.0, 0.93, 0.66) if night else (0.93, 0.93, 0.86), material="glass", glow=1.0 if night else 0.0)
    sketch.add([(-0.09, 0.955), (0.09, 0.955), (0.0, 1.01)], pole, material="metal")


def rock(sketch: Sketch, thing: Thing, night: bool) -> None:
    """A rock with a lit top."""
    rng = generator(thing.detail, "rock")
    paint = Paint(tinted(named_color(thing.color, tone=thing.tone), 0.95), grain="stone", shade=0.4)
    turn = np.linspace(0, np.pi, 8)
    radius = rng.uniform(0.85, 1.1, 8)
    outline = np.stack([0.5 * radius * np.cos(turn), 0.52 * radius * np.sin(turn)], axis=1)
    sketch.add(outline, paint, material="stone")
    ridge = outline[2:6] * 0.93
    sketch.add(
        np.concatenate([ridge, [ridge.mean(0) * np.array([1, 0.62])]]),
        tinted(paint.color, 1.18),
        material="stone",
        grain="stone",
    )
