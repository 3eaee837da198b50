"""
PURPOSE  What the jobs of Linking in Style read, their rows of the sheets, memory and minutes.
INPUTS   the study.
OUTPUTS  none.
"""

from conceptatlas import costs_linking
from conceptatlas.generators.index import source_module as generator_module
from conceptatlas.generators.rows import weights_files as generator_files

DRAWN_KEYS = ("classes", "class_map", "class_from", "n_train", "n_test", "max_tries")
"""Keys of the config section `linking` that the pairs depend on."""
LINK_KEYS = (
    "ridges",
    "n_folds",
    "n_cycled",
    "clusters",
    "n_bootstrap",
    "n_permutations",
    "confidence",
    "max_tries",
)
"""Keys that fitting and judging the link depend on."""
RUN_OPTIONS = {
    "seed": study.config["seed"],
    "batch": study.config["extraction"]["batch"],
    "threads": study.config["extraction"]["inference_threads"],
    "device": study.config["extraction"]["device"],
    "tf32": study.config["extraction"]["tf32"],
}
"""How a job runs generator and classifier, as in the extraction."""

# Rows and files of this job -----------------------------------------------------------------------------------------


def generator_row(wildcards):
    return study.generators[wildcards.generator]


def generator_content(wildcards):
    """Weights of a generator, and for one of the user's own the file of its function."""
    row = expand_row(generator_row(wildcards))
    files = generator_files(row) + ([plugin_file(row["architecture"])] if row["source"] == "user" else [])
    return [entry for file in files for entry in content(file)]


def brought_generator(wildcards):
    """The folder that a generator's weights were copied to; none where every job can open them, or there are none."""
    named = generator_files(generator_row(wildcards)) if OUTSIDE_HERE else []
    return [OUTSIDE.format(sheet="generators", row=wildcards.generator)] if named else []


def perceptual_row(wildcards):
    """The row of the model that compares pictures; None without one."""
    name = study.config["linking"]["encoder"]
    return pick(study.models[name], but=SHOWN_COLUMNS) if name else None


def perceptual_weights(wildcards):
    """The folder that its weights were copied to."""
    name = study.config["linking"]["encoder"]
    named = weights_files(study.models[name]) if name and OUTSIDE_HERE else []
    return [OUTSIDE.format(sheet="models", row=name)] if named else []


def first_report(model):
    """The report of a model's first group of layers: it loads, and has these weights."""
    return f"<results>/models/{model}/{study.groups(model)[0]}.json"


def linked_reports(wildcards):
    return [first_report(wildcards.model)]


def judged_reports(wildcards):
    """Of the classifier, and of the encoder."""
    encoder = study.config["linking"]["encoder"]
    return linked_reports(wildcards) + ([first_report(encoder)] if encoder else [])


def parts_of_link(suffix):
    """An input function: the files of all parts of the pairs."""

    def of_job(wildcards):
        names = shard_names(study.config["linking"]["parts"])
        return [f"<results>/linking/{wildcards.generator}/{wildcards.model}/pairs/{part}.{suffix}" for part in names]

    return of_job


def is_searched():
    """Whether counterfactuals are asked for."""
    return study.config["linking"]["counterfactuals"]["pairs"] != []


def counterfactual_files(wildcards):
    """Table, rates and trajectories of the counterfactuals; none where they are not asked for."""
    folder = f"<results>/linking/{wildcards.generator}/{wildcards.model}"
    names = ("counterfactuals.parquet", "counterfactual_rates.parquet", "counterfactuals.h5")
    return [f"{folder}/{name}" for name in names] if is_searched() else []


def is_measured():
    """Whether pictures are measured: with the tuning, which needs labels of the generator's pictures."""
    return bool(study.config["linking"]["tuning"]["n_seeds"]) and is_searched()


def trajectory_table(wildcards):
    """What changes on the way to another class, where pictures are measured."""
    folder = f"<results>/linking/{wildcards.generator}/{wildcards.model}"
    return [f"{folder}/trajectories.parquet"] if is_measured() else []


def generator_modules(wildcards):
    """The module that loads the generator."""
    return [generator_module(generator_row(wildcards))]


def linked_modules(wildcards):
    """The modules that load the generator and the encoder: code that a job depends on beside the classifier's source."""
    encoder = perceptual_row(wildcards)
    modules = [generator_module(generator_row(wildcards)), *([source_module(encoder)] if encoder else [])]
    return list(dict.fromkeys(modules))


# What a study asks for ----------------------------------------------------------------------------------------------


def linking_tables(wildcards):
    names = ["link.parquet", *(["counterfactuals.parquet"] if is_searched() else [])]
    names += ["trajectories.parquet"] if is_measured() else []
    return [f"<results>/linking/{generator}/{model}/{name}" for generator, model in study.linked() for name in names]


def linking_figures(wildcards):
    return [f"<results>/figures/linking/{generator}/{model}/link" for generator, model in study.linked()]


# Memory and minutes -------------------------------------------------------------------------------------------------


def linked_size(wildcards):
    return int(study.models[wildcards.model]["input_size"] or 224)


def making_mem_mb(wildcards):
    """Memory of a job that runs generator and classifier."""
    return costs_linking.making_mem_mb(linked_size(wildcards), study.config["extraction"]["batch"])


def link_mem_mb(wildcards):
    """Memory of fitting and judging a link."""
    size, batch = linked_size(wildcards), study.config["extraction"]["batch"]
    return costs_linking.link_mem_mb(study.config["linking"], size, batch)


def linking_runtime(cost, n_jobs=1):
    """Minutes: three times what a stage costs, spread over its jobs."""

    def of_job(wildcards):
        source = generator_row(wildcards)["source"]
        seconds = cost(study.config["linking"], source, linked_size(wildcards)) / n_jobs
        return 10 + int(3 * seconds / study.config["extraction"]["inference_threads"] / 60)

    return of_job
