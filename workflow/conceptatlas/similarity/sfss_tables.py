"""Columns of {model}_sfss.parquet: how alike two layers arrange images around one concept (SFSS, concept by concept).

The means over concepts stand in {model}.parquet as measures sfss, sfss_gated, sfss_present and sfss_absent.
"""

from __future__ import annotations

from conceptatlas.tables import Column

SFSS_COLUMNS = [
    Column("dataset", "data set"),
    Column("model_a", "model of the first layer"),
    Column("layer_a", "first layer"),
    Column("depth_a", "its relative depth in the model, 0 to 1"),
    Column("model_b", "model of the second layer"),
    Column("layer_b", "second layer"),
    Column("depth_b", "its relative depth in the model, 0 to 1"),
    Column("concept_index", "the concept's row in concepts.parquet"),
    Column("concept", "concept"),
    Column("category", "its primary category: the one in which it covers most pixels"),
    Column("r", "correlation of the two layers' cosines cos(CAV, x) over the concept's balanced test images; missing "
           "where a layer's cosines do not vary"),
    Column("r_low", "lower end of its interval over resampled blocks of images, the same blocks for both layers"),
    Column("r_high", "upper end of that interval; both are missing below 8 blocks"),
    Column("r_present", "the same over the images that hold the concept only"),
    Column("r_absent", "the same over those that do not"),
    Column("n_images", "balanced test images the correlation runs over: half hold the concept", "images"),
    Column("recognised", "both layers recognise the concept (see profiles.parquet)"),
    Column("correlation", "pearson or spearman"),
]  # fmt: skip

SFSS_TYPES = {
    **dict.fromkeys(("dataset", "model_a", "layer_a", "model_b", "layer_b", "concept", "category", "correlation"),
                    "str"),
    **dict.fromkeys(("concept_index", "n_images"), "int64"),
    "recognised": "bool",
}  # fmt: skip
"""Types of columns that are not float64: the same with and without rows."""

SFSS_MEASURES = {
    "sfss": "mean of r over all concepts where it is defined",
    "sfss_gated": "the same over the concepts that both layers recognise",
    "sfss_present": "mean of r_present over concepts: how alike the layers rank images that hold the concept",
    "sfss_absent": "mean of r_absent over concepts",
}
"""Rows of {model}.parquet that come from this table."""
