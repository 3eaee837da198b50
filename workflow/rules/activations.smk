"""
PURPOSE  One forward pass per shard for all layers of a group: the only stage that runs models over the data.
INPUTS   frames and their manifests, model reports, batch-norm statistics of random twins.
OUTPUTS  <results>/activations/{dataset}/{model}/{group}/{shard}.h5    activations, memory-mappable
         <results>/activations/{dataset}/{model}/{group}/{shard}.json  manifest: digests of arrays, how they were made

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
