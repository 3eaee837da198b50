"""Join what Net2Vec learned in all layers and models of a data set: means by category, single unit against all."""

from conceptatlas.jobs import job
from conceptatlas.net2vec.joining import join_net2vec

LISTS = ("segmentation", "classification", "filters")
OPTIONS = ("dataset", "places", "supervision", "options")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_net2vec(
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            out=snakemake.output.summary,
        )


if __name__ == "__main__":
    main()
