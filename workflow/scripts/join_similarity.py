"""Join the comparisons of all models of a data set: places between twins, propagation, agreement of measures."""

from conceptatlas.jobs import job
from conceptatlas.similarity.joining import join_similarity
from conceptatlas.similarity.placing import with_depths

LISTS = ("tables", "concept_tables", "sfss_tables", "profile_tables")
OPTIONS = ("dataset", "twins", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        join_similarity(
            places=with_depths(snakemake.params.places, list(snakemake.input.reports)),
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            distances=next(iter(snakemake.input.distances), None),
            out=snakemake.output.summary,
        )


if __name__ == "__main__":
    main()
