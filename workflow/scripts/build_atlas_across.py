"""Write what the atlas shows of a model's concepts on several data sets."""

from pathlib import Path

from conceptatlas.atlas.across_pages import build_across
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        build_across(
            snakemake.output.folder,
            root=Path(snakemake.input.table).parents[2],
            plan=snakemake.params.plan,
        )


if __name__ == "__main__":
    main()
