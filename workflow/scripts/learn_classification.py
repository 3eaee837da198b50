"""Learn to tell images with a concept from those without, from the mean activations of a layer's units."""

from conceptatlas.jobs import job
from conceptatlas.net2vec.classification import learn_classification

FILES = ("statistics", "index", "concepts")
RESULTS = ("table", "subsets", "vectors")
OPTIONS = ("dataset", "model", "layer", "options", "choices", "subset_sizes", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        learn_classification(
            **{name: snakemake.input[name] for name in FILES},
            annotations=list(snakemake.input.annotations),
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
