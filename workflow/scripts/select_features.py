"""Select the features of a layer: their highly activating images, groups of features, lowly activating images."""

from conceptatlas.falcon.selecting import select_features
from conceptatlas.jobs import job

OPTIONS = ("dataset", "model", "layer", "selection", "grouping", "low")
OUTPUTS = ("features", "groups", "members")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        select_features(
            statistics=snakemake.input.statistics,
            index=snakemake.input.index,
            **{name: snakemake.output[name] for name in OUTPUTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
