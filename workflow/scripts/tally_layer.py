"""Count, for every unit and concept of a layer, the pixels they share; observed and under permuted labels."""

from typing import Any

from conceptatlas.dissection.counted_layer import tally_counts
from conceptatlas.dissection.tally import tally_layer
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        tally: Any = tally_counts
        maps = {}
        if snakemake.params.store == "full":
            tally, maps = tally_layer, {"report": snakemake.input.report, "geometry": snakemake.params.geometry}
        tally(
            layer=snakemake.params.layer,
            shards=list(snakemake.input.shards),
            manifests=list(snakemake.input.manifests),
            statistics=snakemake.input.statistics,
            index=snakemake.input.index,
            concepts=snakemake.input.concepts,
            annotations=list(snakemake.input.annotations),
            dataset=snakemake.input.dataset,
            out=snakemake.output.tally,
            **maps,
            n_permutations=snakemake.params.n_permutations,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
