"""Rooms: kitchen and parlour. Points are fractions of the picture, y down; `horizon` is the floor's edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conceptatlas.datasets.scenes.parameters import Background
from conceptatlas.datasets.scenes.shapes import Paint, Shape, box, mixed, named_color, tinted
from conceptatlas.datasets.scenes.vocabulary import Rgb

_WHITE: Rgb = (0.95, 0.95, 0.93)


def _window(x: float, top: float) -> list[Shape]:
    """A window to a bright day."""
    frame = Shape(box(x - 0.13, top, x + 0.13, top + 0.30), Paint(_WHITE, shade=0.1), part="window", material="wood")
    sky = Paint((0.62, 0.80, 0.95), fade=(0.86, 0.93, 0.98), glow=0.6)
    panes = [
        Shape(box(x + dx, top + dy, x + dx + 0.105, top + dy + 0.12), sky, part="window", material="glass")
        for dx in (-0.115, 0.01)
        for dy in (0.018, 0.155)
    ]
    return [frame, *panes]


def _wall_colors(background: Background) -> tuple[Rgb, Rgb]:
    color = mixed(named_color(background.color), _WHITE, 0.45 + 0.15 * background.tint)
    return color, mixed(color, _WHITE, 0.65) if sum(color) < 2.2 else tinted(color, 0.72)


def _parlour(background: Background, rng: np.random.Generator) -> list[Shape]:
    """Wallpaper (which wears the pattern), skirting board, floor boards, a window or a picture."""
    edge = background.horizon
    color, accent = _wall_colors(background)
    paper = Paint(
        color, accent, background.texture, periods=rng.uniform(7, 11), angle=rng.choice([0.0, 45.0]), grain="plaster"
    )
    shapes = [Shape(box(-0.1, -0.1, 1.1, edge + 0.02), paper, material="plaster")]
    x = rng.uniform(0.15, 0.85)
    if rng.random() < 0.5:
        shapes += _window(x, rng.uniform(0.06, 0.14))
    else:
        top = rng.uniform(0.1, 0.2)
        shapes.append(Shape(box(x - 0.11, top, x + 0.11, top + 0.17), Paint((0.45, 0.30, 0.16)), material="wood"))
        view = Paint((0.55, 0.74, 0.90), fade=(0.42, 0.62, 0.32))
        shapes.append(Shape(box(x - 0.092, top + 0.018, x + 0.092, top + 0.152), view))
    shapes.append(Shape(box(-0.1, edge - 0.035, 1.1, edge + 0.02), Paint(_WHITE, shade=0.1), material="wood"))
    wood = mixed((0.62, 0.42, 0.24), (0.45, 0.28, 0.16), 0.5 + 0.5 * background.tint)
    boards = Paint(tinted(wood, 1.1), fade=tinted(wood, 0.9), grain="wood", vanish=edge - 0.35)
    shapes.append(Shape(box(-0.1, edge, 1.1, 1.1), boards, material="wood", ground=True))
    return shapes


def _kitchen(background: Background, rng: np.random.Generator) -> list[Shape]:
    """Tiled wall, cupboards with a worktop, a patterned floor."""
    edge = background.horizon
    color, accent = _wall_colors(background)
    tiles = Paint(mixed(color, _WHITE, 0.5), grain="tiles", shade=0.1)
    shapes = [Shape(box(-0.1, -0.1, 1.1, edge + 0.02), tiles, material="tiles")]
    shapes += _window(rng.uniform(0.2, 0.8), rng.uniform(0.02, 0.08))
    top = edge - 0.24
    front = mixed((0.58, 0.40, 0.24), color, float(rng.choice([0.0, 0.7])))
    start = rng.uniform(-0.2, 0.0)
    for i in range(5):
        left = start + 0.26 * i
        shapes.append(Shape(box(left, top, left + 0.26, edge), Paint(tinted(front, 0.8)), material="wood"))
        panel = Paint(front, grain="bark" if i % 2 else "", shade=0.15)
        shapes.append(
            Shape(box(left + 0.012, top + 0.02, left + 0.248, edge - 0.03), panel, part="door", material="wood")
        )
        knob = box(left + 0.205, top + 0.09, left + 0.225, top + 0.13)
        shapes.append(Shape(knob, Paint((0.8, 0.8, 0.82)), part="door", material="metal"))
    worktop = Paint((0.42, 0.42, 0.44) if rng.random() < 0.5 else (0.82, 0.80, 0.76), grain="stone")
    shapes.append(Shape(box(-0.1, top - 0.03, 1.1, top), worktop, material="stone"))
    dark = tinted(color, 0.6)
    floor = Paint(dark, accent, background.texture, periods=5.0, vanish=edge - 0.30)
    if background.texture == "plain":
        floor = Paint(tinted(color, 0.85), grain="tiles", vanish=edge - 0.30)
    shapes.append(Shape(box(-0.1, edge, 1.1, 1.1), floor, material="tiles", ground=True))
    return shapes


ROOMS: dict[str, Callable[[Background, np.random.Generator], list[Shape]]] = {"kitchen": _kitchen, "parlour": _parlour}
