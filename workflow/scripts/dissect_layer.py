"""Label the units of a layer from its tally: scores, intervals, null, summary, the authors' csv, picture strips."""

from conceptatlas.dissection.labels import dissect_layer
from conceptatlas.jobs import job

FILES = ("statistics", "tally", "index", "concepts", "overlaps", "report")
LISTS = ("shards", "manifests", "annotations", "frames")
PASSES = ("counted", "counted_manifests", "scored", "scored_manifests")
RESULTS = ("labels", "units", "summary", "netdissect", "gallery")
OPTIONS = ("dataset", "model", "layer", "thresholds", "geometry", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        dissect_layer(
            about=snakemake.input.dataset,
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: list(snakemake.input.get(name) or []) for name in PASSES},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
