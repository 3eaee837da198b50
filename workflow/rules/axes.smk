"""
PURPOSE  Axis alignment: do concepts sit on the units, or would any rotated basis of a layer do?
INPUTS   activations and statistics of a layer, masks and concepts of the data set.
OUTPUTS  <results>/axes/{dataset}/{model}/{layer}/
           rotation.parquet      detectors and unique detectors of every rotated basis Q^alpha
           controls.parquet      the same where counts must stay (permutation, scaling) and where they must not
         <results>/axes/{dataset}/rotation_summary.parquet   mean and spread over rotations, all layers of all models
"""


rule rotate_layer:
    input:
        shards=ancient(in_shards(STORES)),
        manifests=in_shards(MANIFESTS),
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        report=report_of,
    output:
        rotation="<results>/axes/{dataset}/{model}/{layer}/rotation.parquet",
        controls="<results>/axes/{dataset}/{model}/{layer}/controls.parquet",
    log:
        "<logs>/rotate_layer/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/rotate_layer/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(rotation_mem_mb),
        runtime=grow(rotation_runtime),
    params:
        code=code_of("rotate_layer"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        thresholds=pick(study.config["thresholds"], but=("taus",)),
        geometry=study.config["geometry"],
        detector_iou=study.config["dissection"]["detector_iou"],
        options=pick(study.config["axes"], ("n_rotations", "alphas", "standardise")),
        seed=study.config["seed"],
    script:
        "../scripts/rotate_layer.py"


rule join_rotations:
    input:
        rotations=rotated_layers("rotation.parquet"),
    output:
        summary="<results>/axes/{dataset}/rotation_summary.parquet",
    log:
        "<logs>/join_rotations/{dataset}.log",
    benchmark:
        "<benchmarks>/join_rotations/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("join_rotations"),
    script:
        "../scripts/join_rotations.py"
