"""
PURPOSE  Network Dissection of any linear basis of a layer: rotations, components, factors, a user's dictionary.
INPUTS   as for dissect_layer; rows of bases.tsv; the file of directions for kind `file`.
OUTPUTS  <results>/bases/{dataset}/{model}/{layer}/{basis}/{labels,units,summary}.parquet
"""


rule dissect_basis:
    input:
        shards=ancient(in_shards(STORES)),
        manifests=in_shards(MANIFESTS),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        overlaps=ancient("<results>/datasets/{dataset}/overlaps.h5"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        report=report_of,
        directions=brought_directions,
    output:
        labels="<results>/bases/{dataset}/{model}/{layer}/{basis}/labels.parquet",
        units="<results>/bases/{dataset}/{model}/{layer}/{basis}/units.parquet",
        summary="<results>/bases/{dataset}/{model}/{layer}/{basis}/summary.parquet",
    log:
        "<logs>/dissect_basis/{dataset}/{model}/{layer}/{basis}.log",
    benchmark:
        "<benchmarks>/dissect_basis/{dataset}/{model}/{layer}/{basis}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(layer_mem_mb),
        runtime=grow(layer_runtime),
    params:
        code=code_of("dissect_basis"),
        basis=basis_row,
        directions=directions_content,
        thresholds=study.config["thresholds"],
        geometry=study.config["geometry"],
        options=dissection_options,
        seed=study.config["seed"],
    script:
        "../scripts/dissect_basis.py"
