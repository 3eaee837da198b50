"""
PURPOSE  One forward pass per shard for all layers of a group, and further ones for layers too large to keep
         (`store: counts`): once thresholds are known, the network runs again, counts, and stores no maps.
INPUTS   frames and their manifests, model reports, batch-norm statistics of random twins; for the further passes what
         the first left, statistics, masks, index and concepts of the data set.
OUTPUTS  <results>/activations/{dataset}/{model}/{group}/{shard}.h5    activations, memory-mappable
         <results>/activations/{dataset}/{model}/{group}/{shard}.json  manifest: digests of arrays, how they were made
         <results>/counted/{dataset}/{model}/{group}/{shard}.h5, .json  tallies and packed masks, and their manifest
         <results>/scored/{dataset}/{model}/{group}/{shard}.h5, .json   sums behind the scores of labels beside IoU

The manifest is written last. Consumers take it as an ordinary input, compared by content, and the .h5 as ancient().
"""


rule extract_activations:
    input:
        frames=ancient("<results>/datasets/{dataset}/frames/{shard}.h5"),
        frames_manifest="<results>/datasets/{dataset}/frames/{shard}.json",
        report="<results>/models/{model}/{group}.json",
        calibration=calibration_of,
        weights=ancient(brought_weights),
    output:
        store="<results>/activations/{dataset}/{model}/{group}/{shard}.h5",
        manifest="<results>/activations/{dataset}/{model}/{group}/{shard}.json",
    log:
        "<logs>/extract_activations/{dataset}/{model}/{group}/{shard}.log",
    benchmark:
        "<benchmarks>/extract_activations/{dataset}/{model}/{group}/{shard}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(forward_mem_mb),
        runtime=grow(forward_runtime),
    params:
        code=code_of("extract_activations", runs_model=True),
        model=model_row,
        layers=group_rows,
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
        tf32=study.config["extraction"]["tf32"],
        refusal=REFUSAL,
    script:
        "../scripts/extract_activations.py"


rule count_shard:
    input:
        frames=ancient("<results>/datasets/{dataset}/frames/{shard}.h5"),
        frames_manifest="<results>/datasets/{dataset}/frames/{shard}.json",
        report="<results>/models/{model}/{group}.json",
        calibration=calibration_of,
        store=ancient("<results>/activations/{dataset}/{model}/{group}/{shard}.h5"),
        manifest="<results>/activations/{dataset}/{model}/{group}/{shard}.json",
        statistics=ancient(counted_layers_of_group("<results>/statistics/{dataset}/{model}/{layer}.h5")),
        statistics_manifests=counted_layers_of_group("<results>/statistics/{dataset}/{model}/{layer}.json"),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient("<results>/datasets/{dataset}/annotations/{shard}.h5"),
    output:
        counted="<results>/counted/{dataset}/{model}/{group}/{shard}.h5",
        counted_manifest="<results>/counted/{dataset}/{model}/{group}/{shard}.json",
    log:
        "<logs>/count_shard/{dataset}/{model}/{group}/{shard}.log",
    benchmark:
        "<benchmarks>/count_shard/{dataset}/{model}/{group}/{shard}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(counting_mem_mb),
        runtime=grow(counting_runtime),
    params:
        code=code_of("count_shard", runs_model=True),
        model=model_row,
        layers=counted_rows,
        geometry=study.config["geometry"],
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
        tf32=study.config["extraction"]["tf32"],
    script:
        "../scripts/count_shard.py"


rule score_shard:
    input:
        frames=ancient("<results>/datasets/{dataset}/frames/{shard}.h5"),
        frames_manifest="<results>/datasets/{dataset}/frames/{shard}.json",
        calibration=calibration_of,
        store=ancient("<results>/activations/{dataset}/{model}/{group}/{shard}.h5"),
        manifest="<results>/activations/{dataset}/{model}/{group}/{shard}.json",
        statistics=ancient(counted_layers_of_group("<results>/statistics/{dataset}/{model}/{layer}.h5")),
        statistics_manifests=counted_layers_of_group("<results>/statistics/{dataset}/{model}/{layer}.json"),
        tallies=counted_layers_of_group("<results>/dissection/{dataset}/{model}/{layer}/tally.h5"),
        dataset="<results>/datasets/{dataset}/dataset.json",
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient("<results>/datasets/{dataset}/annotations/{shard}.h5"),
    output:
        scored="<results>/scored/{dataset}/{model}/{group}/{shard}.h5",
        scored_manifest="<results>/scored/{dataset}/{model}/{group}/{shard}.json",
    log:
        "<logs>/score_shard/{dataset}/{model}/{group}/{shard}.log",
    benchmark:
        "<benchmarks>/score_shard/{dataset}/{model}/{group}/{shard}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(scoring_mem_mb),
        runtime=grow(counting_runtime),
    params:
        code=code_of("score_shard", runs_model=True),
        model=model_row,
        layers=counted_rows,
        top_labels=study.config["dissection"]["top_labels"],
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
        tf32=study.config["extraction"]["tf32"],
    script:
        "../scripts/score_shard.py"
