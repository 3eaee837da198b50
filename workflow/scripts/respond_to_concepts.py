"""Ask a classifier what its answers owe to the concepts of its layers: fidelity of what was found, TCAV."""

from conceptatlas.jobs import job
from conceptatlas.models.rows import with_weights_in
from conceptatlas.sheets import expand_row
from conceptatlas.similarity.responses import respond_to_concepts

LISTS = ("frames", "frames_manifests", "discovered", "profiles")
OPTIONS = ("dataset", "layers", "options", "seed", "batch", "threads", "device", "tf32")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        respond_to_concepts(
            model=with_weights_in(expand_row(snakemake.params.model), snakemake.input.weights),
            calibration=next(iter(snakemake.input.calibration), None),
            index=snakemake.input.index,
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            **snakemake.params.choices,
            table=snakemake.output.table,
        )


if __name__ == "__main__":
    main()
