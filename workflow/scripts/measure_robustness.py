"""Join all levels of a layer: which detectors survive which perturbation, by unit, category and concept."""

from conceptatlas.jobs import job
from conceptatlas.robustness.robustness_tables import measure_robustness

FILES = ("tally", "concepts")
LISTS = ("shards", "manifests")
RESULTS = ("units", "summary", "by_concept", "examples")
OPTIONS = ("dataset", "model", "layer", "levels", "tau", "dissection", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        measure_robustness(
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input.get(name)) for name in LISTS},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
