"""Mistakes in the config sections `linking.tuning` and `linking.quantification`, found before a job is planned.

Imported while Snakemake parses: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable

from conceptatlas.naming import unknown
from conceptatlas.quantification.metric_names import METRICS
from conceptatlas.study_plan import Study

LABELLED = ("demo", "user")
"""Sources of generators that may know the true labels of their pictures."""


def tuning_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in the sections; nothing is asked where no unit is tuned."""
    tuning, quantification = study.config["linking"]["tuning"], study.config["linking"]["quantification"]
    for name in quantification["metrics"]:
        if name in METRICS:
            yield f"linking.quantification.metrics: {name!r} is measured already; choose another name"
    known = [*METRICS, *quantification["metrics"]]
    if tuning["metric"] not in known:
        yield unknown("metric", tuning["metric"], known, where="linking.tuning.metric")
    if not tuning["n_seeds"] or not study.linked():
        return
    for name in dict.fromkeys(generator for generator, _ in study.linked()):
        source = study.generators[name]["source"]
        if source not in LABELLED and "twin" in quantification["masks"]:
            yield f"linking.quantification.masks: generator {name!r} knows no true labels; take others than `twin`"
        if source not in LABELLED and "head" in quantification["masks"] and quantification["head"]["labels"] == "twin":
            yield (
                f"linking.quantification.head.labels: generator {name!r} knows no true labels; name an .npz file of "
                "labelled samples"
            )
