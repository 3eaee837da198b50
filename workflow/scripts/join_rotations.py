"""Summarise the rotated bases of all layers of all models over their rotations."""

from conceptatlas.axes.rotation_tables import join_rotations
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_rotations(rotations=list(snakemake.input.rotations), out=snakemake.output.summary)


if __name__ == "__main__":
    main()
