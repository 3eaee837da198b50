"""Draw the open-vocabulary labels of a model."""

from conceptatlas.figures.open_vocabulary_figures import plot_open_vocabulary
from conceptatlas.jobs import job

OPTIONS = ("dataset", "model", "places", "options", "embed_images")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_open_vocabulary(
            **{name: list(snakemake.input[name]) for name in ("labels", "masks", "summaries", "examples")},
            **{name: snakemake.params[name] for name in OPTIONS},
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
