"""Train the demo generator and count the samples that demo models recognise."""

from conceptatlas.generators.demo_training import train_demo_generator
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        train_demo_generator(
            classifiers=expand_row(snakemake.params.classifiers),
            weights=snakemake.output.weights,
            table=snakemake.output.table,
            threads=snakemake.threads,
        )


if __name__ == "__main__":
    main()
