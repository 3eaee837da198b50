"""Join the summaries of all layers and models dissected on a data set."""

from conceptatlas.dissection.joining import join_dissection
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_dissection(summaries=list(snakemake.input.summaries), out=snakemake.output.summary)


if __name__ == "__main__":
    main()
