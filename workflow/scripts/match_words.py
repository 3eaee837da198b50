"""Find the word vectors of a data set's concepts, and check the sums of concepts that the config lists."""

from conceptatlas.jobs import job
from conceptatlas.net2vec.words import match_words

RESULTS = ("vectors", "table", "expressions")
OPTIONS = ("dataset", "word_spaces", "aliases", "arithmetic")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        match_words(
            concepts=snakemake.input.concepts,
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
        )


if __name__ == "__main__":
    main()
