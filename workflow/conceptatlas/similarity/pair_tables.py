"""Columns of the tables that compare layers in pairs and join the comparisons, with what each number means."""

from __future__ import annotations

from conceptatlas.tables import Column

EMBEDDING_MEASURES = {"net2vec_segmentation": "segmentation", "net2vec_classification": "classification"}
"""Measures that come from Net2Vec's distances between embedding spaces -> its task. They join the others in
summary.parquet and in figures; the table of pairs does not hold them."""

MEASURES = {
    "ucs": "mean UCS of matched concepts (Hungarian matching of this threshold's matrix), less its mean under chance",
    "ucs_scaled": "ucs / (1 - its mean under chance): 0 at chance, 1 where matched masks are the same",
    "ucs_raw": "mean UCS of matched concepts (Hungarian matching of this threshold's matrix)",
    "ucs_all": "mean UCS of all concept pairs",
    "correspondence": "share of the mutual best matches whose UCS lies above the 95 % point of chance",
    "one_to_one": "mutual best matches above that point / concepts of the layer that has fewer: 1 where every concept "
                  "has its partner",
    "sfss": "mean over concepts of the correlation of their cosine profiles (SFSS)",
    "sfss_gated": "SFSS over the concepts recognised in both layers",
    "sfss_present": "mean over concepts of that correlation within the images that hold the concept",
    "sfss_absent": "mean over concepts of that correlation within the images that do not",
    "cka": "unbiased linear CKA of pooled features; may be negative",
    "rsa": "Spearman correlation of the dissimilarities 1 - Pearson between images",
    "procrustes": "nuclear norm of X^T Y of centred pooled features of norm 1: 1 = equal up to turning and one scale; "
                  "the distance is 2 - 2 times it",
    "regression_ab": "share of the variance of b's pooled features that ridge regression explains from a's, on images "
                     "held out; negative where worse than the mean",
    "regression_ba": "the same from b to a",
    "net2vec_segmentation": "1 - D / its mean where concepts are permuted, D the distance between the cosines of "
                            "concepts' weights in the two layers (Net2Vec, segmentation): 1 the same, 0 chance",
    "net2vec_classification": "1 - D / its mean where concepts are permuted, D the distance between the cosines of "
                              "concepts' weights in the two layers (Net2Vec, classification): 1 the same, 0 chance",
}  # fmt: skip
"""What a row of the table of pairs may measure. UCS: mean over test images of the IoU of two concept masks, images
where both are empty left out."""

DIRECTED = {"regression_ab": "regression_ba", "regression_ba": "regression_ab"}
"""Measures that have a direction -> the one of the pair written the other way round."""

TWO_LAYERS = [
    Column("dataset", "data set"),
    Column("model_a", "model of the first layer: the same as model_b, or an earlier row of the sheet of models"),
    Column("layer_a", "first layer"),
    Column("depth_a", "its relative depth, 0 to 1"),
    Column("model_b", "model of the second layer"),
    Column("layer_b", "second layer"),
    Column("depth_b", "its relative depth, 0 to 1"),
]

PAIR_COLUMNS = [
    *TWO_LAYERS,
    Column("measure", "what is measured; each is defined in the docs and in conceptatlas.similarity.pair_tables"),
    Column("threshold", "share of the normaliser above which a concept map counts; missing for measures without masks"),
    Column("value", "the similarity; missing where it is undefined"),
    Column("low", "lower end of its interval: bootstrap over 32 blocks of images, matches, ranks and fits kept"),
    Column("high", "upper end of that interval"),
    Column("null_mean", "mean of the same number where the images of one of the two layers are shuffled"),
    Column("null_high", "95 % point of those numbers: rank ceil(0.95 (R + 1)), the largest where R is below 19"),
    Column("p", "(1 + shuffles whose number is at least the value) / (1 + n_permutations)"),
    Column("n_images", "test images it was measured on", "images"),
    Column("n_concepts", "concept pairs (ucs, ucs_scaled, ucs_raw: matched; ucs_all: all; correspondence: mutual best; "
           "one_to_one: concepts of the layer with fewer) or concepts (sfss) behind the value; missing for pooled "
           "features", "concepts"),
    Column("n_undefined", "concept pairs or concepts left out because their number is undefined; for pooled features 1 "
           "where the value itself is", "concepts"),
    Column("n_permutations", "R of the null; may be smaller for procrustes and regression, whose cost grows",
           "shuffles"),
    Column("reason", "why the value is missing; empty where there is one"),
]  # fmt: skip

CONCEPT_PAIR_COLUMNS = [
    *TWO_LAYERS,
    Column("threshold", "share of the normaliser above which a concept map counts"),
    Column("concept_a", "concept of the first layer"),
    Column("concept_b", "its partner in the second layer, matched at the first threshold and kept at the others"),
    Column("ucs", "mean over test images of the IoU of the two concepts' masks; missing where every union is empty"),
    Column("low", "lower end of its interval: bootstrap over 32 blocks of images"),
    Column("high", "upper end of that interval"),
    Column("n_defined", "test images with a cell in either mask", "images"),
    Column("n_images", "test images", "images"),
    Column("mutual_best", "each is the other's best match at the first threshold"),
    Column("hungarian", "partners in the matching with the largest sum of UCS at the first threshold"),
    Column("null_high", "95 % point of chance for a best match: of both concepts' best UCS under shuffled images the "
           "larger point"),
    Column("above_null", "ucs is above null_high; missing without shuffles"),
    Column("robustness", "ucs at this threshold / ucs at the first one; 1 at the first, missing where that is 0"),
]  # fmt: skip

FACTS = {
    "position": "(s - floor) / (ceiling - floor) for s of layer_a and layer_b: floor and ceiling are the similarity of "
                "layer_a to the layer of its name in its model's random twin and in its other-seed twin; 0 = as far "
                "apart as from random weights, 1 = as near as another seed comes",
    "propagation": "mean SFSS of consecutive layers of a model, evenly spaced in relative depth, as many in every "
                   "model",
    "recognising_layers": "layers of a model that recognise a concept",
    "agreement": "Spearman correlation of two measures over pairs of different layers",
    "depth": "Spearman correlation of a measure with the difference in relative depth over pairs of different layers: "
             "all pairs, those within a model, those between two models",
    "only_in_one": "a discovered concept that has no partner above chance's 95 % point in any layer of another model "
                   "(first threshold)",
}  # fmt: skip
"""What a row of summary.parquet says."""

SUMMARY_COLUMNS = [
    Column("dataset", "data set"),
    Column("fact", "position, propagation, recognising_layers, agreement, depth or only_in_one"),
    Column("measure", "measure of the table of pairs; empty where the fact has none"),
    Column("other_measure", "the second measure of an agreement"),
    Column("threshold", "threshold of concept maps; missing for measures without masks"),
    Column("other_threshold", "threshold of other_measure"),
    Column("model_a", "model that the row is about; empty: pairs of all models"),
    Column("layer_a", "its layer; empty where the row is about no single layer"),
    Column("model_b", "the model it is compared with; empty: none or all"),
    Column("layer_b", "that model's layer; empty where the row is about no single layer"),
    Column("concept", "concept of the vocabulary, or the number of a discovered concept of layer_a"),
    Column("category", "primary category of a concept of the vocabulary"),
    Column("value", "position; mean SFSS; number of layers; correlation; best UCS of a matched partner in the other "
           "model"),
    Column("low", "position: of the lower end of the similarity's interval, floor and ceiling as they are; "
           "recognising_layers: relative depth of the first such layer"),
    Column("high", "position: of the upper end; recognising_layers: relative depth of the last such layer; "
           "only_in_one: the point of chance that the best partner stays below"),
    Column("floor", "similarity to the random twin (position)"),
    Column("ceiling", "similarity to the other-seed twin (position)"),
    Column("p", "depth: (1 + permutations of the layers' depths within their models whose correlation is at most the "
           "observed) / (1 + R)"),
    Column("n", "pairs, layers or concepts behind the value; only_in_one: 0"),
    Column("n_total", "of how many: the others are undefined or, for layers, do not recognise the concept or hold no "
           "partner"),
    Column("reason", "why the value is missing; empty where there is one"),
]  # fmt: skip

_TWO_TEXT = dict.fromkeys(("dataset", "model_a", "layer_a", "model_b", "layer_b"), "str")

PAIR_TYPES = {
    **_TWO_TEXT,
    **dict.fromkeys(("measure", "reason"), "str"),
    **dict.fromkeys(("n_images", "n_undefined", "n_permutations"), "int64"),
    "n_concepts": "Int64",
}
CONCEPT_PAIR_TYPES = {
    **_TWO_TEXT,
    **dict.fromkeys(("concept_a", "concept_b", "n_defined", "n_images"), "int64"),
    **dict.fromkeys(("mutual_best", "hungarian"), "bool"),
    "above_null": "boolean",
}
SUMMARY_TYPES = {
    **_TWO_TEXT,
    **dict.fromkeys(("fact", "measure", "other_measure", "concept", "category", "reason"), "str"),
    **dict.fromkeys(("n", "n_total"), "Int64"),
}
"""Types of columns that are not float64: the same with and without rows."""
