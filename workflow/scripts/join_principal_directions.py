"""Count the verdicts on concepts over all layers and models of a data set."""

from conceptatlas.axes.principal_joining import join_principal_directions
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_principal_directions(tables=list(snakemake.input.tables), out=snakemake.output.summary)


if __name__ == "__main__":
    main()
