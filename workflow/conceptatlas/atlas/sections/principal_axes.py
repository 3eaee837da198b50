"""Concepts whose principal direction of activation loads most on a unit."""

from conceptatlas.atlas.layer_context import Section

SECTION = Section("principal_axes", {"principal": "principal"})
