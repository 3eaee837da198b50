"""Run one shard through a model a third time: sums behind the scores of the labels of layers that are not stored."""

from conceptatlas.activations.scoring import score_shard
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row

FILES = ("frames", "frames_manifest", "store", "manifest", "concepts", "annotations")
LISTS = ("statistics", "tallies")
RESULTS = ("scored", "scored_manifest")
OPTIONS = ("layers", "top_labels", "batch", "threads", "device", "tf32")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        calibration = list(snakemake.input.calibration)
        score_shard(
            model=expand_row(snakemake.params.model),
            calibration=calibration[0] if calibration else None,
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input.get(name)) for name in LISTS},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
