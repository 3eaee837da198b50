"""Compare the concepts of a model's layers between data sets."""

from conceptatlas.jobs import job
from conceptatlas.similarity.across import compare_datasets
from conceptatlas.similarity.across_files import layers_on
from conceptatlas.similarity.placing import with_depths

LISTS = ("shards", "manifests", "annotations", "dataset", "index", "reports", "tables", "discovered")
RESULTS = ("table", "concept_pairs", "matrices")
OPTIONS = ("model", "options", "geometry", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        layers = layers_on(snakemake.params.places, **{name: list(snakemake.input[name]) for name in LISTS})
        placed = with_depths([[snakemake.params.model, of[0].layer] for of in layers], snakemake.input.reports)
        compare_datasets(
            layers=layers,
            depths=[depth for _, _, depth in placed],
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
