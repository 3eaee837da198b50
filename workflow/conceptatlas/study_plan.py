"""What a study computes: its checked config and sheets, and which data sets, models and layers each analysis takes.

Imported while Snakemake parses: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conceptatlas.models.rows import needs_calibration, why_no_scores
from conceptatlas.naming import shard_names, unknown
from conceptatlas.sheets import Row

KEYS = {
    "datasets": ("dataset",),
    "models": ("model",),
    "layers": ("model", "layer"),
    "bases": ("dataset", "model", "layer", "basis"),
    "perturbations": ("level",),
    "encoders": ("encoder",),
    "vocabularies": ("vocabulary",),
    "generators": ("generator",),
}
OPTIONAL = ("bases", "perturbations", "encoders", "vocabularies", "generators")
"""Sheets that may have no rows."""
NEEDS = {
    "dissection": ("full", "counts"),
    **dict.fromkeys(("net2vec", "similarity"), ("full",)),
    "open_vocabulary": ("full", "counts", "none"),  # reads the statistics alone
    **dict.fromkeys(("axes", "principal", "robustness"), ("full", "none")),  # follow the dissection, which refuses none
}
"""What each analysis can do with the column `store` of a layer."""
TASKS = ("segmentation", "classification")
"""What Net2Vec learns of a concept, in the order in which every file lists it."""


@dataclass(frozen=True)
class Study:
    """The checked config and sheets; rows keep the order of their sheets."""

    config: dict[str, Any]
    datasets: dict[str, Row]
    models: dict[str, Row]
    layers: dict[tuple[str, str], Row]
    bases: dict[tuple[str, str, str, str], Row]
    perturbations: dict[str, Row]
    encoders: dict[str, Row] = field(default_factory=dict)
    vocabularies: dict[str, Row] = field(default_factory=dict)
    generators: dict[str, Row] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self.config["study"])

    @property
    def folder(self) -> str:
        """Where everything of this study lies, relative to the folder of the run."""
        return f"{self.config['results']}/{self.name}"

    def shards(self, dataset: str) -> list[str]:
        """Names of the shards of a data set."""
        return shard_names(int(self.datasets[dataset]["shards"]))

    def layer_rows(self, model: str, group: str | None = None) -> list[Row]:
        """Rows of a model's layers, of one group or of all."""
        return [row for (name, _), row in self.layers.items() if name == model and group in (None, row["group"])]

    def groups(self, model: str) -> list[str]:
        """Groups of a model's layers, in the order of the sheet."""
        return list(dict.fromkeys(row["group"] for row in self.layer_rows(model)))

    def dissected(self) -> list[tuple[str, str]]:
        """The (dataset, model) pairs to dissect."""
        section = self.config["dissection"]
        datasets = self.datasets if section["datasets"] is None else section["datasets"]
        models = self.models if section["models"] is None else section["models"]
        return [(d, m) for d in self.datasets if d in datasets for m in self.models if m in models]

    def dissected_datasets(self) -> list[str]:
        """The data sets on which some model is dissected."""
        return list(dict.fromkeys(dataset for dataset, _ in self.dissected()))

    def on_axes(self) -> list[tuple[str, str, str]]:
        """The dissected (dataset, model, layer) whose axes are looked at (config section `axes`)."""
        return self._asked("axes", self.dissected())

    def rotated(self) -> list[tuple[str, str, str]]:
        """The (dataset, model, layer) whose basis is rotated."""
        return self.on_axes() if self.config["axes"]["n_rotations"] else []

    def rotated_datasets(self) -> list[str]:
        """The data sets on which some basis is rotated."""
        return list(dict.fromkeys(dataset for dataset, *_ in self.rotated()))

    def perturbed(self) -> list[tuple[str, str]]:
        """The dissected (dataset, model) pairs whose images are perturbed; none where no level is listed."""
        section = self.config["robustness"]
        return [
            (dataset, model)
            for dataset, model in (self.dissected() if self.perturbations else [])
            if section["datasets"] is None or dataset in section["datasets"]
            if section["models"] is None or model in section["models"]
            if self.perturbed_layers(model)
        ]

    def perturbed_layers(self, model: str, group: str | None = None) -> list[Row]:
        """Rows of a model's layers whose robustness is measured, of one group or of all."""
        section = self.config["robustness"]
        return [row for row in self.layer_rows(model, group) if takes(section, row)]

    def counted_layers(self, dataset: str, model: str, group: str | None = None) -> list[Row]:
        """Rows of a model's dissected layers whose maps are not stored but counted in further passes, of one group or
        of all."""
        if (dataset, model) not in self.dissected():
            return []
        return [row for row in self.layer_rows(model, group) if row["store"] == "counts"]

    def counted(self) -> list[tuple[str, str, str]]:
        """The (dataset, model, group) that hold such layers."""
        return [
            (dataset, model, group)
            for dataset, model in self.dissected()
            for group in self.groups(model)
            if self.counted_layers(dataset, model, group)
        ]

    def principal(self) -> list[tuple[str, str, str]]:
        """The dissected (dataset, model, layer) whose principal directions are found (config section `principal`)."""
        return self._asked("principal", self.dissected())

    def principal_layers(self, dataset: str, model: str) -> list[str]:
        """The layers of a model whose principal directions are found on a data set."""
        return [layer for d, m, layer in self.principal() if (d, m) == (dataset, model)]

    def learned(self) -> list[tuple[str, str, str]]:
        """The (dataset, model, layer) in which Net2Vec learns concepts (config section `net2vec`); they need not be
        dissected."""
        return self._asked("net2vec", [(dataset, model) for dataset in self.datasets for model in self.models])

    def learned_datasets(self) -> list[str]:
        """The data sets on which Net2Vec learns concepts in some layer."""
        return list(dict.fromkeys(dataset for dataset, *_ in self.learned()))

    def learned_models(self) -> list[tuple[str, str]]:
        """The (dataset, model) pairs in some layer of which Net2Vec learns concepts."""
        return list(dict.fromkeys((dataset, model) for dataset, model, _ in self.learned()))

    def learned_layers(self, dataset: str, model: str) -> list[str]:
        """The layers of a model in which Net2Vec learns the concepts of a data set, in the order of the sheet."""
        return [layer for d, m, layer in self.learned() if (d, m) == (dataset, model)]

    def learned_tasks(self) -> list[str]:
        """The tasks of Net2Vec that are on, in the order of `TASKS` whatever that of the config."""
        return [task for task in TASKS if task in self.config["net2vec"]["tasks"]]

    def subset_sizes(self, layer: str, task: str) -> list[int]:
        """Numbers of filters F for which concepts are learned anew: 1 everywhere, more in `layers_for_subsets`. The
        number of units of the layer, at which the list ends, is known to the job only."""
        section = self.config["net2vec"]
        wanted = section["layers_for_subsets"]
        more = section["subsets"][task] if wanted is None or layer in wanted else []
        return sorted({1, *more})

    def compared(self) -> list[tuple[str, str, str]]:
        """The (dataset, model, layer) compared with each other (config section `similarity`); they need not be
        dissected."""
        return self._asked("similarity", [(dataset, model) for dataset in self.datasets for model in self.models])

    def compared_datasets(self) -> list[str]:
        """The data sets on which layers are compared."""
        return list(dict.fromkeys(dataset for dataset, *_ in self.compared()))

    def compared_models(self) -> list[tuple[str, str]]:
        """The (dataset, model) pairs of which some layer is compared."""
        return list(dict.fromkeys((dataset, model) for dataset, model, _ in self.compared()))

    def compared_layers(self, dataset: str, model: str) -> list[str]:
        """The layers of a model that are compared on a data set, in the order of the sheet."""
        return [layer for d, m, layer in self.compared() if (d, m) == (dataset, model)]

    def answering(self) -> list[tuple[str, str]]:
        """The compared (dataset, model) pairs whose class scores are asked for (`similarity.responses`): all but
        models that have none, as far as their rows tell."""
        kinds = self.config["similarity"]["responses"]["kinds"]
        return [(d, m) for d, m in self.compared_models() if kinds and not why_no_scores(self.models[m])]

    def compared_until(self, dataset: str, model: str) -> list[tuple[str, str]]:
        """The (model, layer) that a model's layers are compared with: those of all earlier rows of the sheet of models
        and its own, which come last. A model at the end of the sheet changes nothing for those before it."""
        models = [m for d, m in self.compared_models() if d == dataset]
        return [(m, layer) for m in models[: models.index(model) + 1] for layer in self.compared_layers(dataset, m)]

    def crossed_models(self) -> list[str]:
        """Models whose concepts are compared between data sets: those compared on more than one."""
        models = [model for _, model in self.compared_models()]
        return [model for model in dict.fromkeys(models) if models.count(model) > 1]

    def crossed(self, model: str) -> list[tuple[str, str]]:
        """The (dataset, layer) between which a model's concepts are compared, layer after layer, the data sets of each
        in the order of the sheet."""
        asked = [(d, layer) for d, m, layer in self.compared() if m == model]
        return [(d, layer) for layer in dict.fromkeys(layer for _, layer in asked) for d, own in asked if own == layer]

    def explained(self) -> list[tuple[str, str, str]]:
        """The (dataset, model, layer) whose features FALCON explains (config section `falcon`): by default the last
        layer of each model in the sheet."""
        section = self.config["falcon"]
        return [
            (dataset, model, layer)
            for dataset in self.datasets
            for model in self.models
            if is_asked(section, datasets=dataset, models=model)
            for layer in self._representations(model)
        ]

    def carried_to(self, dataset: str) -> list[tuple[str, str]]:
        """The (model, layer) that concepts explained on a data set are carried over to (`falcon.transfer.models`)."""
        if dataset not in {d for d, *_ in self.explained()}:
            return []
        own = [(model, layer) for d, model, layer in self.explained() if d == dataset]
        named = self.config["falcon"]["transfer"]["models"]
        if named is None:
            return own
        return [(model, layer) for model in self.models if model in named for layer in self._representations(model)]

    def _representations(self, model: str) -> list[str]:
        """The layers of a model that FALCON takes as representations."""
        layers, wanted = [row["layer"] for row in self.layer_rows(model)], self.config["falcon"]["layers"]
        return layers[-1:] if wanted is None else [layer for layer in layers if layer in wanted]

    def linked(self) -> list[tuple[str, str]]:
        """The (generator, model) pairs to link (config section `linking`): of all models where none is named, those
        that are trained and give class scores, as far as their rows tell."""
        section = self.config["linking"]
        generators = self.generators if section["generators"] is None else section["generators"]
        able = [m for m in self.models if not self.calibrated(m) and not why_no_scores(self.models[m])]
        models = able if section["models"] is None else section["models"]
        return [(g, m) for g in self.generators if g in generators for m in self.models if m in models]

    def _asked(self, section: str, pairs: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
        """Of (dataset, model) pairs, the (dataset, model, layer) that a section of the config asks for."""
        wanted = self.config[section]
        return [
            (dataset, model, row["layer"])
            for dataset, model in pairs
            for row in self.layer_rows(model)
            if is_asked(wanted, datasets=dataset, models=model, layers=row["layer"]) and takes(wanted, row)
        ]

    def extracted(self) -> list[tuple[str, str]]:
        """The (dataset, model) pairs that some analysis needs activations of."""
        wanted = {*self.dissected(), *self.learned_models(), *self.compared_models(), *labelled_models(self)}
        wanted |= {(d, m) for d, m, _, _ in self.bases} | {(d, m) for d, m, _ in self.explained()}
        wanted |= {(d, m) for d in self.datasets for m, _ in self.carried_to(d)}
        return [(d, m) for d in self.datasets for m in self.models if (d, m) in wanted]

    def plain(self) -> dict[str, Any]:
        """Config and sheets as plain values: what the run record and the preflight take."""
        sheets = {name: list(getattr(self, name).values()) for name in KEYS}
        return {"config": self.config, **sheets}

    def calibrated(self, model: str) -> bool:
        """Whether batch-norm statistics of the model are re-estimated (its weights are random or shuffled)."""
        return needs_calibration(self.models[model])


OWN_NAMES = "concepts"
"""The vocabulary of a data set's own concepts; no row of the sheet may be called so."""


def labelled(study: Study) -> list[tuple[str, str, str, str, str]]:
    """The (dataset, model, layer, encoder, vocabulary) whose units are labelled (config section `open_vocabulary`);
    they need not be dissected. A vocabulary of vectors goes with the encoder that made them alone."""
    section = study.config["open_vocabulary"]
    return [
        (dataset, model, row["layer"], encoder, vocabulary)
        for dataset in study.datasets
        for model in study.models
        for row in study.layer_rows(model)
        if is_asked(section, datasets=dataset, models=model, layers=row["layer"])
        for encoder in study.encoders
        if section["encoders"] is None or encoder in section["encoders"]
        for vocabulary in section["vocabularies"]
        if vocabulary == OWN_NAMES or study.vocabularies.get(vocabulary, {}).get("encoder", "") in ("", encoder)
    ]


def labelled_models(study: Study) -> list[tuple[str, str]]:
    """The (dataset, model) pairs in some layer of which units are labelled."""
    return list(dict.fromkeys((dataset, model) for dataset, model, *_ in labelled(study)))


def is_asked(section: Mapping[str, Any], **names: str) -> bool:
    """Whether a section of the config asks for what is named: its lists hold each name, or are `null` for all.

    >>> is_asked({"datasets": ["scenes"], "models": None}, datasets="scenes", models="plain")
    True
    """
    return all(section[kind] is None or name in section[kind] for kind, name in names.items())


def takes(section: Mapping[str, Any], row: Row) -> bool:
    """Whether an analysis that needs stored maps takes a layer: one that is only counted (``store: counts``) is left
    out where the section says all layers, and taken (and then refused by name) where it names the layer.

    >>> takes({"layers": None}, {"layer": "conv1", "store": "counts"})
    False
    """
    if section["layers"] is None:
        return bool(row["store"] != "counts")
    return row["layer"] in section["layers"]


def left_out(config: Mapping[str, Any], layers: Iterable[Row], perturbations: Iterable[Row]) -> list[str]:
    """One line a layer that analyses leave out because its maps are not stored."""
    off = {"axes": not config["axes"]["n_rotations"], "robustness": not list(perturbations)}
    names = [
        name
        for name, stores in NEEDS.items()
        if "counts" not in stores and not off.get(name) and config[name]["layers"] is None
        if all(config[name][kind] != [] for kind in ("datasets", "models"))
    ]
    return [
        f"layer {row['model']} {row['layer']} keeps no maps (store: counts): {', '.join(names)} leave it out"
        for row in layers
        if names and row["store"] == "counts"
    ]


def unstored(study: Study, section: str, layers: Iterable[tuple[str, str]]) -> Iterable[str]:
    """Layers (model, layer) of which an analysis needs what the column `store` does not keep."""
    for model, layer in dict.fromkeys(layers):
        store = study.layers[model, layer]["store"]
        if store not in NEEDS[section]:
            yield (
                f"layer {model} {layer}: {section} needs store 'full', the sheet says {store!r}; change it, or name "
                f"others under {section}.layers"
            )


def unknown_names(study: Study, section: str) -> Iterable[Exception]:
    """Data sets, models and layers that a section of the config names and the sheets do not have."""
    known = {
        "datasets": list(study.datasets),
        "models": list(study.models),
        "layers": list(dict.fromkeys(layer for _, layer in study.layers)),
    }
    for kind, names in known.items():
        for name in study.config[section][kind] or []:
            if name not in names:
                yield unknown(kind[:-1], name, names, where=f"{section}.{kind}")
