"""Run an image-text encoder over the frames of one shard."""

from conceptatlas.encoders.encoding import encode_images
from conceptatlas.encoders.rows import with_encoder_files_in
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        encode_images(
            with_encoder_files_in(expand_row(snakemake.params.encoder), snakemake.input.weights),
            frames=snakemake.input.frames,
            frames_manifest=snakemake.input.frames_manifest,
            report=snakemake.input.report,
            embeddings=snakemake.output.embeddings,
            manifest=snakemake.output.manifest,
            device=snakemake.params.device,
            batch=snakemake.params.batch,
            threads=snakemake.params.threads,
        )


if __name__ == "__main__":
    main()
