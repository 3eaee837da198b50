"""Learn to segment every concept from all units of a layer, from subsets of them, and from the best single one."""

from conceptatlas.jobs import job
from conceptatlas.net2vec.segmentation import learn_segmentation

FILES = ("statistics", "index", "concepts", "report")
LISTS = ("shards", "manifests", "annotations", "frames")
RESULTS = ("table", "subsets", "images", "vectors", "examples")
OPTIONS = ("dataset", "model", "layer", "options", "choices", "subset_sizes", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        learn_segmentation(
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
