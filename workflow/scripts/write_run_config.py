"""Write config and sheets as they were read."""

from conceptatlas.jobs import job
from conceptatlas.record import write_run_config


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        write_run_config(snakemake.output.run_config, **snakemake.params.study)


if __name__ == "__main__":
    main()
