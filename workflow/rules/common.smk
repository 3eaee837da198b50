"""
PURPOSE  The study (config and sheets, checked), the wildcards it allows, and the small functions rules share.
INPUTS   config/config.yaml, or the files given with --configfile (then the demo's config is not read at all);
         the sheets they name; workflow/schemas/.
OUTPUTS  none.
"""

import functools
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

REPOSITORY = Path(workflow.basedir)
LIBRARY = str(REPOSITORY / "workflow")

# The library of this checkout is the one that plans and the one that runs, installed or not.
if LIBRARY not in sys.path[:1]:
    sys.path.insert(0, LIBRARY)
    inherited = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part and part != LIBRARY]
    os.environ.update(PYTHONPATH=os.pathsep.join([LIBRARY, *inherited]))

from conceptatlas.datasets.index import format_modules, named_files
from conceptatlas.encoders.index import source_module as encoder_module
from conceptatlas.encoders.rows import encoder_files
from conceptatlas.falcon.captions import read_stop_words
from conceptatlas.jobs import planned_code
from conceptatlas.models.index import source_module
from conceptatlas.models.rows import weights_files
from conceptatlas.naming import shard_names
from conceptatlas.plugins import plugin_file
from conceptatlas.provenance import fingerprint
from conceptatlas.sheets import expand_cell, expand_row
from conceptatlas.study import alternatives, load_study, pick
from conceptatlas.study_falcon import explaining_pairs
from conceptatlas.study_net2vec import word_files
from conceptatlas.study_plan import OWN_NAMES, TASKS, labelled, labelled_models
from conceptatlas.vocabularies.rows import text_files, vector_files

if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


try:
    study = load_study(
        config,
        config_files=workflow.configfiles,
        schemas=REPOSITORY / "workflow" / "schemas",
    )
except ValueError as mistake:
    raise WorkflowError(str(mistake)) from None


pathvars:
    results=study.folder,
    logs=f"{study.folder}/logs",
    benchmarks=f"{study.folder}/benchmarks",


# All of them here, before any rule: a second statement takes the constraints of the rules before it away where the
# outputs lie in a storage (Snakemake 9.27), and rules become ambiguous.
wildcard_constraints:
    dataset=alternatives(study.datasets),
    model=alternatives(study.models),
    layer=alternatives(layer for _, layer in study.layers),
    group=alternatives(row["group"] for row in study.layers.values()),
    basis=alternatives(basis for *_, basis in study.bases),
    level=alternatives(study.perturbations),
    encoder=alternatives(study.encoders),
    generator=alternatives(study.generators),
    vocabulary=alternatives([*study.vocabularies, OWN_NAMES, *(f"{OWN_NAMES}~{dataset}" for dataset in study.datasets)]),
    shard=r"\d+",
    part=r"\d+",


DATA_COLUMNS = (
    "dataset",
    "format",
    "path",
    "annotations",
    "n_images",
    "split",
    "options",
)
FRAME_COLUMNS = ("frame", "frame_size", "mask_size", "shards")
TWIN_COLUMNS = ("twin_of", "twin_role")
SHOWN_COLUMNS = (*TWIN_COLUMNS, "supervision")
"""Columns of models.tsv that figures show and no result of a model depends on."""
LAYER_COLUMNS = ("model", "layer", "module", "dtype", "store")
LEARNING_KEYS = (
    "train_share",
    "min_train_images",
    "repeats",
    "n_bootstrap",
    "confidence",
    "concepts",
    "warm_start",
)
"""Keys of the config section `net2vec` that both of its tasks depend on."""

RETRIES = study.config["retries_inside_job"] or None
"""Of all that is submitted. None instead of 0, which would override the retries of a profile."""

REFUSAL = f"{study.folder}/preflight.refused.txt"


# Rows of this job -------------------------------------------------------------------------------------------------


def data_row(wildcards):
    return pick(study.datasets[wildcards.dataset], DATA_COLUMNS) | {"seed": study.config["seed"]}


def frame_row(wildcards):
    return data_row(wildcards) | pick(study.datasets[wildcards.dataset], FRAME_COLUMNS)


def model_row(wildcards):
    return pick(study.models[wildcards.model], but=SHOWN_COLUMNS)


def layer_row(wildcards):
    return pick(study.layers[wildcards.model, wildcards.layer], LAYER_COLUMNS)


def group_rows(wildcards):
    rows = study.layer_rows(wildcards.model, wildcards.group)
    return [pick(row, LAYER_COLUMNS) for row in rows]


def counted_rows(wildcards):
    rows = study.counted_layers(wildcards.dataset, wildcards.model, wildcards.group)
    return [pick(row, LAYER_COLUMNS) for row in rows]


def is_counted(wildcards):
    """Whether the maps of a layer are not stored but counted in further forward passes."""
    return study.layers[wildcards.model, wildcards.layer]["store"] == "counts"


def basis_row(wildcards):
    return study.bases[wildcards.dataset, wildcards.model, wildcards.layer, wildcards.basis]


def level_row(wildcards):
    return study.perturbations[wildcards.level]


def encoder_row(wildcards):
    return pick(study.encoders[wildcards.encoder])


def vocabulary_row(wildcards):
    """The row of a vocabulary; names of a data set's own concepts have none in the sheet."""
    if wildcards.vocabulary in study.vocabularies:
        return pick(study.vocabularies[wildcards.vocabulary])
    cells = dict.fromkeys(("path", "vectors", "encoder", "options"), "")
    return {"vocabulary": wildcards.vocabulary, **cells, "shards": 1}


def text_row(wildcards):
    """What the list of a vocabulary depends on: neither vectors nor the number of parts."""
    return pick(vocabulary_row(wildcards), ("vocabulary", "path", "options"))


def perturbed_rows(wildcards):
    rows = study.perturbed_layers(wildcards.model, wildcards.group)
    return [pick(row, LAYER_COLUMNS) for row in rows]


def layers_perturbed(wildcards):
    return [row["layer"] for row in study.perturbed_layers(wildcards.model)]


def floor_perturbed(wildcards):
    """The random twin of a model whose robustness is measured on the same data set; "" if there is none."""
    rows = [study.models[model] for dataset, model in study.perturbed() if dataset == wildcards.dataset]
    floors = [row["model"] for row in rows if (row["twin_of"], row["twin_role"]) == (wildcards.model, "floor")]
    return floors[0] if floors else ""


def all_layers(wildcards):
    return [row["layer"] for row in study.layer_rows(wildcards.model)]


def models_dissected(wildcards):
    return [model for dataset, model in study.dissected() if dataset == wildcards.dataset]


def twins_dissected(wildcards):
    """Twins dissected on the data set beside the model they are twins of."""
    models = models_dissected(wildcards)
    rows = [study.models[model] for model in models if study.models[model]["twin_of"] in models]
    return [pick(row, ("model", *TWIN_COLUMNS)) for row in rows]


def may_embed(wildcards):
    return study.datasets[wildcards.dataset]["embed_images"] == "yes"


def dissection_options(wildcards):
    return pick(study.config["dissection"], but=("datasets", "models", "streamed_scores"))


def principal_options(wildcards):
    return pick(study.config["principal"], but=("datasets", "models", "layers"))


def principal_layer_names(wildcards):
    return study.principal_layers(wildcards.dataset, wildcards.model)


def layers_learned(wildcards):
    return study.learned_layers(wildcards.dataset, wildcards.model)


def places_learned(wildcards):
    """[model, layer] of every layer in which the concepts of a data set are learned, in the order of the sheets."""
    return [[model, layer] for dataset, model, layer in study.learned() if dataset == wildcards.dataset]


def space_places(wildcards):
    """[model, layer, task] of every space of concepts of a data set."""
    return [[*place, task] for place in places_learned(wildcards) for task in study.learned_tasks()]


def supervision_learned(wildcards):
    """Model -> how it was trained, for the models in which the concepts of a data set are learned."""
    models = [model for dataset, model in study.learned_models() if dataset == wildcards.dataset]
    return {model: study.models[model]["supervision"] for model in models}


def subset_sizes(task):
    """A param: the numbers of filters for which a layer's concepts are learned anew."""

    def of_job(wildcards):
        return study.subset_sizes(wildcards.layer, task)

    return of_job


def models_compared(wildcards):
    return [model for dataset, model in study.compared_models() if dataset == wildcards.dataset]


def layers_compared(wildcards):
    return study.compared_layers(wildcards.dataset, wildcards.model)


def rows_compared(wildcards):
    """Name and module of the layers of a model that are compared, in the order of the sheet."""
    rows = [study.layers[wildcards.model, layer] for layer in layers_compared(wildcards)]
    return [pick(row, ("layer", "module")) for row in rows]


def places_compared(wildcards):
    """[model, layer] of every layer compared on a data set, in the order of the sheets."""
    return [[model, layer] for dataset, model, layer in study.compared() if dataset == wildcards.dataset]


def places_until(wildcards):
    """[model, layer] of every layer that a model's are compared with: earlier models' and its own, which come last."""
    return [list(place) for place in study.compared_until(wildcards.dataset, wildcards.model)]


def places_crossed(wildcards):
    """[dataset, layer, shards of the data set, position of the layer's report] of the layers of a model whose concepts
    are compared between data sets."""
    groups = list(dict.fromkeys(study.layers[wildcards.model, layer]["group"] for _, layer in crossed(wildcards)))
    return [
        [dataset, layer, len(study.shards(dataset)), groups.index(study.layers[wildcards.model, layer]["group"])]
        for dataset, layer in crossed(wildcards)
    ]


def crossed(wildcards):
    """[dataset, layer] of those layers."""
    return [list(place) for place in study.crossed(wildcards.model)]


def may_embed_all(wildcards):
    """Whether pictures of all data sets may be shown between which a model's concepts are compared."""
    return all(study.datasets[dataset]["embed_images"] == "yes" for dataset, _ in crossed(wildcards))


def twins_compared(wildcards):
    """Twins compared on the data set beside the model they are twins of."""
    models = models_compared(wildcards)
    rows = [study.models[model] for model in models if study.models[model]["twin_of"] in models]
    return [pick(row, ("model", *TWIN_COLUMNS)) for row in rows]


def comparison_options(wildcards):
    section = study.config["similarity"]
    own = pick(section, ("n_permutations", "n_bootstrap", "confidence"))
    own |= pick(section["unsupervised"], ("thresholds",))
    return own | pick(section["supervised"], ("correlation", "min_images_sfss"))


def place_labelled(wildcards):
    """Whose units are labelled, with what, as the tables say it."""
    return {name: wildcards[name] for name in ("dataset", "model", "layer", "encoder", "vocabulary")}


def labelled_places(wildcards):
    """[layer, encoder, vocabulary] of the labels of a model's units."""
    pair = (wildcards.dataset, wildcards.model)
    return [list(place[2:]) for place in labelled(study) if place[:2] == pair]


def labelling_options(wildcards):
    section = study.config["open_vocabulary"]
    return pick(section, but=("datasets", "models", "layers", "encoders", "vocabularies"))


# Files outside the study that the row of a job names: by content, so that moved or touched ones rerun nothing --------


@functools.cache
def content(named):
    return [fingerprint(part.strip()) for part in named.split(";") if part.strip()]


def weights_content(wildcards):
    """Weights of a model and their key map, and for one of the user's own the file of its module."""
    row = expand_row(study.models[wildcards.model])
    files = weights_files(row) + ([plugin_file(row["architecture"])] if row["source"] == "user" else [])
    return [entry for file in files for entry in content(file)]


def annotations_content(wildcards):
    return annotations_files(wildcards.dataset)


@functools.cache
def annotations_files(dataset):
    return [fingerprint(file) for file in named_files(expand_row(study.datasets[dataset]))]


def directions_content(wildcards):
    return content(expand_row(basis_row(wildcards))["path"])


def word_files_content(wildcards):
    """Files of the word spaces, in the order of the config."""
    spaces = [expand_row(space) for space in study.config["net2vec"]["word_spaces"]]
    return [fingerprint(file) for space in spaces for file in word_files(space)]


def encoder_content(wildcards):
    """Weights of an encoder, and for one of the user's own the file of its module."""
    row = expand_row(encoder_row(wildcards))
    files = encoder_files(row) + ([plugin_file(row["architecture"])] if row["source"] == "user" else [])
    return [entry for file in files for entry in content(file)]


def texts_content(wildcards):
    return [fingerprint(file) for file in text_files(expand_row(vocabulary_row(wildcards)))]


def vectors_content(wildcards):
    return [fingerprint(file) for file in vector_files(expand_row(vocabulary_row(wildcards)))]


# Code behind this job ---------------------------------------------------------------------------------------------


@functools.cache
def code(rule_name, *entries):
    script = REPOSITORY / "workflow" / "scripts" / f"{rule_name}.py"
    return planned_code(script, list(entries))


def code_of(rule_name, *, reads_data=False, runs_model=False, runs_encoder=False, also=None):
    """The param `code` of a rule, with the reader, the model source or the encoder source that the row of a job names,
    and the modules that `also` names for its wildcards."""

    def of_job(wildcards):
        entries = []
        if reads_data:
            entries.extend(format_modules(study.datasets[wildcards.dataset]))
        if runs_model:
            entries.append(source_module(study.models[wildcards.model]))
        if runs_encoder:
            entries.append(encoder_module(study.encoders[wildcards.encoder]))
        entries.extend(also(wildcards) if also else [])
        return code(rule_name, *entries)

    return of_job


def schedule_without_timers():
    """Take Snakemake's default limit of 100 jobs a second away; a limit of one's own (--max-jobs-per-timespan) stays.

    With a limit (Snakemake 9.27) every round of scheduling ends with a timer that begins another, and every finished
    job begins one more: after n jobs n rounds a second, until the main process eats a core. The settings are not known
    before the scheduler is made, so this runs when the study starts.
    """
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
