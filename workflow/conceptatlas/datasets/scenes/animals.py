"""Birds, cats and dogs, built of parts. All look to the right."""

from __future__ import annotations

import math

import numpy as np

from conceptatlas.datasets.scenes.parameters import Thing
from conceptatlas.datasets.scenes.shapes import Paint, Sketch, curve, ellipse, limb, mixed, tinted
from conceptatlas.datasets.scenes.vehicles import body_paint
from conceptatlas.datasets.scenes.vocabulary import Rgb

_COLLARS: tuple[Rgb, ...] = ((0.80, 0.12, 0.14), (0.15, 0.35, 0.78), (0.16, 0.55, 0.30))
_DARK: Rgb = (0.08, 0.08, 0.09)


def _eye(sketch: Sketch, x: float, y: float, size: float, iris: Rgb = (0.98, 0.98, 0.96)) -> None:
    sketch.add(ellipse(x, y, size, size, n=12), iris, part="head", detail="eye", shade=0)
    sketch.add(ellipse(x + size * 0.2, y, size * 0.62, size * 0.7, n=12), _DARK, part="head", detail="eye", shade=0)


def bird(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: perched, 1: flying, 2: standing tall (long legs, long beak)."""
    paint = body_paint(thing, grain="feathers", shade=0.28)
    belly = tinted(mixed(paint.color, (1.0, 0.97, 0.9), 0.5), 1.1)
    wing = Paint(tinted(paint.color, 0.72), grain="feathers", shade=0.2)
    horn: Rgb = (0.96, 0.62, 0.12) if thing.detail % 2 else (0.35, 0.32, 0.30)
    flying, tall = thing.style == 1, thing.style == 2
    lift = 0.30 if tall else 0.14 if not flying else 0.1
    feathers = "feathers"
    tail = [(-0.22, lift + 0.20), (-0.5, lift + 0.30), (-0.52, lift + 0.2), (-0.46, lift + 0.13), (-0.2, lift + 0.1)]
    sketch.add(tail, wing, part="tail", material=feathers)
    if flying:
        up = math.radians(25 + 60 * thing.pose)
        tip = (-0.12 - 0.42 * math.cos(up) * 0.6, lift + 0.22 + 0.5 * math.sin(up))
        far = [(-0.02, lift + 0.22), (tip[0] + 0.24, tip[1] + 0.02), (tip[0] + 0.12, tip[1] - 0.1), (0.14, lift + 0.2)]
        sketch.add(curve(far), tinted(paint.color, 0.55), part="wing", material=feathers)
    else:
        for x in (-0.04, 0.06):
            foot = x + 0.02
            sketch.add(limb([(x, lift + 0.06), (foot, 0.015)], 0.022 if tall else 0.026), horn, part="leg")
            sketch.add(limb([(foot - 0.03, 0.012), (foot + 0.07, 0.012)], 0.024), horn, part="leg")
    body = curve(
        [
            (-0.3, lift + 0.19),
            (-0.1, lift + 0.33),
            (0.14, lift + 0.33),
            (0.26, lift + 0.2),
            (0.1, lift + 0.02),
            (-0.12, lift + 0.03),
        ]
    )
    sketch.add(body, paint, material=feathers)
    sketch.add(ellipse(0.1, lift + 0.13, 0.13, 0.085, 20), belly, material=feathers, grain="feathers")
    hx, hy = (0.27, lift + 0.38) if not tall else (0.25, lift + 0.52)
    if tall:
        sketch.add(limb([(0.12, lift + 0.24), (0.23, lift + 0.32), (hx, hy)], 0.14, 0.10), paint, material=feathers)
    radius = 0.115 if not tall else 0.09
    length = 0.15 if not tall else 0.28
    beak = [(hx + radius * 0.7, hy + 0.05), (hx + radius + length, hy - 0.025), (hx + radius * 0.7, hy - 0.05)]
    sketch.add(beak, horn, part="head", detail="beak", shade=0.25)
    sketch.add(ellipse(hx, hy, radius, radius * 0.98), paint, part="head", material=feathers, texture="plain")
    if thing.detail % 3 == 0:
        crest = [(hx - 0.02, hy + radius * 0.8), (hx - 0.12, hy + radius * 1.7), (hx - 0.09, hy + radius * 0.4)]
        sketch.add(crest, tinted(paint.color, 0.7), part="head", material=feathers)
    _eye(sketch, hx + radius * 0.35, hy + radius * 0.25, 0.032)
    if flying:
        near = [
            (-0.14, lift + 0.28),
            (tip[0] - 0.02, tip[1]),
            (tip[0] - 0.12, tip[1] - 0.12),
            (-0.2, lift + 0.2),
            (0.1, lift + 0.2),
            (0.12, lift + 0.28),
        ]
        sketch.add(curve(near), wing, part="wing", material=feathers)
    else:
        fold = [
            (0.12, lift + 0.27),
            (-0.05, lift + 0.3),
            (-0.26, lift + 0.22),
            (-0.42, lift + 0.16),
            (-0.15, lift + 0.1),
            (0.06, lift + 0.13),
        ]
        sketch.add(curve(fold), wing, part="wing", material=feathers)


def cat(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: walking, 1 and 2: sitting. Pointed ears, a long curled tail, whiskers."""
    paint = body_paint(thing, grain="fur", shade=0.22, periods=thing.texture_scale * 1.2)
    pale = tinted(mixed(paint.color, (1.0, 0.96, 0.9), 0.55), 1.0)
    sway = thing.pose - 0.5
    if thing.style == 0:
        tail = limb([(-0.33, 0.36), (-0.45, 0.44), (-0.48 - 0.06 * sway, 0.62), (-0.4 + 0.1 * sway, 0.76)], 0.075, 0.05)
        sketch.add(tail, paint, part="tail", material="fur")
        for x, phase, far in ((-0.24, 1, True), (0.2, -1, True), (-0.3, -1, False), (0.26, 1, False)):
            foot = x + phase * 0.12 * sway
            leg = limb([(x, 0.32), ((x + foot) / 2 - 0.01, 0.16), (foot, 0.03)], 0.10, 0.07)
            sketch.add(leg, tinted(paint.color, 0.68) if far else paint, part="leg", material="fur")
            paw = tinted(pale, 0.7) if far else pale
            sketch.add(ellipse(foot + 0.015, 0.025, 0.05, 0.03, n=12), paw, part="leg", material="fur")
        body = curve(
            [
                (-0.37, 0.36),
                (-0.25, 0.47),
                (0.05, 0.44),
                (0.3, 0.48),
                (0.34, 0.33),
                (0.15, 0.23),
                (-0.15, 0.25),
                (-0.35, 0.24),
            ]
        )
        sketch.add(body, paint, material="fur")
        hx, hy = 0.35, 0.53
    else:
        tail = limb([(-0.16, 0.05), (-0.36, 0.07), (-0.42, 0.2 + 0.1 * sway), (-0.34, 0.3 + 0.1 * sway)], 0.08, 0.05)
        sketch.add(tail, paint, part="tail", material="fur")
        body = curve([(-0.24, 0.02), (-0.27, 0.2), (-0.12, 0.44), (0.06, 0.56), (0.2, 0.5), (0.22, 0.25), (0.2, 0.02)])
        sketch.add(body, paint, material="fur")
        sketch.add(ellipse(0.13, 0.36, 0.07, 0.13, 8), pale, material="fur", grain="fur")
        sketch.add(ellipse(-0.14, 0.1, 0.13, 0.1), paint, part="leg", material="fur", shade=0.3)
        for x, dim in ((0.19, 0.75), (0.09, 1.0)):
            sketch.add(
                limb([(x, 0.32), (x + 0.01, 0.03)], 0.085, 0.075), tinted(paint.color, dim), part="leg", material="fur"
            )
            sketch.add(ellipse(x + 0.02, 0.028, 0.055, 0.03, n=12), tinted(pale, dim), part="leg", material="fur")
        hx, hy = 0.13, 0.66
    wide, high = 0.165, 0.14
    for side in (-1, 1):
        ear = np.array([(hx + side * 0.15, hy + 0.06), (hx + side * 0.125, hy + 0.25), (hx + side * 0.02, hy + 0.12)])
        sketch.add(ear, tinted(paint.color, 0.85), part="head", detail="ear", material="fur")
        sketch.add(
            ear.mean(0) + (ear - ear.mean(0)) * 0.5, (0.92, 0.62, 0.62), part="head", detail="ear", material="fur"
        )
    sketch.add(ellipse(hx, hy, wide, high, n=32), paint, part="head", material="fur")
    sketch.add(ellipse(hx + 0.015, hy - 0.06, 0.085, 0.06), pale, part="head", detail="snout", material="fur")
    iris: Rgb = (0.55, 0.80, 0.25) if thing.detail % 2 else (0.95, 0.75, 0.20)
    for x in (-0.062, 0.085):
        _eye(sketch, hx + x, hy + 0.025, 0.036, iris)
    nose = [(hx - 0.012, hy - 0.03), (hx + 0.042, hy - 0.03), (hx + 0.015, hy - 0.06)]
    sketch.add(nose, (0.85, 0.42, 0.45), part="head", detail="snout", shade=0)
    for side in (-1, 1):
        for up in (-0.03, 0.02):
            start, end = hx + 0.015 + side * 0.06, hx + 0.015 + side * 0.23
            sketch.add(
                limb([(start, hy - 0.06), (end, hy - 0.055 + up * 1.6)], 0.01), (0.93, 0.93, 0.93), part="head", shade=0
            )


def dog(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: standing, 1: sitting, 2: standing, long and low. Hanging ears, a long snout, a collar."""
    paint = body_paint(thing, grain="fur", shade=0.22, periods=thing.texture_scale * 0.8)
    dark = tinted(paint.color, 0.62)
    collar = _COLLARS[thing.detail % 3]
    wag = thing.pose - 0.5
    low = 0.14 if thing.style == 2 else 0.0
    if thing.style != 1:
        tail = limb(
            [(-0.33, 0.45 - low), (-0.43, 0.54 - low), (-0.47 + 0.12 * wag, 0.66 - low + 0.05 * wag)], 0.07, 0.035
        )
        sketch.add(tail, paint, part="tail", material="fur")
        for x, phase, far in ((-0.2, 1, True), (0.16, -1, True), (-0.28, -1, False), (0.24, 1, False)):
            foot = x + phase * 0.1 * wag
            leg = limb([(x, 0.38 - low), (foot, 0.03)], 0.13, 0.075)
            sketch.add(leg, tinted(paint.color, 0.68) if far else paint, part="leg", material="fur")
            paw = dark if far else tinted(paint.color, 0.85)
            sketch.add(ellipse(foot + 0.025, 0.03, 0.06, 0.034, n=12), paw, part="leg", material="fur")
        body = curve(
            [
                (-0.36, 0.46 - low),
                (-0.2, 0.52 - low),
                (0.1, 0.5 - low),
                (0.3, 0.55 - low),
                (0.34, 0.4 - low),
                (0.2, 0.28 - low),
                (-0.15, 0.33 - low),
                (-0.34, 0.29 - low),
            ]
        )
        sketch.add(body, paint, material="fur")
        hx, hy = 0.32, 0.68 - low
        neck = [(0.2, 0.44 - low), (hx - 0.02, hy)]
    else:
        tail = limb([(-0.2, 0.08), (-0.34, 0.1), (-0.42, 0.22 + 0.12 * wag)], 0.07, 0.035)
        sketch.add(tail, paint, part="tail", material="fur")
        body = curve(
            [(-0.27, 0.03), (-0.28, 0.2), (-0.1, 0.42), (0.06, 0.56), (0.22, 0.52), (0.23, 0.25), (0.12, 0.04)]
        )
        sketch.add(body, paint, material="fur")
        sketch.add(ellipse(-0.13, 0.12, 0.14, 0.11), paint, part="leg", material="fur", shade=0.3)
        for x, dim in ((0.2, 0.72), (0.11, 1.0)):
            sketch.add(
                limb([(x, 0.36), (x + 0.01, 0.03)], 0.1, 0.08), tinted(paint.color, dim), part="leg", material="fur"
            )
            sketch.add(
                ellipse(x + 0.035, 0.03, 0.065, 0.034, n=12),
                tinted(paint.color, 0.85 * dim),
                part="leg",
                material="fur",
            )
        hx, hy = 0.16, 0.74
        neck = [(0.1, 0.48), (hx - 0.01, hy)]
    sketch.add(limb(neck, 0.19, 0.16), paint, material="fur", texture="plain")
    middle = (0.5 * neck[0][0] + 0.5 * neck[1][0], 0.5 * neck[0][1] + 0.5 * neck[1][1])
    sketch.add(
        limb([(middle[0] - 0.1, middle[1] + 0.03), (middle[0] + 0.1, middle[1] - 0.03)], 0.04),
        collar,
        material="fabric",
    )
    snout = curve(
        [
            (hx + 0.04, hy + 0.05),
            (hx + 0.2, hy + 0.015),
            (hx + 0.255, hy - 0.03),
            (hx + 0.2, hy - 0.085),
            (hx + 0.02, hy - 0.1),
        ]
    )
    sketch.add(ellipse(hx, hy, 0.145, 0.13, n=32), paint, part="head", material="fur", texture="plain")
    muzzle = tinted(mixed(paint.color, (1.0, 0.95, 0.88), 0.3), 1.0)
    sketch.add(snout, muzzle, part="head", detail="snout", material="fur", grain="fur")
    sketch.add(ellipse(hx + 0.235, hy - 0.012, 0.036, 0.03, n=12), _DARK, part="head", detail="snout", shade=0)
    sketch.add(limb([(hx + 0.1, hy - 0.07), (hx + 0.2, hy - 0.065)], 0.012), dark, part="head", detail="snout", shade=0)
    _eye(sketch, hx + 0.055, hy + 0.05, 0.03)
    ear = curve(
        [
            (hx - 0.09, hy + 0.12),
            (hx + 0.0, hy + 0.09),
            (hx - 0.02, hy - 0.08),
            (hx - 0.08, hy - 0.15),
            (hx - 0.15, hy - 0.06),
        ]
    )
    sketch.add(ear, dark, part="head", detail="ear", material="fur", grain="fur")
