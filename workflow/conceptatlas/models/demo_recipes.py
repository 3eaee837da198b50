"""Which demo models there are and what differs between their recipes; no torch here, rules read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What differs between the demo models. seed: of the initial weights, the order of pictures, the augmentation."""

    architecture: str
    seed: int
    epochs: int
    learning_rate: float


RECIPES: dict[str, Recipe] = {
    "plain": Recipe("plain", seed=0, epochs=12, learning_rate=4e-3),
    "residual": Recipe("residual", seed=0, epochs=10, learning_rate=3e-3),
    "residual_seed1": Recipe("residual", seed=1, epochs=10, learning_rate=3e-3),
    "transformer": Recipe("transformer", seed=0, epochs=8, learning_rate=1.2e-3),
}
"""Demo model -> recipe; the name is that of its files in resources/demo_models."""
