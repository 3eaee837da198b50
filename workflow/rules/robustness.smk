"""
PURPOSE  Do detectors survive when their images are perturbed? Labels move with the image, thresholds stay.
INPUTS   rows of perturbations.tsv; frames, masks and the network; clean activations, statistics and tallies.
OUTPUTS  <results>/perturbed/{dataset}/{model}/{group}/{level}/{shard}.h5    counts of all layers, picture strips
         <results>/perturbed/{dataset}/{model}/{group}/{level}/{shard}.json  manifest
         <results>/robustness/{dataset}/{model}/{layer}/
           units.parquet, summary.parquet, concepts.parquet   by level: units, categories; by kind: concepts
           examples.h5                                        pictures original | level 1 | ... with masks

A level is a job of its own and stores no activations: one more row costs one forward pass and the joins.
"""


rule perturb_shard:
    input:
        frames=ancient("<results>/datasets/{dataset}/frames/{shard}.h5"),
        frames_manifest="<results>/datasets/{dataset}/frames/{shard}.json",
        report="<results>/models/{model}/{group}.json",
        calibration=calibration_of,
        weights=ancient(brought_weights),
        store=ancient("<results>/activations/{dataset}/{model}/{group}/{shard}.h5"),
        manifest="<results>/activations/{dataset}/{model}/{group}/{shard}.json",
        statistics=ancient(perturbed_layers_of_group("<results>/statistics/{dataset}/{model}/{layer}.h5")),
        statistics_manifests=perturbed_layers_of_group("<results>/statistics/{dataset}/{model}/{layer}.json"),
        tallies=perturbed_layers_of_group("<results>/dissection/{dataset}/{model}/{layer}/tally.h5"),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient("<results>/datasets/{dataset}/annotations/{shard}.h5"),
    output:
        perturbed="<results>/perturbed/{dataset}/{model}/{group}/{level}/{shard}.h5",
        perturbed_manifest="<results>/perturbed/{dataset}/{model}/{group}/{level}/{shard}.json",
    log:
        "<logs>/perturb_shard/{dataset}/{model}/{group}/{level}/{shard}.log",
    benchmark:
        "<benchmarks>/perturb_shard/{dataset}/{model}/{group}/{level}/{shard}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(perturb_mem_mb),
        runtime=grow(perturb_runtime),
    params:
        code=code_of("perturb_shard", runs_model=True),
        model=model_row,
        layers=perturbed_rows,
        level=level_row,
        geometry=study.config["geometry"],
        options=pick(study.config["robustness"], ("units", "images")),
        seed=study.config["seed"],
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
        tf32=study.config["extraction"]["tf32"],
    script:
        "../scripts/perturb_shard.py"


rule measure_robustness:
    input:
        shards=ancient(perturbed_shards_of_layer("h5")),
        manifests=perturbed_shards_of_layer("json"),
        tally="<results>/dissection/{dataset}/{model}/{layer}/tally.h5",
        dataset="<results>/datasets/{dataset}/dataset.json",
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
    output:
        units="<results>/robustness/{dataset}/{model}/{layer}/units.parquet",
        summary="<results>/robustness/{dataset}/{model}/{layer}/summary.parquet",
        by_concept="<results>/robustness/{dataset}/{model}/{layer}/concepts.parquet",
        examples="<results>/robustness/{dataset}/{model}/{layer}/examples.h5",
    log:
        "<logs>/measure_robustness/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/measure_robustness/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(layer_mem_mb),
        runtime=grow(30),
    params:
        code=code_of("measure_robustness"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        levels=list(study.perturbations.values()),
        tau=str(study.config["thresholds"]["tau"]),
        dissection=pick(study.config["dissection"], ("detector_iou", "n_bootstrap", "confidence")),
        options=pick(study.config["robustness"], ("images",)),
        seed=study.config["seed"],
    script:
        "../scripts/measure_robustness.py"
