"""Estimate what a study needs from its listings and model reports, and refuse what cannot fit."""

from conceptatlas.jobs import job
from conceptatlas.preflight import check_study


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        check_study(
            **snakemake.params.study,
            pairs=snakemake.params.pairs,
            listings=list(snakemake.input.listings),
            reports=list(snakemake.input.reports),
            out=snakemake.output.preflight,
            refusal=snakemake.params.refusal,
            elsewhere=snakemake.params.elsewhere,
        )


if __name__ == "__main__":
    main()
