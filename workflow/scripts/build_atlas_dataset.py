"""Write what the atlas shows of a data set: its pictures, and which labels each image holds."""

from pathlib import Path

from conceptatlas.atlas.dataset_pages import build_dataset
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        build_dataset(
            snakemake.output.folder,
            root=Path(snakemake.input.dataset).parents[2],
            dataset=snakemake.params.dataset,
            frames=list(snakemake.input.frames),
            annotations=list(snakemake.input.annotations),
            options=snakemake.params.options,
            embed_images=snakemake.params.embed_images,
        )


if __name__ == "__main__":
    main()
