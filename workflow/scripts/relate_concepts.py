"""Relate the concepts of a layer to its units and to each other: shared units, nearest concepts, sums, a map."""

from conceptatlas.jobs import job
from conceptatlas.net2vec.relating import relate_concepts

RESULTS = ("filters", "neighbours", "arithmetic", "map")
OPTIONS = ("dataset", "model", "layer", "tasks", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        relate_concepts(
            tables=list(snakemake.input.tables),
            vectors=list(snakemake.input.vectors),
            expressions=snakemake.input.expressions,
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
