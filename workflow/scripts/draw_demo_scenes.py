"""Draw the scenes that the demo models learn from and are tested on."""

from conceptatlas.jobs import job
from conceptatlas.models.demo_pictures import draw_demo_scenes


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        draw_demo_scenes(out=snakemake.output.scenes)


if __name__ == "__main__":
    main()
