"""Draw what the features of a model mean: galleries, words, groups against features, failures."""

from conceptatlas.figures.falcon_figures import plot_falcon
from conceptatlas.jobs import job

OF_LAYERS = ("features", "groups", "members")
OF_SPACES = ("crop_tables", "explained", "words", "comparisons", "failures")
OPTIONS = ("dataset", "model", "layers", "spaces", "options", "embed_images")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_falcon(
            frames=list(snakemake.input.frames),
            frames_manifests=list(snakemake.input.frames_manifest),
            **{name: list(snakemake.input[name]) for name in (*OF_LAYERS, *OF_SPACES)},
            **{name: snakemake.params[name] for name in OPTIONS},
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
