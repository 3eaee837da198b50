"""Measure how far the spaces of concepts of all layers, models and tasks are from each other and from words."""

from conceptatlas.jobs import job
from conceptatlas.net2vec.distances import compare_embeddings

RESULTS = ("spaces", "distances", "concept_distances")
OPTIONS = ("dataset", "places", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        compare_embeddings(
            concepts=snakemake.input.concepts,
            tables=list(snakemake.input.tables),
            vectors=list(snakemake.input.vectors),
            words=snakemake.input.words,
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
