"""Columns of the tables that relate concepts of a layer to filters and to each other (Net2Vec, sections 4.2, 5.3)."""

from __future__ import annotations

from conceptatlas.net2vec.columns import CONCEPT, SMALL
from conceptatlas.tables import PLACE, Column

_TASK = Column("task", "segmentation or classification")

FILTER_COLUMNS = [
    *PLACE,
    _TASK,
    Column("unit", "unit"),
    Column("n_best", "concepts for which it is the best filter (segmentation: highest iou_set on training images; "
           "classification: largest |w|)", "concepts"),
    Column("concepts", "their names, best first (highest validation score)"),
    Column("categories", "number of categories among them"),
    Column("n_concepts", "concepts that were asked: learned, small ones left out unless include_small", "concepts"),
]  # fmt: skip

NEIGHBOUR_COLUMNS = [
    *PLACE,
    _TASK,
    *CONCEPT,
    SMALL,
    Column("rank", "1: nearest"),
    Column("neighbour", "concept"),
    Column("cosine", "cosine of the two weight vectors"),
    Column("cosine_sd", "standard deviation of that cosine over initialisations"),
    Column("above", "share of all pairs of concepts in this space whose cosine is lower"),
    Column("n_concepts", "concepts of the space", "concepts"),
]

ARITHMETIC_COLUMNS = [
    *PLACE,
    _TASK,
    Column("expression", "sum and difference of concepts, as the config has it"),
    Column("reason", "why there is no result (a term was not learned here); empty where there is one"),
    Column("rank", "1: nearest, operands left out; 0: no result"),
    Column("concept", "concept"),
    Column("cosine", "cosine of its weight vector with the (renormalised) sum of unit-length operands"),
    Column("cosine_sd", "standard deviation of that cosine over initialisations"),
    Column("above", "share of the concepts of the space, operands left out, whose cosine is lower"),
    Column("n_concepts", "concepts of the space, operands left out", "concepts"),
]

MAP_COLUMNS = [
    *PLACE,
    _TASK,
    *CONCEPT,
    SMALL,
    Column("x", "t-SNE of the unit-length weight vectors: first coordinate"),
    Column("y", "second coordinate"),
    Column("cluster", "k-means cluster of the unit-length weight vectors, largest first"),
    Column("n_clusters", "clusters asked for, at most half the concepts", "clusters"),
    Column("perplexity", "of t-SNE: that of the config, at most a third of the concepts"),
    Column("seed", "seed of the study"),
]
