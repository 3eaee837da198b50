"""Draw detectors against the rotation of the basis, for all models of a data set."""

from conceptatlas.figures.rotations import plot_rotations
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_rotations(
            rotations=list(snakemake.input.rotations),
            controls=list(snakemake.input.controls),
            figure=list(snakemake.output.figure),
            categories=list(snakemake.output.categories),
            twins=snakemake.params.twins,
            options=snakemake.params.options,
        )


if __name__ == "__main__":
    main()
