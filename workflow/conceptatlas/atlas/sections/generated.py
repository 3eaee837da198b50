"""A unit's effect through a generator: pictures at its least, middle and largest value, what changes in them, whether
the unit follows its own change. For layers whose maps, averaged over positions, are the linked representation."""

from conceptatlas.atlas.layer_context import Section

SECTION = Section("generated", {})
"""Its tables are the model's (`linked_pages`), since a link is one of the model."""
