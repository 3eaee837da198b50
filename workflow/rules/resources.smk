"""
PURPOSE  Memory, minutes and GPUs of the jobs: stated coefficients (conceptatlas/costs.py) times what the sheets say.
INPUTS   the study.
OUTPUTS  none.
"""

from conceptatlas import costs, costs_atlas, costs_encoders, costs_falcon, costs_similarity
from conceptatlas.datasets.index import format_of


def images_in(dataset):
    return study.datasets[dataset]["n_images"] or costs.UNKNOWN_IMAGES


def images_of(wildcards):
    return images_in(wildcards.dataset)


def images_per_shard(wildcards):
    return images_of(wildcards) / study.datasets[wildcards.dataset]["shards"]


def input_size(wildcards):
    size = study.models[wildcards.model]["input_size"]
    return size or study.datasets[wildcards.dataset]["frame_size"]


def grow(base):
    """Memory or minutes that grow by half with every attempt; `base` is a number or a function of the wildcards."""

    def of_attempt(wildcards, attempt):
        amount = base(wildcards) if callable(base) else base
        return int(amount * (1 + 0.5 * (attempt - 1)))

    return of_attempt


def list_threads(wildcards):
    """Workers where listing opens a file an image; a list that is read from a table takes seconds."""
    scans = format_of(study.datasets[wildcards.dataset]).scans
    return study.config["dask"]["workers"] if scans else 1


def list_mem_mb(wildcards):
    return costs.list_mem_mb(list_threads(wildcards))


def list_runtime(wildcards):
    """Minutes: `n_images` limits what is kept, listing reads all."""
    scans = format_of(study.datasets[wildcards.dataset]).scans
    each = costs.SECONDS["scan_image" if scans else "list_image"]
    return 10 + int(costs.LISTED_IMAGES * each / list_threads(wildcards) / 60)


def frame_mem_mb(wildcards):
    row = study.datasets[wildcards.dataset]
    return costs.frame_mem_mb(
        images_per_shard(wildcards),
        frame_size=row["frame_size"],
        mask_size=row["mask_size"],
    )


def index_mem_mb(wildcards):
    mask_size = study.datasets[wildcards.dataset]["mask_size"]
    return costs.index_mem_mb(images_of(wildcards), mask_size=mask_size)


def index_runtime(wildcards):
    return 10 + int(3 * images_of(wildcards) * costs.SECONDS["index_image"] / 60)


def forward_mem_mb(wildcards):
    size, batch = input_size(wildcards), study.config["extraction"]["batch"]
    return costs.BASE_MB + 500 + costs.forward_mb(size, batch)


def frame_runtime(wildcards):
    return 5 + int(3 * images_per_shard(wildcards) * costs.SECONDS["frame_image"] / 60)


def forward_runtime(wildcards):
    seconds = images_per_shard(wildcards) * costs.forward_s(input_size(wildcards))
    return 5 + int(3 * seconds / study.config["extraction"]["inference_threads"] / 60)


def perturb_mem_mb(wildcards):
    """As the forward pass, with the masks of the shard's labels twice, the counts of its layers (2048 units), and what
    the level itself takes (signs of a gradient: a byte a pixel and channel of the shard's frames)."""
    data, kind = study.datasets[wildcards.dataset], level_row(wildcards)["kind"]
    masks = images_per_shard(wildcards) * 2 * costs.LABELS_PER_IMAGE * data["mask_size"] ** 2 / 8e6
    counts = 300 * len(perturbed_rows(wildcards))
    own = costs.level_mb(kind, input_size(wildcards), study.config["extraction"]["batch"])
    signs = images_per_shard(wildcards) * 3 * data["frame_size"] ** 2 / 1e6 if own else 0
    return forward_mem_mb(wildcards) + masks + counts + own + signs


def perturb_runtime(wildcards):
    """Minutes: the level's passes, and counting the units (2048 a layer) against labels and clean masks."""
    passes = costs.level_passes(level_row(wildcards)["kind"])
    units = 2048 * len(perturbed_rows(wildcards))
    counted = images_per_shard(wildcards) * units * 4 * costs.SECONDS["tally_unit"]
    return passes * forward_runtime(wildcards) + int(3 * counted / 60)


def counting_levels():
    """Levels of tau at which a layer that is not stored is counted."""
    thresholds = study.config["thresholds"]
    return len({str(tau) for tau in (thresholds["tau"], *thresholds["taus"])})


def counting_mem_mb(wildcards):
    """Memory of the forward pass, and of every layer (64 units at the input's resolution) masks and tallies."""
    n_layers = len(counted_rows(wildcards))
    mask_size = study.datasets[wildcards.dataset]["mask_size"]
    own = costs.counting_mb(images_per_shard(wildcards), 64, input_size(wildcards) ** 2, mask_size, counting_levels())
    return forward_mem_mb(wildcards) + n_layers * own


def counting_runtime(wildcards):
    """Minutes: the forward pass, and what is done with the values of its layers (64 units at full resolution)."""
    n_images, positions = images_per_shard(wildcards), input_size(wildcards) ** 2
    mask_size = study.datasets[wildcards.dataset]["mask_size"]
    each = costs.counting_s(n_images, 64, positions, mask_size, counting_levels())
    each = max(each, costs.scoring_s(n_images, 64, positions))
    return forward_runtime(wildcards) + int(3 * len(counted_rows(wildcards)) * each / 60)


def scoring_mem_mb(wildcards):
    """Memory of the forward pass, and of the tables of every layer (256 units)."""
    own = costs.scoring_mb(256, study.config["dissection"]["top_labels"])
    return forward_mem_mb(wildcards) + len(counted_rows(wildcards)) * own


def layer_runtime(wildcards):
    """Minutes for one layer: its units are not known before the model is checked, so a wide layer is assumed."""
    row = study.datasets[wildcards.dataset]
    n_images = images_of(wildcards)
    tally = n_images * 2048 * costs.SECONDS["tally_unit"]
    null = costs.null_s(
        n_images,
        2048,
        row["mask_size"],
        study.config["dissection"]["n_permutations"],
    )
    return 10 + int(3 * (tally + null) / study.config["dask"]["workers"] / 60)


def layer_mem_mb(wildcards):
    """Memory of a job over one layer: its imports, every worker's tallies and masks of the null, and the counters that
    refine float32 thresholds (2048 units)."""
    mask_size = study.datasets[wildcards.dataset]["mask_size"]
    null = study.config["dask"]["workers"] * costs.null_mb(images_of(wildcards), mask_size)
    thresholds = study.config["thresholds"]
    refine = costs.refine_mb(
        study.layers[wildcards.model, wildcards.layer]["dtype"],
        2048,
        n_taus=len(thresholds["taus"]) + 1,
        definition=thresholds["definition"],
    )
    return costs.BASE_MB + study.config["dask"]["workers"] * 800 + null + refine


def rotation_mem_mb(wildcards):
    """Memory of a rotated layer: of every worker some directions of all images, and the counts of its tally."""
    dtype = study.layers[wildcards.model, wildcards.layer]["dtype"]
    return costs.rotation_mem_mb(images_of(wildcards), dtype, workers=study.config["dask"]["workers"])


def rotation_runtime(wildcards):
    """Minutes: 1024 units of 14 x 14 positions are assumed."""
    axes = study.config["axes"]
    n_bases = axes["n_rotations"] * len(axes["alphas"]) + 6
    seconds = n_bases * costs.rotation_s(images_of(wildcards), 1024, 196)
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def principal_mem_mb(wildcards):
    """Memory of the principal directions of a layer of 2048 units: its imports, and of every worker the cells of one
    concept with their products."""
    each = costs.principal_mb(study.config["principal"]["max_cells"], 2048)
    return costs.BASE_MB + study.config["dask"]["workers"] * int(each)


def principal_runtime(wildcards):
    """Minutes: 200 concepts with enough images and 2048 units are assumed."""
    section = study.config["principal"]
    each = costs.principal_s(section["max_cells"], 2048, section["n_permutations"], section["n_bootstrap"])
    seconds = 200 * each + images_of(wildcards) * 2048 * 196 * costs.SECONDS["write_mb"] / 5e5
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def segmentation_mem_mb(wildcards):
    """Memory of learning masks in a layer of 2048 units of 14 x 14 positions."""
    mask_size, workers = study.datasets[wildcards.dataset]["mask_size"], study.config["dask"]["workers"]
    return costs.segmentation_mem_mb(images_of(wildcards), 2048, 196, mask_size, workers=workers)


def segmentation_runtime(wildcards):
    """Minutes."""
    mask_size = study.datasets[wildcards.dataset]["mask_size"]
    n_sizes = len(study.subset_sizes(wildcards.layer, "segmentation"))
    seconds = costs.segmentation_s(images_of(wildcards), mask_size, study.config["net2vec"], n_sizes)
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def classification_mem_mb(wildcards):
    """Memory of learning presence in a layer of 2048 units."""
    return costs.classification_mem_mb(images_of(wildcards), 2048, workers=study.config["dask"]["workers"])


def classification_runtime(wildcards):
    """Minutes for 2048 units."""
    sizes = study.subset_sizes(wildcards.layer, "classification")
    seconds = costs.classification_s(images_of(wildcards), 2048, study.config["net2vec"], sizes)
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def embeddings_runtime(wildcards):
    """Minutes: the distances of all pairs of spaces."""
    n_spaces = len(space_places(wildcards)) + len(study.config["net2vec"]["word_spaces"])
    return 10 + int(3 * costs.embeddings_s(n_spaces, study.config["net2vec"]["n_permutations"]) / 60)


def compared_features():
    """Features of an image in a layer of 2048 units of 14 x 14 positions."""
    return 2048 * (196 if study.config["similarity"]["supervised"]["features"] == "flattened" else 1)


def discovery_mem_mb(wildcards):
    """Memory of finding the concepts of a layer of 2048 units of 14 x 14 positions."""
    return costs_similarity.discovery_mem_mb(images_of(wildcards), 2048, 196, workers=study.config["dask"]["workers"])


def discovery_runtime(wildcards):
    """Minutes."""
    mask_size, section = study.datasets[wildcards.dataset]["mask_size"], study.config["similarity"]
    seconds = costs_similarity.discovery_s(images_of(wildcards), 2048, 196, mask_size, section)
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def profile_mem_mb(wildcards):
    """Memory of the concept vectors of a layer."""
    return costs_similarity.profile_mem_mb(
        images_of(wildcards), compared_features(), workers=study.config["dask"]["workers"]
    )


def profile_runtime(wildcards):
    """Minutes."""
    seconds = costs_similarity.profile_s(images_of(wildcards), compared_features(), study.config["similarity"])
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def geometry_mem_mb(wildcards):
    """Memory of the pooled features of a layer, and three times what they leave."""
    left = costs_similarity.geometry_mb(images_of(wildcards), 2048, study.config["similarity"])
    return costs.BASE_MB + images_of(wildcards) * 2048 * 12 / 1e6 + 3 * left


def geometry_runtime(wildcards):
    """Minutes."""
    return 10 + int(3 * costs_similarity.geometry_s(images_of(wildcards), study.config["similarity"]) / 60)


def comparison_mem_mb(wildcards):
    """Memory of comparing the layers of a model."""
    mask_size, workers = study.datasets[wildcards.dataset]["mask_size"], study.config["dask"]["workers"]
    return costs_similarity.comparison_mem_mb(
        images_of(wildcards), mask_size, study.config["similarity"], workers=workers
    )


def comparison_runtime(wildcards):
    """Minutes: its layers with each other and with those of earlier models."""
    n_pairs = len(places_until(wildcards)) * len(layers_compared(wildcards))
    mask_size = study.datasets[wildcards.dataset]["mask_size"]
    seconds = n_pairs * costs_similarity.comparison_s(images_of(wildcards), mask_size, study.config["similarity"])
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def across_mem_mb(wildcards):
    """Memory of projecting concepts on the images of other data sets, and of comparing their masks."""
    section, workers = study.config["similarity"], study.config["dask"]["workers"]
    masks = [
        costs_similarity.discovered_mb(images_in(dataset), study.datasets[dataset]["mask_size"], section)
        for dataset, _ in crossed(wildcards)
    ]
    return costs.BASE_MB + workers * (500 + 4 * max(masks))


def across_runtime(wildcards):
    """Minutes, for layers of 14 x 14 positions."""
    section = study.config["similarity"]
    n_images = {dataset: images_in(dataset) for dataset, _ in crossed(wildcards)}
    sizes = {dataset: study.datasets[dataset]["mask_size"] for dataset in n_images}
    n_layers = len(crossed(wildcards)) // len(n_images)
    seconds = n_layers * costs_similarity.across_s(n_images, 196, sizes, section)
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def response_mem_mb(wildcards):
    """Memory of the forward pass, of a backward pass beside it, and of the concepts of its layers."""
    size, batch = input_size(wildcards), study.config["extraction"]["batch"]
    return forward_mem_mb(wildcards) + costs.level_mb("fgsm", size, batch) + 100 * len(layers_compared(wildcards))


def response_runtime(wildcards):
    """Minutes."""
    n_layers, section = len(layers_compared(wildcards)), study.config["similarity"]
    seconds = costs_similarity.responses_s(
        images_of(wildcards), costs.forward_s(input_size(wildcards)), n_layers, section
    )
    return 10 + int(3 * seconds / study.config["extraction"]["inference_threads"] / 60)


def bytes_of_vocabulary(wildcards):
    """Bytes of the text of a vocabulary; 0 on machines that cannot open it, and for a data set's own names."""
    if wildcards.vocabulary not in study.vocabularies:
        return 0
    try:
        files = text_files(expand_row(study.vocabularies[wildcards.vocabulary]))
        return sum(file.stat().st_size for file in files)
    except (ValueError, OSError):
        return 0


def listed_vocabulary_mem_mb(wildcards):
    return costs_encoders.listing_mem_mb(bytes_of_vocabulary(wildcards))


def listed_vocabulary_runtime(wildcards):
    """Minutes."""
    return 5 + int(3 * costs_encoders.listing_s(bytes_of_vocabulary(wildcards)) / 60)


def encoder_mem_mb(wildcards):
    """Memory of an encoder as large as a ViT-L/14, and of a batch in it; the demo's own is small."""
    source = study.encoders[wildcards.encoder]["source"]
    return costs_encoders.encoder_mem_mb(source, study.config["extraction"]["batch"])


def encode_images_runtime(wildcards):
    """Minutes."""
    source = study.encoders[wildcards.encoder]["source"]
    seconds = costs_encoders.images_s(images_per_shard(wildcards), source)
    return 5 + int(3 * seconds / study.config["extraction"]["inference_threads"] / 60)


def encode_vocabulary_runtime(wildcards):
    """Minutes of one part."""
    row = vocabulary_row(wildcards)
    n_captions = costs_encoders.captions_in(bytes_of_vocabulary(wildcards)) / row["shards"]
    n_captions = max(n_captions, costs.MOST_CONCEPTS)
    source = "none" if row["vectors"] else study.encoders[wildcards.encoder]["source"]
    seconds = costs_encoders.captions_s(n_captions, source)
    return 5 + int(3 * seconds / study.config["extraction"]["inference_threads"] / 60)


def selection_mem_mb(wildcards):
    """Memory of selecting the features of a layer of 2048 units."""
    return costs_falcon.selection_mem_mb(images_of(wildcards), 2048)


def selection_runtime(wildcards):
    """Minutes."""
    return 10 + int(3 * costs_falcon.selection_s(images_of(wildcards), 2048) / 60)


def crop_mem_mb(wildcards):
    """Memory of a network and an encoder together, and a graph of its gradients."""
    batch = study.config["extraction"]["batch"]
    own = costs.level_mb("fgsm", input_size(wildcards), batch) + encoder_mem_mb(wildcards) - costs.BASE_MB
    return forward_mem_mb(wildcards) + own


def crop_runtime(wildcards):
    """Minutes."""
    source = study.encoders[wildcards.encoder]["source"]
    seconds = costs_falcon.crops_s(
        images_of(wildcards), costs.forward_s(input_size(wildcards)), source, study.config["falcon"]
    )
    return 10 + int(3 * seconds / study.config["extraction"]["inference_threads"] / 60)


def explain_mem_mb(wildcards):
    return costs_falcon.explain_mem_mb(
        images_of(wildcards), study.config["falcon"], workers=study.config["dask"]["workers"]
    )


def explain_runtime(wildcards):
    """Minutes: captions near to all crops, and their words."""
    n_captions = costs_encoders.captions_in(bytes_of_vocabulary(wildcards))
    seconds = costs_falcon.explain_s(images_of(wildcards), n_captions, study.config["falcon"])
    return 10 + int(3 * seconds / 60)


def concepts_in(wildcards):
    """Concepts that units are labelled with."""
    own = wildcards.vocabulary not in study.vocabularies
    return costs.MOST_CONCEPTS if own else costs_encoders.captions_in(bytes_of_vocabulary(wildcards), bytes_each=10)


def labelling_mem_mb(wildcards):
    """Memory of labelling a layer of 2048 units."""
    workers = study.config["dask"]["workers"]
    return costs_encoders.labelling_mem_mb(images_of(wildcards), 2048, concepts_in(wildcards), workers=workers)


def labelling_runtime(wildcards):
    """Minutes, for 2048 units."""
    section = study.config["open_vocabulary"]
    seconds = costs_encoders.labelling_s(images_of(wildcards), 2048, concepts_in(wildcards), section)
    return 10 + int(3 * seconds / study.config["dask"]["workers"] / 60)


def gpu_resources(section="extraction"):
    """`gpu` stands on GPU rules only: to the Kubernetes executor even `gpu: 0` is a request for one."""
    if study.config[section]["device"] != "cuda":
        return {}
    return {"gpu": 1, "gpu_manufacturer": "nvidia"}


ATLAS_UNITS = 4096
"""Units of a model for which memory is asked where its report is not there yet."""


def atlas_model_mem_mb(wildcards):
    options = study.config["atlas"]
    return costs_atlas.model_mem_mb(images_of(wildcards), ATLAS_UNITS, options["thumbnail_size"], options["thumbnails"])


def atlas_join_mem_mb(wildcards):
    images = sum(images_in(dataset) for dataset in ATLAS.datasets)
    return costs_atlas.join_mem_mb(ATLAS_UNITS * len(ATLAS.pairs), images)


def atlas_dataset_mem_mb(wildcards):
    return costs_atlas.join_mem_mb(0, images_of(wildcards))


def atlas_dataset_runtime(wildcards):
    return 10 + int(3 * costs_atlas.dataset_s(images_of(wildcards)) / 60)
