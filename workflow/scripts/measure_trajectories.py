"""Measure the pictures on the way from one class to another, label by label."""

from conceptatlas.generators.rows import with_weights_in as with_generator_in
from conceptatlas.jobs import job
from conceptatlas.linking.trajectories import measure_trajectories
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        measure_trajectories(
            generator=with_generator_in(expand_row(snakemake.params.generator), snakemake.input.generator_weights),
            model=snakemake.params.model,
            trajectories=snakemake.input.trajectories,
            rows=snakemake.input.rows,
            head=next(iter(snakemake.input.head), None),
            quantification=snakemake.params.quantification,
            **snakemake.params.run,
            table=snakemake.output.table,
        )


if __name__ == "__main__":
    main()
