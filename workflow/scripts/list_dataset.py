"""List the images and concepts of a data set, before a picture is decoded."""

from conceptatlas.datasets.listing import list_dataset, write_listing
from conceptatlas.jobs import job
from conceptatlas.parallel import spread_map
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        row = expand_row(snakemake.params.dataset)
        threads, mem_mb = snakemake.threads, snakemake.resources.mem_mb
        with spread_map(threads=threads, mem_mb=mem_mb, description=f"listing {row['dataset']}") as spread:
            listing = list_dataset(row, snakemake.params.seed, map=spread)
        write_listing(listing, images=snakemake.output.listing, concepts=snakemake.output.vocabulary)


if __name__ == "__main__":
    main()
