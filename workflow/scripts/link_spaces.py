"""Fit the linear map from representations to style vectors and judge it on held-out pairs."""

from conceptatlas.generators.rows import with_weights_in as with_generator_in
from conceptatlas.jobs import job
from conceptatlas.linking.linked import link_spaces
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        encoder = snakemake.params.encoder
        link_spaces(
            generator=with_generator_in(expand_row(snakemake.params.generator), snakemake.input.generator_weights),
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            encoder=with_weights_in(expand_row(encoder), snakemake.input.encoder) if encoder else None,
            pairs=list(snakemake.input.pairs),
            manifests=list(snakemake.input.manifests),
            options=snakemake.params.options,
            **snakemake.params.run,
            **dict(snakemake.output.items()),
        )


if __name__ == "__main__":
    main()
