"""Generate the pictures of chosen units once more, and keep them."""

from conceptatlas.generators.rows import with_weights_in as with_generator_in
from conceptatlas.jobs import job
from conceptatlas.linking.shown import show_units
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        show_units(
            generator=with_generator_in(expand_row(snakemake.params.generator), snakemake.input.generator_weights),
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            selective=snakemake.input.selective,
            tuned=snakemake.input.tuned[0],
            pairs=list(snakemake.input.pairs),
            link=snakemake.input.link,
            head=next(iter(snakemake.input.head), None),
            options=snakemake.params.options,
            quantification=snakemake.params.quantification,
            **snakemake.params.run,
            **dict(snakemake.output.items()),
        )


if __name__ == "__main__":
    main()
