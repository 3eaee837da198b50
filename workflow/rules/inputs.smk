"""
PURPOSE  Which files a job reads: functions of its wildcards, and of the sheets.
INPUTS   the study.
OUTPUTS  none.
"""

from conceptatlas.study_atlas import AtlasPlan, atlas_inputs
from conceptatlas.study_requirements import required_files


def group_of(wildcards):
    return study.layers[wildcards.model, wildcards.layer]["group"]


def report_of(wildcards):
    return f"<results>/models/{wildcards.model}/{group_of(wildcards)}.json"


def calibration_of(wildcards):
    named = f"<results>/models/calibration/{wildcards.dataset}/{wildcards.model}.safetensors"
    return [named] if study.calibrated(wildcards.model) else []


def in_shards(pattern):
    """An input function: the files of all shards of a data set; `{group}` is the group of the job's layer."""

    def of_job(wildcards):
        names = {key: value for key, value in wildcards.items()}
        if "{group}" in pattern:
            names["group"] = group_of(wildcards)
        return [pattern.format(shard=shard, **names) for shard in study.shards(wildcards.dataset)]

    return of_job


def tallied_shards(suffix):
    """An input function: what the counts of a layer are made from, stored maps or the counts of a second pass."""

    def of_job(wildcards):
        folder = "counted" if is_counted(wildcards) else "activations"
        return in_shards(f"<results>/{folder}/{{dataset}}/{{model}}/{{group}}/{{shard}}.{suffix}")(wildcards)

    return of_job


def passes_of_layer(folder, suffix):
    """An input function: what a further pass (`counted`, `scored`) left of a layer that is not stored, else nothing."""

    def of_job(wildcards):
        if not is_counted(wildcards) or (folder == "scored" and not study.config["dissection"]["streamed_scores"]):
            return []
        return in_shards(f"<results>/{folder}/{{dataset}}/{{model}}/{{group}}/{{shard}}.{suffix}")(wildcards)

    return of_job


def counted_layers_of_group(pattern):
    """An input function: a file of every layer of a group that is counted in further passes."""

    def of_job(wildcards):
        rows = study.counted_layers(wildcards.dataset, wildcards.model, wildcards.group)
        return [pattern.format(layer=row["layer"], **wildcards) for row in rows]

    return of_job


def layers_of_model(pattern):
    """An input function: the files of all layers of a model."""

    def of_job(wildcards):
        return [pattern.format(layer=layer, **wildcards) for layer in all_layers(wildcards)]

    return of_job


def dissected_layers(table):
    """An input function: a table of the dissection for all layers of all models of a data set."""

    def of_job(wildcards):
        return [
            f"<results>/dissection/{wildcards.dataset}/{model}/{row['layer']}/{table}"
            for model in models_dissected(wildcards)
            for row in study.layer_rows(model)
        ]

    return of_job


def rotated_layers(table):
    """An input function: a table of the rotation of the basis for all layers of a data set, in order of the sheets."""

    def of_job(wildcards):
        return [
            f"<results>/axes/{dataset}/{model}/{layer}/{table}"
            for dataset, model, layer in study.rotated()
            if dataset == wildcards.dataset
        ]

    return of_job


def perturbed_layers_of_group(pattern):
    """An input function: a file of every layer of a group whose robustness is measured."""

    def of_job(wildcards):
        rows = study.perturbed_layers(wildcards.model, wildcards.group)
        return [pattern.format(layer=row["layer"], **wildcards) for row in rows]

    return of_job


def perturbed_shards_of_layer(suffix):
    """An input function: the files of all levels and shards that a layer's robustness is joined from, by level."""

    def of_job(wildcards):
        folder = f"<results>/perturbed/{wildcards.dataset}/{wildcards.model}/{group_of(wildcards)}"
        return [
            f"{folder}/{level}/{shard}.{suffix}"
            for level in study.perturbations
            for shard in study.shards(wildcards.dataset)
        ]

    return of_job


def principal_of_dataset(wildcards):
    """Tables of the principal directions of all layers of a data set, in the order of the sheets."""
    return [
        f"<results>/axes/{dataset}/{model}/{layer}/principal.parquet"
        for dataset, model, layer in study.principal()
        if dataset == wildcards.dataset
    ]


def principal_of_model(name):
    """An input function: a file of the principal directions for the layers of a model, in the order of the sheet."""

    def of_job(wildcards):
        layers = study.principal_layers(wildcards.dataset, wildcards.model)
        return [f"<results>/axes/{wildcards.dataset}/{wildcards.model}/{layer}/{name}" for layer in layers]

    return of_job


def robustness_of_layers(table):
    """An input function: a table of the robustness of all layers of a model that were perturbed."""

    def of_job(wildcards):
        folder = f"<results>/robustness/{wildcards.dataset}/{wildcards.model}"
        return [f"{folder}/{layer}/{table}" for layer in layers_perturbed(wildcards)]

    return of_job


def robustness_of_twin(table):
    """An input function: the same of the model's random twin, if there is one."""

    def of_job(wildcards):
        twin = floor_perturbed(wildcards)
        rows = study.perturbed_layers(twin) if twin else []
        return [f"<results>/robustness/{wildcards.dataset}/{twin}/{row['layer']}/{table}" for row in rows]

    return of_job


def learned_tasks_of_layer(suffix):
    """An input function: the table or the weights of every task that is on, for a layer Net2Vec learns in."""

    def of_job(wildcards):
        folder = f"<results>/net2vec/{wildcards.dataset}/{wildcards.model}/{wildcards.layer}"
        return [f"{folder}/{task}.{suffix}" for task in study.learned_tasks()]

    return of_job


def learned_by_model(name):
    """An input function: a file of Net2Vec for the layers of a model, in the order of the sheet; none where the task
    that makes it is off."""

    def of_job(wildcards):
        if not made_by_net2vec(name):
            return []
        folder = f"<results>/net2vec/{wildcards.dataset}/{wildcards.model}"
        return [f"{folder}/{layer}/{name}" for layer in layers_learned(wildcards)]

    return of_job


def learned_on_dataset(name):
    """An input function: the same for all layers in which the concepts of a data set are learned."""

    def of_job(wildcards):
        if not made_by_net2vec(name):
            return []
        return [
            f"<results>/net2vec/{wildcards.dataset}/{model}/{layer}/{name}"
            for model, layer in places_learned(wildcards)
        ]

    return of_job


def made_by_net2vec(name):
    """Whether a file is made: those of a task begin with its name."""
    owner = [task for task in TASKS if name.startswith(task)]
    return not owner or owner[0] in study.learned_tasks()


def spaces_of_dataset(suffix):
    """An input function: the table or the weights of every space of concepts of a data set (see `space_places`)."""

    def of_job(wildcards):
        return [
            f"<results>/net2vec/{wildcards.dataset}/{model}/{layer}/{task}.{suffix}"
            for model, layer, task in space_places(wildcards)
        ]

    return of_job


def flattened_shards(pattern):
    """An input function: the files of all shards where CAVs are learned on whole maps; pooled features need none."""

    def of_job(wildcards):
        whole_maps = study.config["similarity"]["supervised"]["features"] == "flattened"
        return in_shards(pattern)(wildcards) if whole_maps else []

    return of_job


def made_by_similarity(name):
    """Whether a file of a layer is made: its geometry only where measures of pooled features are asked for."""
    return name != "geometry.h5" or bool(study.config["similarity"]["reference"]["measures"])


def compared_until(name):
    """An input function: a file of every layer that a model's are compared with (see `places_until`)."""

    def of_job(wildcards):
        places = places_until(wildcards) if made_by_similarity(name) else []
        return [f"<results>/similarity/{wildcards.dataset}/{model}/{layer}/{name}" for model, layer in places]

    return of_job


def compared_by_model(name):
    """An input function: a file of every layer of a model that is compared, in the order of the sheet."""

    def of_job(wildcards):
        folder = f"<results>/similarity/{wildcards.dataset}/{wildcards.model}"
        return [f"{folder}/{layer}/{name}" for layer in layers_compared(wildcards)]

    return of_job


def answered_for(kind, name):
    """An input function: the same, where a kind of response is asked for."""

    def of_job(wildcards):
        asked = kind in study.config["similarity"]["responses"]["kinds"]
        return compared_by_model(name)(wildcards) if asked else []

    return of_job


def compared_layers_of_dataset(name):
    """An input function: the same for all layers compared on a data set."""

    def of_job(wildcards):
        folder = f"<results>/similarity/{wildcards.dataset}"
        return [f"{folder}/{model}/{layer}/{name}" for model, layer in places_compared(wildcards)]

    return of_job


def compared_on_dataset(ending):
    """An input function: a table of every model compared on a data set, in the order of the sheet."""

    def of_job(wildcards):
        return [f"<results>/similarity/{wildcards.dataset}/{model}{ending}" for model in models_compared(wildcards)]

    return of_job


def crossed_files(pattern):
    """An input function: a file of every layer of a model whose concepts are compared between data sets, layer after
    layer; `{shard}` in the pattern: of all shards of the data set."""

    def of_job(wildcards):
        found = []
        for dataset, layer in crossed(wildcards):
            shards = study.shards(dataset) if "{shard}" in pattern else [""]
            names = {"dataset": dataset, "model": wildcards.model, "layer": layer}
            names["group"] = study.layers[wildcards.model, layer]["group"]
            found += [pattern.format(shard=shard, **names) for shard in shards]
        return found

    return of_job


def parts_of(encoder, vocabulary, suffix):
    """The files of all parts of a vocabulary in the space of an encoder."""
    n_parts = study.vocabularies[vocabulary]["shards"] if vocabulary in study.vocabularies else 1
    folder = f"<results>/encoders/{encoder}/vocabularies/{vocabulary}"
    return [f"{folder}/{part}.{suffix}" for part in shard_names(n_parts)]


def vocabulary_parts(suffix):
    """An input function: the parts of the vocabulary that a layer's units are labelled from."""

    def of_job(wildcards):
        own = wildcards.vocabulary == OWN_NAMES
        name = f"{OWN_NAMES}~{wildcards.dataset}" if own else wildcards.vocabulary
        return parts_of(wildcards.encoder, name, suffix)

    return of_job


def own_name_parts(suffix):
    """An input function: vectors of the names of the data set's own concepts, where the study asks for them."""

    def of_job(wildcards):
        asked = OWN_NAMES in study.config["open_vocabulary"]["vocabularies"]
        return parts_of(wildcards.encoder, f"{OWN_NAMES}~{wildcards.dataset}", suffix) if asked else []

    return of_job


def mask_labels(wildcards):
    """The units of a layer with their mask labels, where it is dissected."""
    dissected = (wildcards.dataset, wildcards.model) in study.dissected()
    folder = f"<results>/dissection/{wildcards.dataset}/{wildcards.model}/{wildcards.layer}"
    return [f"{folder}/units.parquet"] if dissected else []


def labelled_of_model(name):
    """An input function: a file of all labels of a model's units, in the order of the sheets."""

    def of_job(wildcards):
        folder = f"<results>/open_vocabulary/{wildcards.dataset}/{wildcards.model}"
        return [f"{folder}/{'/'.join(place)}/{name}" for place in labelled_places(wildcards)]

    return of_job


def open_vocabulary_tables(wildcards):
    return [f"<results>/open_vocabulary/{'/'.join(place)}/labels.parquet" for place in labelled(study)]


def open_vocabulary_figures(wildcards):
    return [f"<results>/figures/open_vocabulary/{dataset}/{model}" for dataset, model in labelled_models(study)]


def reports_crossed(wildcards):
    """Reports of the groups of those layers."""
    return reports_of_places([(wildcards.model, layer) for _, layer in crossed(wildcards)])


def embedding_distances(wildcards):
    """Distances of Net2Vec's embedding spaces, where some layer that is compared has one."""
    learned = [list(place) for place in places_learned(wildcards)]
    shared = [place for place in places_compared(wildcards) if place in learned]
    return [f"<results>/net2vec/{wildcards.dataset}/distances.parquet"] if len(shared) > 1 else []


def responses_of(wildcards):
    """What a model's answers owe to concepts, where it was asked."""
    asked = (wildcards.dataset, wildcards.model) in study.answering()
    return [f"<results>/similarity/{wildcards.dataset}/{wildcards.model}_responses.parquet"] if asked else []


def reports_until(wildcards):
    """Model reports of the layers that a model's are compared with: where in their models they stand."""
    return reports_of_places(places_until(wildcards))


def reports_of_dataset(wildcards):
    return reports_of_places(places_compared(wildcards))


def reports_of_places(places):
    groups = dict.fromkeys((model, study.layers[model, layer]["group"]) for model, layer in places)
    return [f"<results>/models/{model}/{group}.json" for model, group in groups]


# Files of the study


def model_reports(wildcards):
    return [f"<results>/models/{model}/{group}.json" for model in study.models for group in study.groups(model)]


def framed_shards(wildcards):
    return [
        f"<results>/datasets/{dataset}/frames/{shard}.json"
        for dataset in study.datasets
        for shard in study.shards(dataset)
    ]


def extracted_shards(wildcards):
    return [
        f"<results>/activations/{dataset}/{model}/{group}/{shard}.json"
        for dataset, model in study.extracted()
        for group in study.groups(model)
        for shard in study.shards(dataset)
    ]


def passed_shards(wildcards):
    """Manifests of the second and third passes over layers that are not stored."""
    folders = ("counted", "scored") if study.config["dissection"]["streamed_scores"] else ("counted",)
    return [
        f"<results>/{folder}/{dataset}/{model}/{group}/{shard}.json"
        for dataset, model, group in study.counted()
        for shard in study.shards(dataset)
        for folder in folders
    ]


def summarised_layers(wildcards):
    return [
        f"<results>/statistics/{dataset}/{model}/{row['layer']}.json"
        for dataset, model in study.extracted()
        for row in study.layer_rows(model)
    ]


def dataset_figures(wildcards):
    return [f"<results>/figures/datasets/{dataset}" for dataset in study.datasets]


def dissection_tables(wildcards):
    joined = [f"<results>/dissection/{dataset}/summary.parquet" for dataset in study.dissected_datasets()]
    bases = [
        f"<results>/bases/{dataset}/{model}/{layer}/{basis}/summary.parquet"
        for dataset, model, layer, basis in study.bases
    ]
    return joined + bases


def dissection_figures(wildcards):
    models = [f"<results>/figures/dissection/{dataset}/{model}" for dataset, model in study.dissected()]
    joined = [
        f"<results>/figures/dissection/{dataset}/{figure}{suffix}"
        for dataset in study.dissected_datasets()
        for figure in ("detectors", "twins")
        for suffix in FIGURE_SUFFIXES
    ]
    return models + joined


def axes_tables(wildcards):
    return [f"<results>/axes/{dataset}/rotation_summary.parquet" for dataset in study.rotated_datasets()]


def axes_figures(wildcards):
    return [
        f"<results>/figures/axes/{dataset}/{figure}{suffix}"
        for dataset in study.rotated_datasets()
        for figure in ("rotations", "rotation_categories")
        for suffix in FIGURE_SUFFIXES
    ]


def perturbed_shards(wildcards):
    return [
        f"<results>/perturbed/{dataset}/{model}/{group}/{level}/{shard}.json"
        for dataset, model in study.perturbed()
        for group in dict.fromkeys(row["group"] for row in study.perturbed_layers(model))
        for level in study.perturbations
        for shard in study.shards(dataset)
    ]


def robustness_tables(wildcards):
    return [
        f"<results>/robustness/{dataset}/{model}/{row['layer']}/summary.parquet"
        for dataset, model in study.perturbed()
        for row in study.perturbed_layers(model)
    ]


def principal_tables(wildcards):
    datasets = dict.fromkeys(dataset for dataset, *_ in study.principal())
    return [f"<results>/axes/{dataset}/principal_summary.parquet" for dataset in datasets]


def principal_figures(wildcards):
    models = dict.fromkeys((dataset, model) for dataset, model, _ in study.principal())
    return [f"<results>/figures/axes/{dataset}/{model}/principal" for dataset, model in models]


def robustness_figures(wildcards):
    return [f"<results>/figures/robustness/{dataset}/{model}" for dataset, model in study.perturbed()]


def net2vec_tables(wildcards):
    return [
        f"<results>/net2vec/{dataset}/{table}.parquet"
        for dataset in study.learned_datasets()
        for table in ("summary", "distances")
    ]


def net2vec_figures(wildcards):
    models = [f"<results>/figures/net2vec/{dataset}/{model}" for dataset, model in study.learned_models()]
    joined = [f"<results>/figures/net2vec/{dataset}/models" for dataset in study.learned_datasets()]
    return models + joined


def similarity_tables(wildcards):
    joined = [f"<results>/similarity/{dataset}/summary.parquet" for dataset in study.compared_datasets()]
    answers = [f"<results>/similarity/{dataset}/{model}_responses.parquet" for dataset, model in study.answering()]
    across = [f"<results>/similarity/across/{model}.parquet" for model in study.crossed_models()]
    return joined + answers + across


def similarity_figures(wildcards):
    models = [f"<results>/figures/similarity/{dataset}/{model}" for dataset, model in study.compared_models()]
    joined = [f"<results>/figures/similarity/{dataset}/models" for dataset in study.compared_datasets()]
    across = [f"<results>/figures/similarity/across/{model}" for model in study.crossed_models()]
    return models + joined + across


# The atlas ------------------------------------------------------------------------------------------------------

ATLAS = AtlasPlan(study)
ATLAS_FILES = REPOSITORY / "workflow" / "conceptatlas" / "atlas"


def results_of(paths):
    return [f"<results>/{path}" for path in paths]


def atlas_model_inputs(kind):
    """An input function: `tables`, `statistics`, `statistics_manifests`, `shards` or `manifests` of a model's pages."""

    def of_job(wildcards):
        return results_of(atlas_inputs(ATLAS.model(wildcards.dataset, wildcards.model))[kind])

    return of_job


def atlas_pages(wildcards):
    models = [f"<results>/atlas/models/{dataset}/{model}" for dataset, model in ATLAS.pairs]
    models += [f"<results>/atlas/across/{model}" for model in study.crossed_models()]
    return models + [f"<results>/atlas/datasets/{dataset}" for dataset in ATLAS.datasets]


def atlas_tables(wildcards):
    return results_of(ATLAS.joins())


def every_figure(wildcards):
    """Folders of figures, and single ones, of all methods."""
    drawn = (
        dataset_figures,
        dissection_figures,
        robustness_figures,
        axes_figures,
        principal_figures,
        net2vec_figures,
        similarity_figures,
        falcon_figures,
        linking_figures,
        tuning_figures,
        open_vocabulary_figures,
    )
    return [path for figures in drawn for path in figures(wildcards)]


def atlas_figures(wildcards):
    return ["<results>/atlas/figures"] if study.config["atlas"]["figure_width"] else []


def atlas_assets(wildcards):
    """Content of the scripts, styles and templates: Snakemake does not know them as code."""
    files = sorted(path for folder in ("assets", "templates") for path in (ATLAS_FILES / folder).rglob("*.*"))
    return [[str(path.relative_to(ATLAS_FILES)), fingerprint(path)] for path in files]


def required_by_each():
    """For every requirement, the tables it is read from."""
    return [required_files(study, requirement) for requirement in study.config["requirements"]["list"]]


def required_tables(wildcards):
    return list(dict.fromkeys(f"<results>/{file['path']}" for files in required_by_each() for file in files))


def pack_before(wildcards):
    """The table of requirements of another study, if one is named."""
    named = study.config["requirements"]["compare_with"]
    return [local(named)] if named else []


def requirements_table(wildcards):
    return ["<results>/requirements.parquet"] if study.config["requirements"]["list"] else []
