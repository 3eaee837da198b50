"""
PURPOSE  Memory, minutes and GPUs of the jobs: stated coefficients (conceptatlas/costs.py) times what the sheets say.
INPUTS   the study.
OUTPUTS  none.
"""

from conceptatlas import costs
from conceptatlas.datasets.index import format_of


def images_of(wildcards):
    return study.datasets[wildcards.dataset]["n_images"] or costs.UNKNOWN_IMAGES


def images_per_shard(wildcards):
    return images_of(wildcards) / study.datasets[wildcards.dataset]["shards"]


def input_size(wildcards):
    size = study.models[wildcards.model]["input_size"]
    return size or study.datasets[wildcards.dataset]["frame_size"]


def grow(base_mb):
    """Memory that grows with every attempt; `base_mb` is a number or a function of the wildcards."""

    def of_attempt(wildcards, attempt):
        base = base_mb(wildcards) if callable(base_mb) else base_mb
        return int(base * (1 + 0.5 * (attempt - 1)))

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
    """Memory of a job over one layer: its imports, every worker's tallies, the masks of the null (512 units), and the
    counters that refine float32 thresholds (2048 units)."""
    mask_size = study.datasets[wildcards.dataset]["mask_size"]
    null = costs.null_mb(images_of(wildcards), 512, mask_size)
    thresholds = study.config["thresholds"]
    refine = costs.refine_mb(
        study.layers[wildcards.model, wildcards.layer]["dtype"],
        2048,
        n_taus=len(thresholds["taus"]) + 1,
        definition=thresholds["definition"],
    )
    return costs.BASE_MB + study.config["dask"]["workers"] * 800 + null + refine


def gpu_resources():
    """`gpu` stands on GPU rules only: to the Kubernetes executor even `gpu: 0` is a request for one."""
    if study.config["extraction"]["device"] != "cuda":
        return {}
    return {"gpu": 1, "gpu_manufacturer": "nvidia"}
