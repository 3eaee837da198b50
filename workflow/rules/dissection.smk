"""
PURPOSE  Network Dissection: which concept does a unit detect, how well, and better than chance?
INPUTS   activations of a layer (or what further passes counted) and statistics, masks, index and overlaps of the data
         set, frames for the galleries.
OUTPUTS  <results>/dissection/{dataset}/{model}/{layer}/
           tally.h5                               integer counts, observed and under permuted labels
           labels.parquet, units.parquet          labels of units with scores, intervals, p; one row a unit
           summary.parquet                        detectors and unique detectors by category, both conventions
           netdissect.csv, gallery.h5             the authors' csv layout; picture strips
         <results>/dissection/{dataset}/summary.parquet   all layers of all models
"""

ANNOTATIONS = "<results>/datasets/{dataset}/annotations/{shard}.h5"
FRAMES = "<results>/datasets/{dataset}/frames/{shard}.h5"


rule tally_layer:
    input:
        shards=ancient(tallied_shards("h5")),
        manifests=tallied_shards("json"),
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        report=report_of,
    output:
        tally="<results>/dissection/{dataset}/{model}/{layer}/tally.h5",
    log:
        "<logs>/tally_layer/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/tally_layer/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(layer_mem_mb),
        runtime=grow(layer_runtime),
    params:
        code=code_of("tally_layer"),
        layer=lambda wildcards: wildcards.layer,
        store=lambda wildcards: layer_row(wildcards)["store"],
        geometry=study.config["geometry"],
        n_permutations=study.config["dissection"]["n_permutations"],
        seed=study.config["seed"],
    script:
        "../scripts/tally_layer.py"


rule dissect_layer:
    input:
        shards=ancient(in_shards(STORES)),
        manifests=in_shards(MANIFESTS),
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        tally="<results>/dissection/{dataset}/{model}/{layer}/tally.h5",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        overlaps=ancient("<results>/datasets/{dataset}/overlaps.h5"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        frames=ancient(in_shards(FRAMES)),
        report=report_of,
        counted=ancient(passes_of_layer("counted", "h5")),
        counted_manifests=passes_of_layer("counted", "json"),
        scored=ancient(passes_of_layer("scored", "h5")),
        scored_manifests=passes_of_layer("scored", "json"),
    output:
        labels="<results>/dissection/{dataset}/{model}/{layer}/labels.parquet",
        units="<results>/dissection/{dataset}/{model}/{layer}/units.parquet",
        summary="<results>/dissection/{dataset}/{model}/{layer}/summary.parquet",
        netdissect="<results>/dissection/{dataset}/{model}/{layer}/netdissect.csv",
        gallery="<results>/dissection/{dataset}/{model}/{layer}/gallery.h5",
    log:
        "<logs>/dissect_layer/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/dissect_layer/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(layer_mem_mb),
        runtime=grow(layer_runtime),
    params:
        code=code_of("dissect_layer"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        thresholds=study.config["thresholds"],
        geometry=study.config["geometry"],
        options=dissection_options,
        seed=study.config["seed"],
    script:
        "../scripts/dissect_layer.py"


rule join_dissection:
    input:
        summaries=dissected_layers("summary.parquet"),
    output:
        summary="<results>/dissection/{dataset}/summary.parquet",
    log:
        "<logs>/join_dissection/{dataset}.log",
    benchmark:
        "<benchmarks>/join_dissection/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("join_dissection"),
    script:
        "../scripts/join_dissection.py"
