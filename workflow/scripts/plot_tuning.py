"""Draw what the units of a classifier encode."""

from conceptatlas.figures.linking_figures import plot_tuning
from conceptatlas.jobs import job

TABLES = (
    "effects", "motion", "units", "map", "clusters", "label_pairs", "selective", "cycle", "agreement", "shown",
)  # fmt: skip
OPTIONS = ("generator", "model", "metric", "options")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_tuning(
            **{name: snakemake.input[name] for name in TABLES},
            **{name: snakemake.params[name] for name in OPTIONS},
            head=next(iter(snakemake.input.head), None),
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
