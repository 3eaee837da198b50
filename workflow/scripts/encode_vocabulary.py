"""Run an image-text encoder over the captions of one part of a vocabulary."""

from conceptatlas.encoders.encoding import encode_vocabulary
from conceptatlas.encoders.rows import with_encoder_files_in
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row
from conceptatlas.vocabularies.rows import with_vectors_in


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        encode_vocabulary(
            with_encoder_files_in(expand_row(snakemake.params.encoder), snakemake.input.weights),
            with_vectors_in(expand_row(snakemake.params.vocabulary), snakemake.input.vectors),
            captions=snakemake.input.captions,
            captions_manifest=snakemake.input.captions_manifest,
            report=snakemake.input.report,
            part=int(snakemake.wildcards.part),
            embeddings=snakemake.output.embeddings,
            manifest=snakemake.output.manifest,
            device=snakemake.params.device,
            batch=snakemake.params.batch,
            threads=snakemake.params.threads,
        )


if __name__ == "__main__":
    main()
