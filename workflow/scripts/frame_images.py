"""Decode the pictures of one shard into frames and rasterise their labels."""

from conceptatlas.datasets.framing import frame_shard
from conceptatlas.jobs import job
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        row = expand_row(snakemake.params.dataset)
        frame_shard(
            row,
            listing=snakemake.input.listing,
            vocabulary=snakemake.input.vocabulary,
            shard=int(snakemake.wildcards.shard),
            n_shards=row["shards"],
            frames=snakemake.output.frames,
            annotations=snakemake.output.annotations,
            manifest=snakemake.output.manifest,
            study_seed=snakemake.params.seed,
        )


if __name__ == "__main__":
    main()
