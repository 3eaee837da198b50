"""
PURPOSE  What the jobs that tune units read; their memory and minutes.
INPUTS   the study.
OUTPUTS  none.
"""

from conceptatlas import costs_tuning

TUNING = study.config["linking"]["tuning"]
QUANTIFICATION = study.config["linking"]["quantification"]
JOIN_KEYS = ("metric", "perplexity", "cluster_cut", "n_selective", "n_flips", "n_bootstrap", "confidence")
"""Keys of `linking.tuning` that the join depends on; the last three the parts depend on, too."""
PART_KEYS = ("units", "n_seeds", "keep_seeds", "n_flips", "n_bootstrap", "confidence")
SHOWN_KEYS = ("n_shown", "n_pictures", "metric")


def tuned_parts(suffix):
    """An input function: the files of all parts of the tuning."""

    def of_job(wildcards):
        names = shard_names(TUNING["parts"])
        return [f"<results>/linking/{wildcards.generator}/{wildcards.model}/tuned/{part}.{suffix}" for part in names]

    return of_job


def head_of_generator(wildcards):
    """The segmentation head of a generator, where labels come from one."""
    return [f"<results>/linking/{wildcards.generator}/head.h5"] if "head" in QUANTIFICATION["masks"] else []


def head_table(wildcards):
    """How well it labels samples it has not seen."""
    return [path.replace("head.h5", "head.parquet") for path in head_of_generator(wildcards)]


def labels_content(wildcards):
    """The file of labelled samples that a head is trained on, where it is one."""
    named = QUANTIFICATION["head"]["labels"]
    return content(expand_cell(named)) if named != "twin" else []


def quantifying_content(wildcards):
    """Files of the user's own functions: masks, metrics, matcher."""
    named = [*QUANTIFICATION["masks"], *QUANTIFICATION["metrics"].values(), QUANTIFICATION["motion"]["matcher"]]
    return [entry for name in named if ":" in name for entry in content(plugin_file(expand_cell(name)))]


def agreement_table(wildcards):
    """Changes by measured labels against true ones; written empty where there is nothing to compare."""
    return f"<results>/linking/{wildcards.generator}/{wildcards.model}/agreement.parquet"


# What a study asks for ----------------------------------------------------------------------------------------------


def tuned_pairs():
    """The (generator, model) pairs whose units are tuned."""
    return study.linked() if TUNING["n_seeds"] else []


def tuning_tables(wildcards):
    return [f"<results>/linking/{generator}/{model}/effects.parquet" for generator, model in tuned_pairs()]


def tuning_figures(wildcards):
    return [f"<results>/figures/linking/{generator}/{model}/tuning" for generator, model in tuned_pairs()]


# Memory and minutes -------------------------------------------------------------------------------------------------


def tuning_threads(wildcards):
    """Workers on a CPU; threads that measure beside a GPU."""
    return study.config["dask"]["workers"]


def tuning_mem_mb(wildcards):
    making = making_mem_mb(wildcards) * (
        1 if study.config["extraction"]["device"] == "cuda" else tuning_threads(wildcards)
    )
    return making + costs_tuning.kept_mb(study.config["linking"])


def tuning_runtime(wildcards):
    """Minutes of one part: three times what it costs."""
    source = generator_row(wildcards)["source"]
    seconds = costs_tuning.tuning_s(study.config["linking"], source, linked_size(wildcards)) / TUNING["parts"]
    return 10 + int(3 * seconds / tuning_threads(wildcards) / 60)


def head_mem_mb(wildcards):
    return costs_tuning.head_mem_mb(study.config["linking"], generator_row(wildcards)["source"])


def join_mem_mb(wildcards):
    return costs_tuning.join_mem_mb(study.config["linking"])
