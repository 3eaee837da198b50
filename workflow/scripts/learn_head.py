"""Train a few-shot segmentation head on a generator's features."""

from conceptatlas.generators.rows import with_weights_in
from conceptatlas.jobs import job
from conceptatlas.linking.head_training import learn_head
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        learn_head(
            generator=with_weights_in(expand_row(snakemake.params.generator), snakemake.input.generator_weights),
            options=snakemake.params.options,
            **snakemake.params.run,
            **dict(snakemake.output.items()),
        )


if __name__ == "__main__":
    main()
