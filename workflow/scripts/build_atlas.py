"""Write the atlas's page and what its pages over all models load."""

from pathlib import Path

from conceptatlas.atlas.study_pages import build_study
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        build_study(
            Path(snakemake.output.index).parent,
            root=Path(snakemake.input.run_config).parent,
            plan=snakemake.params.plan,
        )


if __name__ == "__main__":
    main()
