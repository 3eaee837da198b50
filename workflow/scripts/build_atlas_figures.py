"""Bring the atlas's copies of the figures up to date."""

from pathlib import Path

from conceptatlas.atlas.figure_pages import copy_figures
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        root = Path(snakemake.output.folder).parents[1]
        copy_figures(
            snakemake.output.folder,
            root=root,
            figures=[Path(path).relative_to(root).as_posix() for path in snakemake.input.figures],
            width=snakemake.params.options["figure_width"],
            quality=snakemake.params.options["quality"],
        )


if __name__ == "__main__":
    main()
