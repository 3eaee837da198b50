"""Join the shards of a data set into its index, its concepts and their overlaps."""

from conceptatlas.datasets.joining import join_shards
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_shards(
            expand_row(snakemake.params.dataset),
            listing=snakemake.input.listing,
            vocabulary=snakemake.input.vocabulary,
            frames=snakemake.input.frames,
            annotations=snakemake.input.annotations,
            manifests=snakemake.input.manifests,
            max_quarantine=snakemake.params.quarantine_share,
            index=snakemake.output.index,
            concepts=snakemake.output.concepts,
            overlaps=snakemake.output.overlaps,
            examples=snakemake.output.examples,
            summary=snakemake.output.dataset,
        )


if __name__ == "__main__":
    main()
