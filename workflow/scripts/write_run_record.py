"""Write what the study was made with: versions, commit, digest of the config, time per rule."""

from conceptatlas.jobs import job
from conceptatlas.record import write_run_record


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        write_run_record(
            snakemake.output.run_record,
            run_config=snakemake.input.run_config,
            benchmarks=snakemake.params.benchmarks,
            script=__file__,
            storage=snakemake.params.storage,
        )


if __name__ == "__main__":
    main()
