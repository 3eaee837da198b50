"""Learn a vector for every annotated concept of a layer, and the cosines of all test images with it."""

from conceptatlas.jobs import job
from conceptatlas.similarity.profiles import profile_concepts

FILES = ("statistics", "index", "concepts")
LISTS = ("shards", "manifests", "annotations")
RESULTS = ("table", "profiles")
OPTIONS = ("dataset", "model", "layer", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        profile_concepts(
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            **snakemake.params.choices,
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
