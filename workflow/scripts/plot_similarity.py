"""Draw the concepts found in a model's layers, and how these layers compare."""

from conceptatlas.figures.similarity_figures import plot_similarity
from conceptatlas.jobs import job

LISTS = ("discovered", "discovered_h5", "examples", "profiles")
FILES = ("pairs", "concept_pairs", "matrices")
OPTIONS = ("dataset", "model", "layers", "options", "embed_images")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_similarity(
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.input[name] for name in FILES},
            **{name: snakemake.params[name] for name in OPTIONS},
            responses=next(iter(snakemake.input.responses), None),
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
