"""Draw the principal directions of one model's layers."""

from conceptatlas.figures.principal_figures import plot_principal_directions
from conceptatlas.jobs import job

LISTS = ("tables", "loadings", "galleries")
OPTIONS = ("dataset", "model", "layers", "options", "embed_images")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_principal_directions(
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
