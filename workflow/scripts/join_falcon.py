"""Join what was explained on a data set: shares explained, groups against features, concepts in other models."""

from conceptatlas.falcon.joining import join_falcon
from conceptatlas.jobs import job

LISTS = ("features", "explained", "comparisons", "failures", "judged", "statistics", "target_statistics")
EMBEDDED = ("embeddings", "embeddings_manifests", "parts")
OPTIONS = ("dataset", "encoder", "vocabulary", "places", "targets", "options", "stop_words", "seed")
OUTPUTS = ("summary", "transfers", "transferred")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_falcon(
            index=snakemake.input.index,
            **{name: list(snakemake.input[name]) for name in (*LISTS, *EMBEDDED)},
            **{name: snakemake.params[name] for name in OPTIONS},
            **{name: snakemake.output[name] for name in OUTPUTS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
