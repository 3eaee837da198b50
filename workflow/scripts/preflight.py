"""Print what the study needs against this machine."""

from conceptatlas.jobs import job
from conceptatlas.preflight import print_estimate


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        print_estimate(snakemake.input.preflight)


if __name__ == "__main__":
    main()
