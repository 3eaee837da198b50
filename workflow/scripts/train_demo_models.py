"""Join the records of the demo models into one table."""

from conceptatlas.jobs import job
from conceptatlas.models.demo_training import join_demo_models


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_demo_models(records=snakemake.input.records, out=snakemake.output.accuracy)


if __name__ == "__main__":
    main()
