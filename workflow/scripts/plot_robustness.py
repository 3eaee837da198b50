"""Draw the figures of the robustness of a model's detectors."""

from conceptatlas.figures.robustness_figures import plot_robustness
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_robustness(
            dataset=snakemake.params.dataset,
            model=snakemake.params.model,
            layers=snakemake.params.layers,
            units=list(snakemake.input.units),
            summaries=list(snakemake.input.summaries),
            concepts=list(snakemake.input.concepts),
            examples=list(snakemake.input.examples),
            twin=snakemake.params.twin,
            twin_summaries=list(snakemake.input.twin_summaries),
            folder=snakemake.output.folder,
            options=snakemake.params.options,
            embed_images=snakemake.params.embed_images,
        )


if __name__ == "__main__":
    main()
