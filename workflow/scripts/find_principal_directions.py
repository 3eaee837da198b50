"""Find the principal direction of every concept in a layer: one unit, a few, or all of them?"""

from conceptatlas.axes.principal import find_principal_directions
from conceptatlas.jobs import job

FILES = ("statistics", "tally", "units", "index", "concepts", "report")
LISTS = ("shards", "manifests", "annotations", "frames")
RESULTS = ("table", "loadings", "gallery")
OPTIONS = ("dataset", "model", "layer", "geometry", "options", "detector_iou", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        find_principal_directions(
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
