"""List the names of a data set's own concepts as texts for an encoder."""

from conceptatlas.jobs import job
from conceptatlas.vocabularies.listing import list_names


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        list_names(
            snakemake.input.concepts,
            vocabulary=f"concepts~{snakemake.params.dataset}",
            template=snakemake.params.template,
            captions=snakemake.output.captions,
            manifest=snakemake.output.manifest,
        )


if __name__ == "__main__":
    main()
