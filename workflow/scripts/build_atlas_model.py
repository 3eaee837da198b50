"""Write what the atlas shows of a model: tables, masks and thumbnails of its units, comparisons with earlier models."""

from pathlib import Path

from conceptatlas.atlas.model_pages import build_model
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        build_model(
            snakemake.output.folder,
            root=Path(snakemake.input.dataset).parents[2],
            plan=snakemake.params.plan,
            frames=list(snakemake.input.frames),
            options=snakemake.params.options,
            geometry=snakemake.params.geometry,
            embed_images=snakemake.params.embed_images,
        )


if __name__ == "__main__":
    main()
