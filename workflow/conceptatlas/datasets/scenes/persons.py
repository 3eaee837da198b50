"""Persons, built of parts. They look to the right."""

from __future__ import annotations

from conceptatlas.datasets.scenes.parameters import Thing
from conceptatlas.datasets.scenes.shapes import Sketch, box, curve, ellipse, limb, named_color, tinted
from conceptatlas.datasets.scenes.vehicles import body_paint
from conceptatlas.datasets.scenes.vocabulary import Rgb

_DARK: Rgb = (0.08, 0.08, 0.09)
_SKINS: tuple[Rgb, ...] = ((0.96, 0.80, 0.68), (0.87, 0.67, 0.50), (0.62, 0.42, 0.29), (0.42, 0.27, 0.19))
_HAIRS: tuple[Rgb, ...] = (
    (0.12, 0.09, 0.08),
    (0.36, 0.22, 0.12),
    (0.85, 0.68, 0.35),
    (0.60, 0.25, 0.12),
    (0.7, 0.7, 0.7),
)


def person(sketch: Sketch, thing: Thing, night: bool) -> None:
    """style 0: trousers, 1: dress, 2: trousers and a hat. `pose` swings arms and legs."""
    top = body_paint(thing, shade=0.25, periods=thing.texture_scale * 1.6)
    skin = _SKINS[thing.detail % 4]
    hair = _HAIRS[thing.detail // 4 % 5]
    lower = named_color(thing.accent, detail=thing.detail)
    swing = (thing.pose - 0.5) * 2
    hip, shoulder = 0.46, 0.76
    arm_up = 0.34 if thing.detail % 5 == 0 else 0.0
    far_hand = (-0.1 - 0.1 * swing, hip - 0.0)
    near_hand = (0.1 + 0.12 * swing + 0.4 * arm_up, hip + 0.02 + 1.3 * arm_up)

    def arm(hand: tuple[float, float], x: float, dim: float) -> None:
        elbow = ((hand[0] + x) / 2 + (0.02 if hand[0] > x else -0.03), (hand[1] + shoulder) / 2)
        sleeve = limb([(x, shoulder - 0.03), elbow], 0.075, 0.062)
        sketch.add(limb([elbow, hand], 0.052, 0.045), tinted(skin, dim), part="arm", material="skin")
        sketch.add(ellipse(hand[0], hand[1], 0.032, 0.034, n=12), tinted(skin, dim), part="arm", material="skin")
        sketch.add(sleeve, top, part="arm", material="fabric", color=tinted(top.color, dim * 0.9))

    arm(far_hand, -0.07, 0.85)
    for x, way, dim in ((-0.045, -1, 0.8), (0.045, 1, 1.0)):
        foot = x + way * 0.12 * swing
        bare = thing.style == 1
        paint, cloth = (skin, "skin") if bare else (lower, "fabric")
        leg = limb([(x, hip), ((x + foot) / 2 + 0.01, 0.24), (foot, 0.04)], 0.10 if not bare else 0.075, 0.06)
        sketch.add(leg, tinted(paint, dim), part="leg", material=cloth)
        shoe = curve(
            [(foot - 0.04, 0.0), (foot - 0.045, 0.045), (foot + 0.02, 0.05), (foot + 0.09, 0.022), (foot + 0.085, 0.0)]
        )
        sketch.add(shoe, (0.18, 0.13, 0.11) if thing.detail % 2 else (0.85, 0.84, 0.82), part="leg", detail="shoe")
    if thing.style == 1:
        torso = curve([(-0.1, shoulder), (0.1, shoulder), (0.085, 0.6), (0.17, 0.3), (-0.17, 0.3), (-0.085, 0.6)])
    else:
        torso = curve(
            [(-0.11, shoulder), (0.11, shoulder), (0.105, 0.6), (0.1, hip - 0.03), (-0.1, hip - 0.03), (-0.105, 0.6)]
        )
    sketch.add(torso, top, part="torso", material="fabric")
    sketch.add(box(-0.03, shoulder - 0.01, 0.035, 0.84), tinted(skin, 0.85), part="head", material="skin")
    if thing.style == 1:
        locks = curve([(-0.1, 0.9), (-0.115, 0.75), (-0.03, 0.74), (0.04, 0.9), (0.0, 1.0)])
        sketch.add(locks, hair, part="head", detail="hair")
    sketch.add(ellipse(0.005, 0.895, 0.082, 0.098, n=32), skin, part="head", material="skin")
    scalp = curve(
        [(-0.085, 0.87), (-0.092, 0.95), (-0.02, 1.008), (0.07, 0.985), (0.088, 0.935), (0.02, 0.945), (-0.03, 0.92)]
    )
    sketch.add(scalp, hair, part="head", detail="hair")
    if thing.style == 2:
        hat = tinted(lower, 0.9)
        sketch.add(limb([(-0.12, 0.955), (0.15, 0.955)], 0.03), hat, material="fabric")
        sketch.add(curve([(-0.08, 0.955), (-0.07, 1.04), (0.07, 1.04), (0.085, 0.955)]), hat, material="fabric")
    for x in (0.012, 0.058):
        sketch.add(ellipse(x, 0.9, 0.012, 0.015, n=12), _DARK, part="head", detail="eye", shade=0)
    sketch.add(limb([(0.015, 0.845), (0.06, 0.848)], 0.014), (0.72, 0.30, 0.28), part="head", material="skin", shade=0)
    arm(near_hand, 0.085, 1.0)
