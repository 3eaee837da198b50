"""Draw the scenes and captions that the demo encoder learns from and is tested on, and the demo's vocabulary."""

from conceptatlas.encoders.demo_captions import draw_captioned_scenes, write_demo_vocabulary
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        write_demo_vocabulary(out=snakemake.output.vocabulary)
        draw_captioned_scenes(out=snakemake.output.scenes)


if __name__ == "__main__":
    main()
