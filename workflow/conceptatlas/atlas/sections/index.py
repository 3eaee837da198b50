"""The sections of a unit's page, in order: each a module here and a file of the same name in assets/sections."""

from conceptatlas.atlas.layer_context import Section
from conceptatlas.atlas.sections import (
    activation,
    examples,
    generated,
    labels,
    learned,
    perturbed,
    principal_axes,
    words,
)

SECTIONS: tuple[Section, ...] = (
    examples.SECTION,
    labels.SECTION,
    words.SECTION,
    activation.SECTION,
    learned.SECTION,
    perturbed.SECTION,
    principal_axes.SECTION,
    generated.SECTION,
)
