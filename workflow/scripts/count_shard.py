"""Run one shard through a model again and count the units of layers whose maps are not stored."""

from conceptatlas.activations.counting import count_shard
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row

FILES = ("report", "frames", "frames_manifest", "store", "manifest", "dataset", "index", "concepts", "annotations")
RESULTS = ("counted", "counted_manifest")
OPTIONS = ("layers", "geometry", "batch", "threads", "device", "tf32")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        calibration = list(snakemake.input.calibration)
        count_shard(
            model=expand_row(snakemake.params.model),
            calibration=calibration[0] if calibration else None,
            statistics=list(snakemake.input.get("statistics")),
            **{name: snakemake.input[name] for name in FILES},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
