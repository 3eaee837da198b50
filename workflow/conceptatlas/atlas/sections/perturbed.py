"""What happens to a unit's label when images are perturbed."""

from conceptatlas.atlas.layer_context import Section

SECTION = Section("perturbed", {"robustness": "robustness"})
