"""Compare the layers of a model with each other and with those of all earlier models."""

from conceptatlas.jobs import job
from conceptatlas.similarity.comparison import compare_models
from conceptatlas.similarity.placing import with_depths

LISTS = ("discovered", "profiles", "geometries")
RESULTS = ("table", "concept_pairs", "sfss_pairs", "matrices")
OPTIONS = ("dataset", "model", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        compare_models(
            places=with_depths(snakemake.params.places, list(snakemake.input.reports)),
            index=snakemake.input.index,
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
