"""Draw the figures of one dissected model."""

from conceptatlas.figures.dissection_figures import plot_model
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_model(
            dataset=snakemake.params.dataset,
            model=snakemake.params.model,
            layers=snakemake.params.layers,
            labels=list(snakemake.input.labels),
            units=list(snakemake.input.units),
            summaries=list(snakemake.input.summaries),
            galleries=list(snakemake.input.galleries),
            statistics=list(snakemake.input.statistics),
            folder=snakemake.output.folder,
            options=snakemake.params.options,
            embed_images=snakemake.params.embed_images,
        )


if __name__ == "__main__":
    main()
