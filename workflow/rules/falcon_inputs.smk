"""
PURPOSE  What FALCON's jobs read, and which tables and figures a study has of it: functions of wildcards and sheets.
INPUTS   the study.
OUTPUTS  none.
"""

FALCON_WORDS = read_stop_words(expand_cell(study.config["falcon"]["words"]["stop_words"])) if study.explained() else []
EXPLAINING_KEYS = (
    "similarity",
    "random_groups",
    "failures",
    "train_share",
    "n_bootstrap",
    "confidence",
)


def explained_layers(wildcards):
    """[model, layer] explained on a data set, in the order of the sheets."""
    return [[model, layer] for dataset, model, layer in study.explained() if dataset == wildcards.dataset]


def explained_layers_of_model(wildcards):
    """The layers of a model that are explained on a data set."""
    return [layer for model, layer in explained_layers(wildcards) if model == wildcards.model]


def targets_carried_to(wildcards):
    return [list(place) for place in study.carried_to(wildcards.dataset)]


def spaces_explained(wildcards):
    """[encoder, vocabulary] that features are explained with."""
    return [list(pair) for pair in explaining_pairs(study)]


def word_options():
    return pick(study.config["falcon"]["words"], but=("stop_words",))


def encoded_parts(suffix):
    """An input function: the parts of a vocabulary in the space of an encoder, in their order."""

    def of_job(wildcards):
        folder = f"<results>/encoders/{wildcards.encoder}/vocabularies/{wildcards.vocabulary}"
        n_parts = int(study.vocabularies[wildcards.vocabulary]["shards"])
        return [f"{folder}/{part}.{suffix}" for part in shard_names(n_parts)]

    return of_job


def explained_on_dataset(pattern):
    """An input function: a file of every explained layer of a data set."""

    def of_job(wildcards):
        names = dict(wildcards.items())
        return [pattern.format(**names | {"model": m, "layer": layer}) for m, layer in explained_layers(wildcards)]

    return of_job


def carried_statistics(suffix):
    """An input function: statistics of the layers that concepts are carried over to."""

    def of_job(wildcards):
        folder = f"<results>/statistics/{wildcards.dataset}"
        return [f"{folder}/{model}/{layer}.{suffix}" for model, layer in study.carried_to(wildcards.dataset)]

    return of_job


def explained_by_model(name, *, encoded=True):
    """An input function: a file of every explained layer of a model, with every encoder and vocabulary where `encoded`."""

    def of_job(wildcards):
        spaces = [f"{e}/{v}/" for e, v in explaining_pairs(study)] if encoded else [""]
        folder = f"<results>/falcon/{wildcards.dataset}/{wildcards.model}"
        return [f"{folder}/{layer}/{s}{name}" for layer in explained_layers_of_model(wildcards) for s in spaces]

    return of_job


def crops_by_model(wildcards):
    """Tables of crops of every explained layer of a model, of the encoder of every space."""
    folder = f"<results>/falcon/{wildcards.dataset}/{wildcards.model}"
    return [
        f"{folder}/{layer}/{encoder}/crops.parquet"
        for layer in explained_layers_of_model(wildcards)
        for encoder, _ in explaining_pairs(study)
    ]


def joined_on_dataset(name):
    """An input function: a joined table of every encoder and vocabulary of a data set."""

    def of_job(wildcards):
        folder = f"<results>/falcon/{wildcards.dataset}/models"
        return [f"{folder}/{e}/{v}/{name}" for e, v in explaining_pairs(study)]

    return of_job


def falcon_tables(wildcards):
    datasets = dict.fromkeys(dataset for dataset, *_ in study.explained())
    return [
        f"<results>/falcon/{dataset}/models/{encoder}/{vocabulary}/summary.parquet"
        for dataset in datasets
        for encoder, vocabulary in explaining_pairs(study)
    ]


def falcon_figures(wildcards):
    models = dict.fromkeys((dataset, model) for dataset, model, _ in study.explained())
    joined = dict.fromkeys((dataset, "models") for dataset, *_ in study.explained())
    return [f"<results>/figures/falcon/{dataset}/{name}" for dataset, name in [*models, *joined]]
