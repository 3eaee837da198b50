"""Prepare the pooled features of a layer for CKA, RSA, Procrustes and regression with any other."""

from conceptatlas.jobs import job
from conceptatlas.similarity.geometry import measure_geometry

OPTIONS = ("dataset", "model", "layer", "options", "train_share", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        measure_geometry(
            statistics=snakemake.input.statistics,
            index=snakemake.input.index,
            geometry=snakemake.output.geometry,
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
