"""Train one demo model and count its hits on held-out scenes."""

from conceptatlas.jobs import job
from conceptatlas.models.demo_training import train_demo_model


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        train_demo_model(
            name=snakemake.wildcards.demo_model,
            scenes=snakemake.input.scenes,
            weights=snakemake.output.weights,
            record=snakemake.output.record,
            threads=snakemake.threads,
        )


if __name__ == "__main__":
    main()
