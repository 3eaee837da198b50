"""Draw what joins the explained models of a data set: shares explained, concepts carried over."""

from conceptatlas.figures.falcon_model_figures import plot_falcon_models
from conceptatlas.jobs import job

LISTS = ("summaries", "transfers", "transferred")
OPTIONS = ("dataset", "spaces", "options")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_falcon_models(
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
