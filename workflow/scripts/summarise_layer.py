"""Summarise a layer over all shards: thresholds, unit states, moments, pooled features, packed bits."""

from conceptatlas.activations.summary import summarise_layer
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        summarise_layer(
            layer=snakemake.params.layer,
            shards=list(snakemake.input.shards),
            manifests=list(snakemake.input.manifests),
            dataset=snakemake.input.dataset,
            report=snakemake.input.report,
            out=snakemake.output.statistics,
            manifest=snakemake.output.manifest,
            thresholds=snakemake.params.thresholds,
            geometry=snakemake.params.geometry,
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
