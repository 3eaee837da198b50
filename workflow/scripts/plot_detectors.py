"""Draw the detectors of all models dissected on a data set, and where models stand between their twins."""

from conceptatlas.figures.dissection_figures import plot_detectors
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_detectors(
            summary=snakemake.input.summary,
            detectors=list(snakemake.output.detectors),
            positions=list(snakemake.output.twins),
            twins=snakemake.params.twins,
            options=snakemake.params.options,
        )


if __name__ == "__main__":
    main()
