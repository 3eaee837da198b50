"""Label the units of a layer with concepts of an image-text encoder."""

from conceptatlas.jobs import job
from conceptatlas.open_vocabulary.labelling import label_units


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        given, made = snakemake.input, snakemake.output
        label_units(
            made=snakemake.params.made,
            statistics=given.statistics,
            index=given.index,
            concepts=given.concepts,
            **{name: list(given[name]) for name in ("frames", "embeddings", "parts", "name_parts")},
            units=next(iter(given.units), None),
            options=snakemake.params.options,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
            labels=made.labels,
            masks=made.masks,
            summary=made.summary,
            examples=made.examples,
        )


if __name__ == "__main__":
    main()
