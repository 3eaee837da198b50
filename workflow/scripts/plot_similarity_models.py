"""Draw how all layers of all models of a data set compare."""

from conceptatlas.figures.similarity_model_figures import plot_similarity_models
from conceptatlas.jobs import job
from conceptatlas.similarity.placing import with_depths

TABLES = ("tables", "concept_tables", "sfss_tables", "profile_tables")
LISTS = (*TABLES, "matrices", "profiles_h5", "discovered_h5", "examples")
OPTIONS = ("dataset", "options", "embed_images")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_similarity_models(
            places=with_depths(snakemake.params.places, list(snakemake.input.reports)),
            **{name: list(snakemake.input[name]) for name in LISTS},
            summary=snakemake.input.summary,
            distances=next(iter(snakemake.input.distances), None),
            **{name: snakemake.params[name] for name in OPTIONS},
            folder=snakemake.output.folder,
        )


if __name__ == "__main__":
    main()
