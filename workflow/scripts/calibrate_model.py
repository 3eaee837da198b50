"""Estimate the batch-norm statistics of a random or shuffled model on the frames of a data set."""

from conceptatlas.jobs import job
from conceptatlas.models.calibration import calibrate_model
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        calibrate_model(
            with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            frames=list(snakemake.input.frames),
            manifests=list(snakemake.input.manifests),
            out=snakemake.output.statistics,
            threads=snakemake.params.threads,
        )


if __name__ == "__main__":
    main()
