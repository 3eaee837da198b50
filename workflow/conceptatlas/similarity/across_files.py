"""The files of a model's layers on several data sets, from the flat lists that a rule hands over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conceptatlas.similarity.across_projecting import LayerOn


def layers_on(
    places: Sequence[Sequence[Any]], *, shards: Sequence[str], manifests: Sequence[str], annotations: Sequence[str],
    dataset: Sequence[str], index: Sequence[str], reports: Sequence[str], tables: Sequence[str],
    discovered: Sequence[str],
) -> list[list[LayerOn]]:  # fmt: skip
    """Of every layer its files on each data set.

    places : [dataset, layer, number of shards, position of its report], the data sets of a layer in the order of the
    sheet. shards, manifests, annotations : of place after place as many as it has shards. dataset, index, tables,
    discovered : dataset.json, index.parquet, discovered.parquet, discovered.h5, one a place. reports : of the model.

    Raises
    ------
    ValueError
        if the lists do not belong together.
    """
    n_shards = sum(int(n) for _, _, n, _ in places)
    given = {"shards": shards, "manifests": manifests, "annotations": annotations}
    wrong = [f"{len(paths)} {name} for {n_shards} shards" for name, paths in given.items() if len(paths) != n_shards]
    given = {"dataset": dataset, "index": index, "tables": tables, "discovered": discovered}
    wrong += [f"{len(paths)} {name} for {len(places)} places" for name, paths in given.items()
              if len(paths) != len(places)]  # fmt: skip
    if wrong:
        raise ValueError(f"layers on several data sets: {', '.join(wrong)}")
    by_layer: dict[str, list[LayerOn]] = {}
    first = 0
    for at, (name, layer, n, report) in enumerate(places):
        part = slice(first, first + int(n))
        first += int(n)
        by_layer.setdefault(str(layer), []).append(
            LayerOn(
                str(name),
                str(layer),
                list(shards[part]),
                list(manifests[part]),
                list(annotations[part]),
                str(dataset[at]),
                str(index[at]),
                str(reports[int(report)]),
                str(tables[at]),
                str(discovered[at]),
            )
        )
    return list(by_layer.values())
