"""Mistakes in the config section `similarity`, found before a job is planned and answered with the nearest thing known.

Imported while Snakemake parses: standard library only. What only data can tell (a concept that a data set does not
have) is told by the jobs that draw and join.
"""

from __future__ import annotations

from collections.abc import Iterable

from conceptatlas.naming import unknown
from conceptatlas.study_plan import Study, unknown_names, unstored

TAKEN = {"models": "figures of similarity over all models", "summary": "the table that joins all models"}
"""Files and folders of a data set that stand beside those of each model -> what they are."""
ACROSS = "across"
"""Folder of what is compared between data sets; it stands beside those of the data sets."""

ENDINGS = ("_concepts", "_matrices", "_sfss", "_responses")
"""Names of a model's further files begin with its own and go on like this."""


def similarity_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in the section; nothing is asked of the sheets where it is off."""
    section = study.config["similarity"]
    wrong = list(unknown_names(study, "similarity"))
    yield from wrong
    compared = study.compared()
    if not wrong and not compared and all(section[kind] != [] for kind in ("datasets", "models", "layers")):
        yield (
            "similarity: none of the models named has one of the layers named; see similarity.models, similarity.layers"
        )
    yield from unstored(study, "similarity", ((model, layer) for _, model, layer in compared))
    known = list(dict.fromkeys(f"{model}/{layer}" for _, model, layer in compared))
    for name in dict.fromkeys(name for pair in section["scatter_pairs"] or [] for name in pair):
        if known and name not in known:
            yield unknown("layer", name, known, where="similarity.scatter_pairs")
    if ACROSS in study.compared_datasets():
        yield (
            f"data set {ACROSS!r}: tables that compare data sets take this name in similarity; call the data set "
            "something else"
        )
    yield from _names_of_files(list(dict.fromkeys(model for _, model, _ in compared)))


def _names_of_files(models: list[str]) -> Iterable[str]:
    for model in models:
        if model in TAKEN:
            yield f"model {model!r}: {TAKEN[model]} take this name; call the model something else"
        for ending in ENDINGS:
            if model.endswith(ending) and model.removesuffix(ending) in models:
                yield (
                    f"model {model!r}: a table of model {model.removesuffix(ending)!r} takes this name in similarity; "
                    "call one of them something else"
                )
