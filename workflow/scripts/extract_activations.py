"""Run one shard of frames through a model: activations of all layers of a group, with their manifest."""

from conceptatlas.activations.extraction import extract_shard
from conceptatlas.jobs import job
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code, refusal=snakemake.params.refusal):
        calibration = list(snakemake.input.calibration)
        extract_shard(
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            layers=snakemake.params.layers,
            report=snakemake.input.report,
            frames=snakemake.input.frames,
            frames_manifest=snakemake.input.frames_manifest,
            calibration=calibration[0] if calibration else None,
            store=snakemake.output.store,
            manifest=snakemake.output.manifest,
            batch=snakemake.params.batch,
            threads=snakemake.params.threads,
            device=snakemake.params.device,
            tf32=snakemake.params.tf32,
        )


if __name__ == "__main__":
    main()
