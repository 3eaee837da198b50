"""Compare what the study measured with what the config requires."""

from pathlib import Path

from conceptatlas.atlas.requirements import check_requirements
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        check_requirements(
            snakemake.output.table,
            root=Path(snakemake.input.run_config).parent,
            requirements=snakemake.params.requirements,
            files=snakemake.params.files,
            tau=snakemake.params.tau,
            before=snakemake.input.get("before") or None,
        )


if __name__ == "__main__":
    main()
