"""A unit in words: labels by an image-text model beside the label from masks, and words for the groups it is in."""

from conceptatlas.atlas.layer_context import Section

SECTION = Section("words", {"wording": "wording", "wordings": "wordings", "explained": "explained"})
"""Each may come several times, once an encoder and vocabulary: table ``wording@{encoder}~{vocabulary}``."""
