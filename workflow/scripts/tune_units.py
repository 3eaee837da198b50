"""Tune some units of a classifier from all starting points and measure their pictures as they come."""

from conceptatlas.generators.rows import with_weights_in as with_generator_in
from conceptatlas.jobs import job
from conceptatlas.linking.tuning_part import tune_units
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row

OPTIONS = ("part", "n_parts", "options", "quantification")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        tune_units(
            generator=with_generator_in(expand_row(snakemake.params.generator), snakemake.input.generator_weights),
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            pairs=list(snakemake.input.pairs),
            link=snakemake.input.link,
            head=next(iter(snakemake.input.head), None),
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
            **{name: snakemake.params[name] for name in OPTIONS},
            **snakemake.params.run,
            **dict(snakemake.output.items()),
        )


if __name__ == "__main__":
    main()
