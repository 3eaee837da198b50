"""Find concepts in a layer without labels, and their masks in images they were not found on."""

from conceptatlas.jobs import job
from conceptatlas.similarity.discovery import discover_concepts

FILES = ("index", "report")
LISTS = ("shards", "manifests", "annotations", "frames")
RESULTS = ("table", "discovered", "examples")
OPTIONS = ("dataset", "model", "layer", "options", "train_share", "geometry", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        discover_concepts(
            about=snakemake.input.dataset,
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
