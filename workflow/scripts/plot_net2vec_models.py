"""Draw Net2Vec over all models of a data set: single units against combinations, distances between spaces."""

from conceptatlas.figures.net2vec_model_figures import plot_net2vec_models
from conceptatlas.jobs import job

TABLES = ("summary", "spaces", "distances", "concept_distances")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        plot_net2vec_models(
            dataset=snakemake.params.dataset,
            **{name: snakemake.input[name] for name in TABLES},
            folder=snakemake.output.folder,
            options=snakemake.params.options,
        )


if __name__ == "__main__":
    main()
