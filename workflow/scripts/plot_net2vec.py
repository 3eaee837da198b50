"""Draw what Net2Vec learned in one model's layers."""

from conceptatlas.figures.net2vec_figures import plot_net2vec
from conceptatlas.jobs import job

SEGMENTATION = ("segmentation", *(f"segmentation_{part}" for part in ("subsets", "images", "vectors", "examples")))
CLASSIFICATION = ("classification", "classification_subsets")
RELATIONS = ("filters", "neighbours", "arithmetic", "maps")
OPTIONS = ("dataset", "model", "layers", "options", "embed_images", "include_small")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_net2vec(
            **{name: list(snakemake.input[name]) for name in (*SEGMENTATION, *CLASSIFICATION, *RELATIONS)},
            **{name: snakemake.params[name] for name in OPTIONS},
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
