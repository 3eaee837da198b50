"""Draw how good a link is, pictures through the circle, and counterfactuals."""

from conceptatlas.figures.link_figures import plot_link
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_link(
            **{name: snakemake.input[name] for name in ("table", "record", "cycled")},
            **{name: snakemake.params[name] for name in ("generator", "model", "options")},
            counterfactuals=list(snakemake.input.counterfactuals),
            changes=next(iter(snakemake.input.changes), None),
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
