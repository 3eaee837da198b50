"""
PURPOSE  Everything about one layer that needs all its values, computed once: thresholds, states, moments, bits.
INPUTS   activations and manifests of all shards, dataset.json, the model report.
OUTPUTS  <results>/statistics/{dataset}/{model}/{layer}.h5    arrays
         <results>/statistics/{dataset}/{model}/{layer}.json  manifest with the counts of unit states
"""

STORES = "<results>/activations/{dataset}/{model}/{group}/{shard}.h5"
MANIFESTS = "<results>/activations/{dataset}/{model}/{group}/{shard}.json"


rule summarise_layer:
    input:
        shards=ancient(in_shards(STORES)),
        manifests=in_shards(MANIFESTS),
        dataset="<results>/datasets/{dataset}/dataset.json",
        report=report_of,
    output:
        statistics="<results>/statistics/{dataset}/{model}/{layer}.h5",
        manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
    log:
        "<logs>/summarise_layer/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/summarise_layer/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(layer_mem_mb),
        runtime=grow(layer_runtime),
    params:
        code=code_of("summarise_layer"),
        layer=layer_row,
        thresholds=study.config["thresholds"],
        geometry=study.config["geometry"],
    script:
        "../scripts/summarise_layer.py"
