"""Run one shard of perturbed frames through a model: counts of all layers of a group, with their manifest."""

from conceptatlas.jobs import job
from conceptatlas.models.rows import with_weights_in
from conceptatlas.robustness.perturbing import perturb_shard
from conceptatlas.sheets import expand_row

FILES = ("report", "frames", "frames_manifest", "store", "manifest", "dataset", "index", "concepts", "annotations")
LISTS = ("statistics", "tallies")
RESULTS = ("perturbed", "perturbed_manifest")
OPTIONS = ("layers", "level", "geometry", "options", "seed", "batch", "threads", "device", "tf32")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        calibration = list(snakemake.input.calibration)
        perturb_shard(
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            calibration=calibration[0] if calibration else None,
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input.get(name)) for name in LISTS},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
