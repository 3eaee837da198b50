"""Count the detectors of a layer in rotated bases, and in the controls."""

from conceptatlas.axes.rotation import rotate_layer
from conceptatlas.jobs import job

FILES = ("statistics", "concepts", "report")
LISTS = ("shards", "manifests", "annotations")
RESULTS = ("rotation", "controls")
OPTIONS = ("dataset", "model", "layer", "thresholds", "geometry", "detector_iou", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        rotate_layer(
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
