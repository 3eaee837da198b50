"""Draw the concepts of a model's layers in one data set beside those in another."""

from conceptatlas.figures.similarity_across_figures import plot_compared_datasets
from conceptatlas.jobs import job

FILES = ("table", "concept_pairs", "matrices")
OPTIONS = ("model", "places", "options", "embed_images")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_compared_datasets(
            examples=list(snakemake.input.examples),
            **{name: snakemake.input[name] for name in FILES},
            **{name: snakemake.params[name] for name in OPTIONS},
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
