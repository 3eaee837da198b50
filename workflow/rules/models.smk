"""
PURPOSE  Models before they are run: do they load, do the layers exist, what shape and geometry have their maps.
INPUTS   rows of models.tsv and layers.tsv; weights files; frames (for the batch-norm statistics of random twins).
OUTPUTS  <results>/outside/{sheet}/{row}/                            files that only this machine can open, for jobs
         <results>/models/{model}/{group}.json                       report of one group of layers
         <results>/models/calibration/{dataset}/{model}.safetensors  batch-norm statistics of random and shuffled twins

The report is one file a group, so that a layer added in a new group leaves the others' reports, and with them all
their results, untouched.
"""


rule bring_files:
    output:
        folder=directory(OUTSIDE),
    log:
        "<logs>/bring_files/{sheet}/{row}.log",
    benchmark:
        "<benchmarks>/bring_files/{sheet}/{row}.tsv"
    wildcard_constraints:
        sheet="models|bases|encoders|vocabularies|generators",
        row="[^/]+",
    priority: 100
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        code=code_of("bring_files"),
        files=named_outside,
        content=lambda wildcards: [entry for file in named_outside(wildcards) for entry in content(expand_cell(file))],
    script:
        "../scripts/bring_files.py"


rule check_model:
    input:
        weights=brought_weights,
    output:
        report="<results>/models/{model}/{group}.json",
    log:
        "<logs>/check_model/{model}/{group}.log",
    benchmark:
        "<benchmarks>/check_model/{model}/{group}.tsv"
    priority: 100
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(6000),
        runtime=grow(30),
    params:
        code=code_of("check_model", runs_model=True),
        model=model_row,
        weights=weights_content,
        layers=group_rows,
    script:
        "../scripts/check_model.py"


rule calibrate_model:
    input:
        frames=ancient(in_shards("<results>/datasets/{dataset}/frames/{shard}.h5")),
        manifests=in_shards("<results>/datasets/{dataset}/frames/{shard}.json"),
        weights=brought_weights,
    output:
        statistics="<results>/models/calibration/{dataset}/{model}.safetensors",
    log:
        "<logs>/calibrate_model/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/calibrate_model/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        mem_mb=grow(forward_mem_mb),
        runtime=grow(30),
    params:
        code=code_of("calibrate_model", runs_model=True),
        model=model_row,
        weights=weights_content,
        threads=study.config["extraction"]["inference_threads"],
    script:
        "../scripts/calibrate_model.py"
