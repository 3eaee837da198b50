"""Copy the files that a row names into the study, for jobs that cannot open them where they are."""

from conceptatlas.jobs import job
from conceptatlas.outside import bring_files
from conceptatlas.sheets import expand_cell


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        bring_files([expand_cell(file) for file in snakemake.params.files], snakemake.output.folder)


if __name__ == "__main__":
    main()
