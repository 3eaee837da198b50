"""Explain groups of features: words of the captions nearest to their crops, contrast, null, failures."""

from conceptatlas.falcon.explaining import explain_groups
from conceptatlas.jobs import job

FILES = ("statistics", "index", "concepts", "groups", "members", "crop_table", "crops")
LISTS = ("annotations", "embeddings", "embeddings_manifests", "parts")
OPTIONS = ("dataset", "model", "layer", "encoder", "vocabulary", "options", "stop_words", "seed")
OUTPUTS = ("explained", "words", "comparisons", "failures", "judged")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        explain_groups(
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            **{name: snakemake.output[name] for name in OUTPUTS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
