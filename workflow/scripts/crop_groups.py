"""Crop highly activating images to what activates a group of features, and embed the crops."""

from conceptatlas.encoders.rows import with_encoder_files_in
from conceptatlas.falcon.cropping import crop_groups
from conceptatlas.jobs import job
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row

FILES = ("report", "index", "groups", "members")
OPTIONS = ("dataset", "layer", "cut", "n_images", "seed", "batch", "threads", "device", "tf32")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        crop_groups(
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            encoder=with_encoder_files_in(expand_row(snakemake.params.encoder), snakemake.input.encoder_weights),
            calibration=next(iter(snakemake.input.calibration), None),
            frames=list(snakemake.input.frames),
            frames_manifests=list(snakemake.input.frames_manifest),
            **{name: snakemake.input[name] for name in FILES},
            **{name: snakemake.params[name] for name in OPTIONS},
            table=snakemake.output.table,
            crops=snakemake.output.crops,
        )


if __name__ == "__main__":
    main()
