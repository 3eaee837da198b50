"""Dissect a linear basis of a layer as `dissect_layer` dissects its units."""

from conceptatlas.dissection.basis import dissect_basis
from conceptatlas.jobs import job
from conceptatlas.outside import relocated
from conceptatlas.sheets import expand_row

FILES = ("index", "concepts", "overlaps", "report")
LISTS = ("shards", "manifests", "annotations")
RESULTS = ("labels", "units", "summary")
OPTIONS = ("thresholds", "geometry", "options", "seed")


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        basis = expand_row(snakemake.params.basis)
        dissect_basis(
            dataset=snakemake.wildcards.dataset,
            model=snakemake.wildcards.model,
            layer=snakemake.wildcards.layer,
            about=snakemake.input.dataset,
            basis=relocated(basis, [basis["path"]], snakemake.input.directions) if basis["path"] else basis,
            **{name: snakemake.input[name] for name in FILES},
            **{name: list(snakemake.input[name]) for name in LISTS},
            **{name: snakemake.output[name] for name in RESULTS},
            **{name: snakemake.params[name] for name in OPTIONS},
            threads=snakemake.threads,
            mem_mb=snakemake.resources.mem_mb,
        )


if __name__ == "__main__":
    main()
