"""List the captions of a vocabulary, each once."""

from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row
from conceptatlas.vocabularies.listing import list_vocabulary


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        list_vocabulary(
            expand_row(snakemake.params.vocabulary),
            captions=snakemake.output.captions,
            manifest=snakemake.output.manifest,
        )


if __name__ == "__main__":
    main()
