"""What a stage costs: stated coefficients, used by the resources of the rules and by the preflight.

The coefficients were measured on one core of a two-core x86-64 machine and are meant to be right within a factor of
three: they tell an hour from a week.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas.levels import NEEDS_SCORES

SECONDS = {
    "list_image": 0.0003,  # an image listed from a table (Broden 0.00001, COCO panoptic 0.0001, instances 0.0004)
    "scan_image": 0.005,  # one listed by its own files (ADE20K 0.0005, PASCAL-Part 0.008, a composite of Broden 0.001)
    "frame_image": 0.02,  # a picture of a megapixel decoded, resized, its labels rasterised (COCO 0.01, Broden 0.003)
    "draw_image": 0.02,  # a demo scene drawn
    "index_image": 0.0003,  # an image joined into the index, with its overlaps (Broden 0.00023)
    "forward_gmac": 0.03,  # 10^9 multiply-adds of a forward pass: ResNet-50 0.021, SqueezeNet 0.029, MobileNetV2 0.072
    "write_mb": 0.004,  # a megabyte of activations rounded, counted, hashed and written
    "summarise_mb": 0.004,  # a megabyte of activations read and summed
    "tally_unit": 8e-7,  # one unit of one image: pruned upsampling at S = 112 and intersection with its labels
    "count_value": 1.5e-9,  # a value of a layer that is not stored, a level of tau: read, compared
    "score_value": 3e-8,  # one of them in fixed point, added up by label
    "null_pair": 3e-8,  # an active (image, unit) pair against one label of the permuted image, at S = 112
    "dissect_unit": 0.02,  # labels, bootstrap, scores of a unit
    "turn_gmac": 0.02,  # 10^9 multiply-adds of a turned basis: the matrix times the activations
    "turn_value": 1e-8,  # a turned value: read, rounded, counted, compared
    "principal_gmac": 0.03,  # 10^9 multiply-adds of the products of a concept's cells, float32
    "principal_value": 6e-9,  # a value gathered and standardised
    "principal_step": 4e-10,  # an entry of the matrix of products, times a vector
    "learn_mask": 5e-5,  # a training image of a concept, an epoch, a solution, at S = 112
    "learn_presence": 1.5e-8,  # a training image of a concept, an epoch, a unit of a solution
    "judge_concept": 8e-6,  # an image against a concept's combination and best unit, at S = 112
    "relate_layer": 5.0,  # nearest concepts, clusters, t-SNE of a layer
    "space_entry": 4e-9,  # an entry of the cosines of two spaces, a permutation
    "learned_figure_layer": 15.0,  # the figures of Net2Vec of a layer
    "factorise_value": 5e-8,  # a sampled value (position, unit), a concept: NMF, 70 to 140 iterations
    "map_position": 2e-6,  # a position of a test image, a concept: its map and the errors of the layer
    "concept_mask": 3e-6,  # a concept map of a test image to its mask at a threshold, at S = 112
    "vector": 4e-3,  # a concept's vector, a repeat: a linear SVM on a few hundred images, and the checks of it
    "vector_value": 2e-8,  # a value (training image, unit) of it
    "geometry_pair": 4e-7,  # a pair of test images: inner products and ranks
    "concept_pair": 1.2e-7,  # two masks of a test image at a threshold, or the same shuffled, at S = 112
    "pooled_pair": 3e-9,  # a pair of test images, two layers, a shuffle: CKA and RSA
    "matched_pair": 4e-9,  # the third power of the test images (1,000 at most), two layers: Procrustes and regression
    "profile_pair": 3e-8,  # a test image of a concept, two layers, a shuffle or a resample
    "compared_figure_layer": 10.0,  # the figures of similarity of a layer
    "figure_layer": 4.0,  # galleries and bars of a layer
    "start_job": 2.0,  # Python, imports
    "start_model": 5.0,  # the same with torch and a network
    "check_model": 6.0,  # a model checked for a group of layers, or its statistics estimated anew
}
"""Seconds on one core."""

GMAC_AT_224 = 4.0
"""Multiply-adds (10^9) of a forward pass at 224 x 224 where the model report gives none (a ResNet-50)."""

UNKNOWN_IMAGES = 10_000
"""Images assumed of a data set whose sheet names no number and that has not been listed."""

LABELS_PER_IMAGE = 10
"""Concepts an image is taken to show (COCO panoptic: 10, Broden: 20 with colours)."""

CONCEPTS = 200
"""Concepts a data set is taken to have (COCO panoptic: 133, the rebuilt Broden: 1197)."""

MOST_CONCEPTS = 1200  # concepts that memory is reserved for
ACTIVE_SHARE = 0.45
"""Share of (image, unit) pairs with a value above the threshold at tau = 0.005 (last maps of SqueezeNet)."""

STORED_MASK = 100  # bytes of a packed mask of 112 x 112 on disk (76 in SqueezeNet's conv1, random weights)
HELD_MASK = 1568  # bytes of the same in memory: a bit a pixel (1,245 there: no empty words at both ends)
NULL_UNITS = 8  # units at a time that the null of a layer is given memory for
REFIT_POSITIONS = 50_000  # positions of a refit of a layer's concepts (`similarity.stability`)
MATCHED_IMAGES = 1000  # images that Procrustes and regression run over at most (`similarity.geometry`)
MATCHED_SHUFFLES = 20  # shuffles of their null at most
BASE_MB = 700
"""Memory of a job that has imported what it needs (torch included) and read nothing."""


DATASET_MB = 300
"""Memory of a job over a data set before it reads one: imports (130 MB without, 200 MB with scipy), and room."""

PICTURE_MB = 300
"""Memory for a picture of 12 megapixels with its label maps, while they are placed in their frame."""

LISTED_IMAGES = 1_000_000
"""Images that a data set may have before `n_images` limits them: listing reads them all."""

LISTED_KB = 1.6
"""Memory of an image while it is listed: Broden 1.3 kB, COCO panoptic 1.6 kB; a composite 5 kB, COCO instances with
their polygons 8 kB (1.1 GB for the 118,287 images of train2017): they have fewer than `LISTED_IMAGES`."""

FRAMED_KB = 4.0
"""Memory of an image of a shard while it is framed: its row of the list, its labels without their masks, digests."""

JOINED_KB = 6.0
"""Memory of an image while shards are joined: 4 kB for Broden (the pairs of concepts that meet, 30 bytes each, most
of it), 8 kB if 20 concepts drawn anew from 1,200 met in every image."""

FRAMES_IN_FLIGHT = 64
"""Frames that a job holds before they are written: those of a task."""


def frame_mb(frame_size: int) -> float:
    """Megabytes of one uint8 RGB frame."""
    return 3 * frame_size**2 / 1e6


def list_mem_mb(workers: int) -> float:
    """Megabytes of a job that lists a data set; every worker opens files of its own."""
    return DATASET_MB + LISTED_IMAGES * LISTED_KB / 1e3 + (DATASET_MB * workers if workers > 1 else 0)


def frame_mem_mb(n_images: float, *, frame_size: int, mask_size: int) -> float:
    """Megabytes of a job that frames a shard of that many images; padding is a mask an image, kept until the end."""
    mask_mb = mask_size**2 / 8e6
    held = FRAMES_IN_FLIGHT * 2 * (frame_mb(frame_size) + 2 * LABELS_PER_IMAGE * mask_mb)
    return DATASET_MB + PICTURE_MB + held + n_images * (FRAMED_KB / 1e3 + mask_mb)


def index_mem_mb(n_images: float, *, mask_size: int) -> float:
    """Megabytes of a job that joins the shards of a data set: a window of masks, and what grows with the images."""
    window = 256 * 2 * LABELS_PER_IMAGE * mask_size**2 / 8e6 * 4
    return DATASET_MB + 150 + window + n_images * JOINED_KB / 1e3


def forward_mb(input_size: int, batch: int) -> float:
    """Megabytes of the largest intermediate tensors of a batch (three maps of 64 channels at half resolution)."""
    return batch * 3 * 64 * (input_size / 2) ** 2 * 4 / 1e6


def level_passes(kind: str) -> int:
    """Forward passes that a level of perturbation takes, a backward pass counted as two."""
    return 4 if kind in NEEDS_SCORES else 1


def level_mb(kind: str, input_size: int, batch: int) -> float:
    """Megabytes that a level takes beside its forward pass: a backward pass keeps all maps, 115 MB a 224 px picture."""
    return 12 * forward_mb(input_size, batch) if kind in NEEDS_SCORES else 0.0


def refine_mb(dtype: str, n_units: int, *, n_taus: int, definition: str) -> float:
    """Megabytes of the counters that make float32 thresholds exact: 65,536 a unit and rank, two ranks a quantile of
    ``netdissect_1000``; float16 needs none."""
    if dtype != "float32":
        return 0.0
    n_ranks = n_taus * (2 if definition == "netdissect_1000" else 1)
    return n_units * max(n_ranks, 2) * 65536 * 4 / 1e6


def forward_s(input_size: int, gmac_at_224: float = GMAC_AT_224) -> float:
    """Seconds of one image through a model on one core."""
    return SECONDS["forward_gmac"] * gmac_at_224 * (input_size / 224) ** 2


def null_s(n_images: int, n_units: int, mask_size: int, n_permutations: int) -> float:
    """Seconds of the permutation null of a layer: every permuted image's labels against every active mask."""
    pairs = n_images * n_units * ACTIVE_SHARE
    return n_permutations * pairs * LABELS_PER_IMAGE * SECONDS["null_pair"] * (mask_size / 112) ** 2


def null_mb(n_images: float, mask_size: int) -> float:
    """Megabytes of a worker at the null of a layer: packed masks of some units at a time (three copies while they are
    joined), where each label's bits lie, and the labels that it has mapped; more memory means more units at a time."""
    masks = 3 * NULL_UNITS * n_images * ACTIVE_SHARE * 460 * (mask_size / 112) ** 2
    return (masks + n_images * LABELS_PER_IMAGE * (mask_size**2 / 8 + 40)) / 1e6


def histogram_mb(n_units: int, n_values: float) -> float:
    """Megabytes of stored counts of bit patterns: of V values of a unit some 15 sqrt(V) are different, a byte each."""
    return n_units * 15 * n_values**0.5 / 1e6


def pooled_mb(n_images: float, n_units: int) -> float:
    """Megabytes of each image's maximum and mean."""
    return n_images * n_units * 8 / 1e6


def masks_mb(n_images: float, n_units: int, n_positions: int, mask_size: int, *, packed: int = STORED_MASK) -> float:
    """Megabytes of the masks of a layer that is not stored: one a (image, unit) with a value above T.

    packed : bytes of a mask at S = 112, `STORED_MASK` on disk, `HELD_MASK` in memory.
    """
    return n_images * n_units * active_share(n_positions) * packed * (mask_size / 112) ** 2 / 1e6


def active_share(n_positions: int) -> float:
    """Share of (image, unit) pairs with a value above T: in large maps nearly every one (0.99 at 109 x 109)."""
    return min(1.0, ACTIVE_SHARE * max(1.0, n_positions / 169) ** 0.25)


def counting_s(n_images: float, n_units: int, n_positions: int, mask_size: int, n_taus: int) -> float:
    """Seconds of the counts of a second pass over a layer, the forward pass left out."""
    tallies = (n_taus + 1) * n_images * n_units * SECONDS["tally_unit"] * (mask_size / 112) ** 2
    return tallies + n_images * n_units * n_positions * SECONDS["count_value"] * (n_taus + 1)


def scoring_s(n_images: float, n_units: int, n_positions: int) -> float:
    """Seconds of the sums of a third pass over a layer, the forward pass left out."""
    return n_images * n_units * n_positions * SECONDS["score_value"]


def counting_mb(n_images: float, n_units: int, n_positions: int, mask_size: int, n_taus: int) -> float:
    """Megabytes that a second pass over a shard holds of a layer: masks twice while they are sorted, tallies."""
    tallies = n_taus * n_units * MOST_CONCEPTS * 256 / 1e6
    return 2.2 * masks_mb(n_images, n_units, n_positions, mask_size, packed=HELD_MASK) + tallies


def scoring_mb(n_units: int, n_labels: int) -> float:
    """Megabytes that a third pass holds of a layer: how often each bit pattern occurs, for every unit and label."""
    return n_units * 65536 * (8 + 4 * n_labels) / 1e6 + 300


def rotation_s(n_images: float, n_units: int, n_positions: int) -> float:
    """Seconds of one turned basis of a layer on one core."""
    values = n_images * n_units * n_positions
    return (
        values * n_units / 1e9 * SECONDS["turn_gmac"]
        + values * SECONDS["turn_value"]
        + n_images * n_units * SECONDS["tally_unit"]
    )


def rotation_mem_mb(n_images: float, dtype: str, *, workers: int) -> float:
    """Megabytes of a job that turns the basis of a layer: at least 64 directions of 14 x 14 positions a worker."""
    values = 64 * n_images * 196 * (2 if dtype == "float16" else 4) / 1e6
    return BASE_MB + workers * (800 + values / 0.6)


def principal_s(max_cells: int, n_units: int, n_permutations: int, n_bootstrap: int) -> float:
    """Seconds of the principal direction of one concept on one core: a matrix of inner products for every permutation,
    a few dozen products of that matrix with a vector for every permutation and resample."""
    cells = max_cells or 2000
    side = min(cells, n_units)
    products = cells * n_units * side / 1e9 * SECONDS["principal_gmac"] + cells * n_units * SECONDS["principal_value"]
    return (1 + n_permutations) * products + n_bootstrap * 30 * side * side * SECONDS["principal_step"]


def principal_mb(max_cells: int, n_units: int) -> float:
    """Megabytes of a worker at the principal direction of a concept: its imports, its cells, products of 32 blocks."""
    cells = max_cells or 2000
    blocks = 32 * n_units * n_units * 4 if cells > n_units else 3 * cells * cells * 8
    return 300 + (3 * cells * n_units * 8 + blocks) / 1e6


def segmentation_s(n_images: float, mask_size: int, section: Mapping[str, Any], n_sizes: int) -> float:
    """Seconds of learning the masks of all concepts of a layer on one core.

    section : config section `net2vec`. n_sizes : numbers F of units for which they are learned anew.
    """
    trained = n_images * section["train_share"] * LABELS_PER_IMAGE * section["segmentation"]["epochs"]
    solutions = section["repeats"] * (1 + n_sizes)
    judged = n_images * CONCEPTS * SECONDS["judge_concept"]
    return (trained * solutions * SECONDS["learn_mask"] + judged) * (mask_size / 112) ** 2


def segmentation_mem_mb(n_images: float, n_units: int, n_positions: int, mask_size: int, *, workers: int) -> float:
    """Megabytes of that job: what fires (one position in 200, four bytes), masks that all workers map, and of every
    worker its imports and the weights of a concept."""
    shared = n_images * (n_units * n_positions * 0.02 + LABELS_PER_IMAGE * mask_size**2 / 8) / 1e6
    return BASE_MB + 2 * shared + workers * 500


def classification_s(n_images: float, n_units: int, section: Mapping[str, Any], sizes: Sequence[int]) -> float:
    """Seconds of learning the presence of all concepts of a layer on one core.

    section : config section `net2vec`. sizes : numbers F of units for which they are learned anew.
    """
    options = section["classification"]
    balanced = 2 * n_images * section["train_share"] * LABELS_PER_IMAGE * options["epochs"]
    units = section["repeats"] * (n_units + sum(min(size, n_units) for size in sizes)) + options["n_controls"] * n_units
    return balanced * units * SECONDS["learn_presence"]


def classification_mem_mb(n_images: float, n_units: int, *, workers: int) -> float:
    """Megabytes of that job: the spatial means of all units, read and in single precision for every worker."""
    return BASE_MB + workers * (500 + n_images * n_units * 8 / 1e6)


def learned_mb(n_units: int, section: Mapping[str, Any]) -> float:
    """Megabytes that a task of a layer leaves: weights of every initialisation, scores of every unit, tables."""
    return CONCEPTS * n_units * 4 * (section["repeats"] + 2) / 1e6 + 1


def embeddings_s(n_spaces: int, n_permutations: int) -> float:
    """Seconds of the distances between all pairs of spaces with their null."""
    return n_spaces**2 / 2 * CONCEPTS**2 * (n_permutations + 2) * SECONDS["space_entry"]
