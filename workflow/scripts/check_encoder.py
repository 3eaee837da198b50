"""Check that an image-text encoder loads; record what it is."""

from conceptatlas.encoders.encoding import check_encoder
from conceptatlas.encoders.rows import with_encoder_files_in
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        row = with_encoder_files_in(expand_row(snakemake.params.encoder), snakemake.input.weights)
        check_encoder(row, device="cpu", report=snakemake.output.report)


if __name__ == "__main__":
    main()
