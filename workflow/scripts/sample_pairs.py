"""Draw style vectors and keep those whose pictures the classifier puts in their class, with its representations."""

from conceptatlas.generators.rows import with_weights_in as with_generator_in
from conceptatlas.jobs import job
from conceptatlas.linking.pairs import sample_pairs
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        sample_pairs(
            generator=with_generator_in(expand_row(snakemake.params.generator), snakemake.input.generator_weights),
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            part=snakemake.params.part,
            n_parts=snakemake.params.n_parts,
            options=snakemake.params.options,
            **snakemake.params.run,
            **dict(snakemake.output.items()),
        )


if __name__ == "__main__":
    main()
