"""Check that a model loads and has its layers; record the shape and geometry of their maps."""

from conceptatlas.files import write_json
from conceptatlas.jobs import job
from conceptatlas.models.check import check_model
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        report = check_model(
            with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights), snakemake.params.layers
        )
        write_json(snakemake.output.report, report)


if __name__ == "__main__":
    main()
