"""Columns of the tables that compare the concepts of a layer between two data sets, with what each number means."""

from __future__ import annotations

from conceptatlas.similarity.pair_tables import MEASURES
from conceptatlas.tables import Column

COSINE_MEASURES = {
    "cosine": "mean cosine of matched components (Hungarian matching of the cosines), less its mean under chance",
    "cosine_raw": "mean cosine of matched components (Hungarian matching of the cosines)",
    "cosine_one_to_one": "mutual best matches whose cosine lies above the 95 % point of chance / components of the "
                         "data set that has fewer",
}  # fmt: skip
ERROR = "error"
ACROSS_MEASURES = {
    **COSINE_MEASURES,
    **{name: text for name, text in MEASURES.items() if name.startswith(("ucs", "correspondence", "one_to_one"))},
    ERROR: "reconstruction error of the layer: sum of squared differences from the best reconstruction by a data set's "
           "concepts over the sum of squares",
}  # fmt: skip
"""What a row of across/{model}.parquet may measure."""

_TWO_SETS = [
    Column("dataset_a", "first data set, in the order of the sheet"),
    Column("dataset_b", "second data set"),
    Column("model", "model"),
    Column("layer", "layer, the same of both"),
    Column("depth", "its relative depth, 0 to 1"),
]

ACROSS_COLUMNS = [
    *_TWO_SETS,
    Column("measure", "what is measured; each is defined in the docs and in conceptatlas.similarity.across_tables"),
    Column("components", "error: data set whose concepts reconstruct the layer; empty for measures of both"),
    Column("images", "data set on whose test images it was measured; empty for cosines, which need no images"),
    Column("threshold", "share of the normaliser above which a concept map counts; missing for measures without masks"),
    Column("value", "the number; missing where it is undefined"),
    Column("low", "lower end of its interval: bootstrap over 32 blocks of images, matches kept; missing for cosines"),
    Column("high", "upper end of that interval"),
    Column("null_mean", "mean of the same number under chance. Cosines: units of one data set's components change "
           "places with units of like strength; UCS: images of one side are shuffled; the matching is done again"),
    Column("null_high", "95 % point of those numbers"),
    Column("ceiling", "cosine_raw: mean stability_images of the concepts of both data sets, what resampled images of "
           "one data set reach; missing for others and without refits"),
    Column("p", "(1 + draws whose number is at least the value) / (1 + n_permutations)"),
    Column("n_images", "test images it was measured on; 0 for cosines", "images"),
    Column("n_concepts", "concept pairs behind the value (one_to_one: concepts of the data set with fewer; error: "
           "concepts)", "concepts"),
    Column("n_undefined", "concept pairs left out because their number is undefined", "concepts"),
    Column("n_permutations", "R of the null; 0 for error, which has none", "shuffles"),
    Column("reason", "why the value is missing; empty where there is one"),
]  # fmt: skip

ACROSS_CONCEPT_COLUMNS = [
    *_TWO_SETS,
    Column("matched_by", "cosine of the components, or ucs of their masks"),
    Column("images", "data set on whose test images UCS was measured; empty for cosine"),
    Column("threshold", "share of the normaliser above which a concept map counts; missing for cosine"),
    Column("concept_a", "concept found in the first data set"),
    Column("concept_b", "its partner, found in the second"),
    Column("similarity", "cosine or UCS of the two"),
    Column("low", "lower end of the UCS' interval: bootstrap over 32 blocks of images"),
    Column("high", "upper end of that interval"),
    Column("cosine", "cosine of their components, whatever they were matched by"),
    Column("stability", "the smaller stability_images of the two: how well each is found again in its own data set"),
    Column("n_defined", "test images with a cell in either mask; 0 for cosine", "images"),
    Column("n_images", "test images; 0 for cosine", "images"),
    Column("mutual_best", "each is the other's best match (ucs: at the first threshold)"),
    Column("hungarian", "partners in the matching with the largest sum (ucs: at the first threshold)"),
    Column("null_high", "95 % point of chance for a best match, of both concepts the larger point"),
    Column("above_null", "similarity is above null_high; missing without a null"),
]  # fmt: skip

_TEXT = dict.fromkeys(("dataset_a", "dataset_b", "model", "layer", "images"), "str")
ACROSS_TYPES = {
    **_TEXT,
    **dict.fromkeys(("measure", "components", "reason"), "str"),
    **dict.fromkeys(("n_images", "n_undefined", "n_permutations"), "int64"),
    "n_concepts": "Int64",
}
ACROSS_CONCEPT_TYPES = {
    **_TEXT,
    "matched_by": "str",
    **dict.fromkeys(("concept_a", "concept_b", "n_defined", "n_images"), "int64"),
    **dict.fromkeys(("mutual_best", "hungarian"), "bool"),
    "above_null": "boolean",
}
"""Types of columns that are not float64: the same with and without rows."""
