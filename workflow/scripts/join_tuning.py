"""Join the parts of a tuning: what every unit encodes, and whether it follows its own change."""

from conceptatlas.jobs import job
from conceptatlas.linking.tuning_join import join_tuning

OPTIONS = ("options", "quantification", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_tuning(
            parts=list(snakemake.input.parts),
            manifests=list(snakemake.input.manifests),
            link=snakemake.input.link,
            **{name: snakemake.params[name] for name in OPTIONS},
            **dict(snakemake.output.items()),
        )


if __name__ == "__main__":
    main()
