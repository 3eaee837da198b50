"""The labels of a unit: IoU of its best concepts with interval, and the null of the best."""

from conceptatlas.atlas.layer_context import Section

SECTION = Section("labels", {"labels": "labels"})
