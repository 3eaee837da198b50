"""Which results the atlas is made from.

Imported while Snakemake parses: standard library only. Paths are relative to the folder of the study, so that the rules
that name them as inputs and the builder that reads them agree by construction.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

from conceptatlas.study_falcon import explaining_pairs
from conceptatlas.study_plan import Study, labelled

DATASET_FILES = ("dataset.json", "concepts.parquet")
"""Of every data set, what the joins read."""
SECTIONS = ("thresholds", "geometry", "dissection", "axes", "robustness", "principal", "net2vec", "similarity",
            "open_vocabulary", "falcon", "linking")  # fmt: skip
"""Sections of the config that method pages show."""
MODEL_COLUMNS = ("model", "source", "architecture", "weights", "twin_of", "twin_role", "supervision")
"""Columns of models.tsv that pages show."""


class AtlasPlan:
    """What the atlas of a study is made from. What a study asks of all layers is looked up once."""

    def __init__(self, study: Study) -> None:
        self.study = study

    @functools.cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The (dataset, model) pairs that have pages: those run."""
        return self.study.extracted()

    @functools.cached_property
    def datasets(self) -> list[str]:
        """The data sets that have pages."""
        return list(dict.fromkeys(dataset for dataset, _ in self.pairs))

    @functools.cached_property
    def _asked(self) -> dict[str, set[tuple[str, ...]]]:
        study = self.study
        return {
            "dissection": set(study.dissected()),
            "robustness": {
                (dataset, model, row["layer"])
                for dataset, model in study.perturbed()
                for row in study.perturbed_layers(model)
            },
            "principal": set(study.principal()),
            "net2vec": set(study.learned()),
            "similarity": set(study.compared()),
            "falcon": set(study.explained()),
            "counted": {
                (dataset, model, row["layer"])
                for dataset, model in study.dissected()
                for row in study.counted_layers(dataset, model)
            },
        }

    def layer_files(self, dataset: str, model: str, layer: str) -> dict[str, str]:
        """Name -> path of every result about the units of a layer that the study asks for; a colon parts the name from
        the encoder and vocabulary of a result that may come several times."""
        place, key, asked = f"{dataset}/{model}/{layer}", (dataset, model, layer), self._asked
        files = {"statistics": f"statistics/{place}.h5", "statistics_manifest": f"statistics/{place}.json"}
        if key[:2] in asked["dissection"]:
            files |= {name: f"dissection/{place}/{name}.parquet" for name in ("labels", "units", "summary")}
        if key in asked["robustness"]:
            folder = f"robustness/{place}"
            files |= {"robustness": f"{folder}/units.parquet", "robustness_summary": f"{folder}/summary.parquet"}
        if key in asked["principal"]:
            files["principal"] = f"axes/{place}/principal.parquet"
        if key in asked["net2vec"]:
            files |= self._learned_files(place)
        if key in asked["similarity"]:
            files |= {
                "discovered": f"similarity/{place}/discovered.parquet",
                "discovered_examples": f"similarity/{place}/discovered_examples.h5",
                "profiles": f"similarity/{place}/profiles.parquet",
            }
        for encoder, vocabulary in self._labelled.get(key, []):
            folder = f"open_vocabulary/{place}/{encoder}/{vocabulary}"
            files[f"wording:{encoder}~{vocabulary}"] = f"{folder}/labels.parquet"
            files[f"wordings:{encoder}~{vocabulary}"] = f"{folder}/masks.parquet"
            files[f"wording_summary:{encoder}~{vocabulary}"] = f"{folder}/summary.parquet"
        for encoder, vocabulary in self._explaining if key in asked["falcon"] else []:
            folder, which = f"falcon/{place}/{encoder}", f"{encoder}~{vocabulary}"
            files |= {"members": f"falcon/{place}/members.parquet", f"crops:{encoder}": f"{folder}/crops.parquet"}
            files[f"explained:{which}"] = f"{folder}/{vocabulary}/explained.parquet"
            files[f"spoken:{which}"] = f"{folder}/{vocabulary}/words.parquet"
        return files

    @functools.cached_property
    def _labelled(self) -> dict[tuple[str, str, str], list[tuple[str, str]]]:
        """(dataset, model, layer) -> (encoder, vocabulary) whose words label its units."""
        found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
        for dataset, model, layer, encoder, vocabulary in labelled(self.study):
            found.setdefault((dataset, model, layer), []).append((encoder, vocabulary))
        return found

    @functools.cached_property
    def _explaining(self) -> list[tuple[str, str]]:
        return explaining_pairs(self.study)

    def _learned_files(self, place: str) -> dict[str, str]:
        tasks = self.study.learned_tasks()
        files = {task: f"net2vec/{place}/{task}.parquet" for task in tasks}
        files |= {f"{task}_weights": f"net2vec/{place}/{task}.h5" for task in tasks}
        files |= {name: f"net2vec/{place}/{name}.parquet" for name in ("filters", "neighbours")}
        if "segmentation" in tasks:
            files["segmentation_images"] = f"net2vec/{place}/segmentation_images.parquet"
            files["segmentation_examples"] = f"net2vec/{place}/segmentation_examples.h5"
        return files

    def map_files(self, dataset: str, model: str, layer: str) -> dict[str, list[str]]:
        """Where the masks of a layer come from: `shards` and `manifests`, of stored maps or of counted masks."""
        row = self.study.layers[model, layer]
        counted = (dataset, model, layer) in self._asked["counted"]
        if row["store"] != "full" and not counted:
            return {"shards": [], "manifests": []}
        stem = f"{'counted' if counted else 'activations'}/{dataset}/{model}/{row['group']}"
        shards = self.study.shards(dataset)
        return {
            "shards": [f"{stem}/{shard}.h5" for shard in shards],
            "manifests": [f"{stem}/{shard}.json" for shard in shards],
        }

    def model_files(self, dataset: str, model: str) -> dict[str, str]:
        """Name -> path of every result about a model as a whole."""
        files = {f"report:{group}": f"models/{model}/{group}.json" for group in self.study.groups(model)}
        if any(key[:2] == (dataset, model) for key in self._asked["similarity"]):
            stem = f"similarity/{dataset}/{model}"
            files |= {
                "similarity": f"{stem}.parquet",
                "matched": f"{stem}_concepts.parquet",
                "matrices": f"{stem}_matrices.h5",
            }
        for generator, linked in self.study.linked():
            if linked == model:
                files |= self._linking_files(generator, model)
        return files

    def _linking_files(self, generator: str, model: str) -> dict[str, str]:
        """Name -> path of what a generator shows of a classifier, each name with the generator after a colon. Which
        layer the tuned units are only link.json tells (`atlas.linked_layers`)."""
        section, folder = self.study.config["linking"], f"linking/{generator}/{model}"
        names = {"link": "link.parquet", "link_record": "link.json"}
        if section["counterfactuals"]["pairs"] != []:
            names["rates"] = "counterfactual_rates.parquet"
        if section["tuning"]["n_seeds"]:
            names |= {"effects": "effects.parquet", "tuned": "units.parquet", "selective": "selective.parquet"}
            names |= {"cycle": "cycle.parquet", "shown": "shown.h5"}
        return {f"{name}:{generator}": f"{folder}/{file}" for name, file in names.items()}

    def across(self, model: str) -> dict[str, Any]:
        """What the pages of a model's concepts on several data sets are made from: a param of its rule. `sets` are its
        pairs of data sets in the order of the sheet, each with the layers compared."""
        stem = f"similarity/across/{model}"
        by_layer: dict[str, list[str]] = {}
        for dataset, layer in self.study.crossed(model):
            by_layer.setdefault(layer, []).append(dataset)
        sets: dict[tuple[str, str], list[str]] = {}
        for layer, datasets in by_layer.items():
            for pair in itertools.combinations(datasets, 2):
                sets.setdefault(pair, []).append(layer)
        return {
            "model": model,
            "sets": [[*pair, layers] for pair, layers in sets.items()],
            "files": {
                "across": f"{stem}.parquet",
                "across_concepts": f"{stem}_concepts.parquet",
                "across_matrices": f"{stem}_matrices.h5",
            },
        }

    @functools.cache  # noqa: B019  one plan a process
    def model(self, dataset: str, model: str) -> dict[str, Any]:
        """What the pages of a model are made from, as plain values: a param of its rule."""
        layers = [
            {
                "layer": row["layer"],
                "module": row["module"],
                "group": row["group"],
                "store": row["store"],
                "files": self.layer_files(dataset, model, row["layer"]),
                **self.map_files(dataset, model, row["layer"]),
            }
            for row in self.study.layer_rows(model)
        ]
        return {"dataset": dataset, "model": model, "layers": layers, "files": self.model_files(dataset, model)}

    def joined_files(self) -> dict[str, dict[str, str]]:
        """Data set -> name -> path of the tables over all its models."""
        study = self.study
        joined: dict[str, dict[str, str]] = {dataset: {} for dataset in self.datasets}
        for dataset in study.dissected_datasets():
            joined[dataset]["dissection_summary"] = f"dissection/{dataset}/summary.parquet"
        for dataset in study.rotated_datasets():
            joined[dataset]["rotation_summary"] = f"axes/{dataset}/rotation_summary.parquet"
        for dataset in dict.fromkeys(dataset for dataset, *_ in study.principal()):
            joined[dataset]["principal_summary"] = f"axes/{dataset}/principal_summary.parquet"
        for dataset in study.learned_datasets():
            joined[dataset]["net2vec_summary"] = f"net2vec/{dataset}/summary.parquet"
        for dataset in study.compared_datasets():
            joined[dataset]["similarity_summary"] = f"similarity/{dataset}/summary.parquet"
        for dataset in dict.fromkeys(dataset for dataset, *_ in study.explained()):
            for encoder, vocabulary in self._explaining:
                path = f"falcon/{dataset}/models/{encoder}/{vocabulary}/summary.parquet"
                joined[dataset][f"falcon_summary@{encoder}~{vocabulary}"] = path
        return joined

    def whole(self) -> dict[str, Any]:
        """What the pages of the study are made from, as plain values: a param of the rule that joins."""
        study = self.study
        return {
            "study": study.name,
            "requirements": "requirements.parquet" if study.config.get("requirements", {}).get("list") else "",
            "figures": study.config.get("atlas", {}).get("figure_width", 0) > 0,
            "config": {name: study.config[name] for name in SECTIONS},
            "datasets": [
                {"dataset": dataset, "embed_images": study.datasets[dataset]["embed_images"] == "yes", "files": files}
                for dataset, files in self.joined_files().items()
            ],
            "models": [{key: study.models[name][key] for key in MODEL_COLUMNS} for name in study.models],
            "pairs": [self.model(dataset, model) for dataset, model in self.pairs],
            "across": [self.across(model) for model in self.study.crossed_models()],
        }

    def joins(self) -> list[str]:
        """Paths of what the joins read besides the models' and data sets' own folders; each once."""
        tables = [path for pair in self.pairs for path in atlas_inputs(self.model(*pair))["tables"]]
        joined = [path for files in self.joined_files().values() for path in files.values()]
        crossed = [self.across(model)["files"] for model in self.study.crossed_models()]
        joined += [path for files in crossed for path in files.values() if path.endswith(".parquet")]
        about = [f"datasets/{dataset}/{name}" for dataset in self.datasets for name in DATASET_FILES]
        return list(dict.fromkeys([*about, *tables, *joined]))


def atlas_inputs(plan: dict[str, Any]) -> dict[str, list[str]]:
    """Paths of a model's plan by what they are: `tables` (with the small arrays beside them), `statistics`,
    `statistics_manifests`, `shards`, `manifests`; each path once."""
    layers = plan["layers"]
    tables = [path for layer in layers for name, path in layer["files"].items() if not name.startswith("statistics")]
    found = {"tables": [*tables, *plan["files"].values()]}
    found["statistics"] = [layer["files"]["statistics"] for layer in layers]
    found["statistics_manifests"] = [layer["files"]["statistics_manifest"] for layer in layers]
    for kind in ("shards", "manifests"):
        found[kind] = [path for layer in layers for path in layer[kind]]
    return {kind: list(dict.fromkeys(paths)) for kind, paths in found.items()}
