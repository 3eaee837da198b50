"""Draw the figures of a data set."""

from conceptatlas.figures.dataset_figures import plot_dataset
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_dataset(
            dataset=snakemake.params.dataset,
            concepts=snakemake.input.concepts,
            examples=snakemake.input.examples,
            summary=snakemake.input.dataset,
            folder=snakemake.output.folder,
            options=snakemake.params.options,
            embed_images=snakemake.params.embed_images,
        )


if __name__ == "__main__":
    main()
