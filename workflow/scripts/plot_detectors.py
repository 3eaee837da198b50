"""Draw unique detectors of all models dissected on a data set."""

from conceptatlas.figures.dissection_figures import plot_detectors
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_detectors(summary=snakemake.input.summary, out=list(snakemake.output.figures))


if __name__ == "__main__":
    main()
