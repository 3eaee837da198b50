"""
PURPOSE  FALCON: what features of a representation, and groups of them, mean in words.
INPUTS   statistics of a layer (pooled features), frames, annotations, a network, an encoder, vectors of a vocabulary.
OUTPUTS  <results>/falcon/{dataset}/{model}/{layer}/
           features.parquet, groups.parquet, members.parquet     high images, groups, lowly activating images
           {encoder}/crops.parquet, .h5                          GradCAM boxes; vectors of the crops; the head
           {encoder}/{vocabulary}/explained.parquet, words.parquet, comparisons.parquet, failures.parquet, judged.json
         <results>/falcon/{dataset}/models/{encoder}/{vocabulary}/
           summary.parquet, transfer.parquet, transferred.parquet     shares explained; concepts in other models
         <results>/figures/falcon/{dataset}/{model}/, .../models/
"""

SELECTED = "<results>/falcon/{dataset}/{model}/{layer}"
CROPPED = f"{SELECTED}/{{encoder}}"
EXPLAINED = f"{CROPPED}/{{vocabulary}}"
JOINED = "<results>/falcon/{dataset}/models/{encoder}/{vocabulary}"
FRAMES_MANIFESTS = "<results>/datasets/{dataset}/frames/{shard}.json"
ENCODED_IMAGES = "<results>/encoders/{encoder}/images/{dataset}/{shard}"


rule select_features:
    input:
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
    output:
        features=f"{SELECTED}/features.parquet",
        groups=f"{SELECTED}/groups.parquet",
        members=f"{SELECTED}/members.parquet",
    log:
        "<logs>/select_features/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/select_features/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(selection_mem_mb),
        runtime=grow(selection_runtime),
    params:
        code=code_of("select_features"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        selection=study.config["falcon"]["selection"],
        grouping=study.config["falcon"]["groups"],
        low=study.config["falcon"]["low"],
    script:
        "../scripts/select_features.py"


rule crop_groups:
    input:
        frames=ancient(in_shards(FRAMES)),
        frames_manifest=in_shards(FRAMES_MANIFESTS),
        calibration=calibration_of,
        report=report_of,
        weights=ancient(brought_weights),
        encoder_report=f"{ENCODER}/encoder.json",
        encoder_weights=ancient(brought_encoder),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        groups=f"{SELECTED}/groups.parquet",
        members=f"{SELECTED}/members.parquet",
    output:
        table=f"{CROPPED}/crops.parquet",
        crops=f"{CROPPED}/crops.h5",
    log:
        "<logs>/crop_groups/{dataset}/{model}/{layer}/{encoder}.log",
    benchmark:
        "<benchmarks>/crop_groups/{dataset}/{model}/{layer}/{encoder}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(crop_mem_mb),
        runtime=grow(crop_runtime),
    params:
        code=code_of("crop_groups", runs_model=True, runs_encoder=True),
        dataset=lambda wildcards: wildcards.dataset,
        model=model_row,
        layer=layer_row,
        encoder=encoder_row,
        cut=study.config["falcon"]["crop"]["cut"],
        n_images=study.config["falcon"]["random_groups"]["n_images"],
        seed=study.config["seed"],
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
        tf32=study.config["extraction"]["tf32"],
    script:
        "../scripts/crop_groups.py"


rule explain_groups:
    input:
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        groups=f"{SELECTED}/groups.parquet",
        members=f"{SELECTED}/members.parquet",
        crop_table=f"{CROPPED}/crops.parquet",
        crops=f"{CROPPED}/crops.h5",
        embeddings=ancient(in_shards(f"{ENCODED_IMAGES}.h5")),
        embeddings_manifests=in_shards(f"{ENCODED_IMAGES}.json"),
        parts=ancient(encoded_parts("h5")),
        parts_manifests=encoded_parts("json"),
    output:
        explained=f"{EXPLAINED}/explained.parquet",
        words=f"{EXPLAINED}/words.parquet",
        comparisons=f"{EXPLAINED}/comparisons.parquet",
        failures=f"{EXPLAINED}/failures.parquet",
        judged=f"{EXPLAINED}/judged.json",
    log:
        "<logs>/explain_groups/{dataset}/{model}/{layer}/{encoder}/{vocabulary}.log",
    benchmark:
        "<benchmarks>/explain_groups/{dataset}/{model}/{layer}/{encoder}/{vocabulary}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(explain_mem_mb),
        runtime=grow(explain_runtime),
    params:
        code=code_of("explain_groups"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        encoder=lambda wildcards: wildcards.encoder,
        vocabulary=lambda wildcards: wildcards.vocabulary,
        options=pick(study.config["falcon"], EXPLAINING_KEYS) | {"words": word_options()},
        stop_words=FALCON_WORDS,
        seed=study.config["seed"],
    script:
        "../scripts/explain_groups.py"


rule join_falcon:
    input:
        features=explained_on_dataset(f"{SELECTED}/features.parquet"),
        explained=explained_on_dataset(f"{EXPLAINED}/explained.parquet"),
        comparisons=explained_on_dataset(f"{EXPLAINED}/comparisons.parquet"),
        failures=explained_on_dataset(f"{EXPLAINED}/failures.parquet"),
        judged=explained_on_dataset(f"{EXPLAINED}/judged.json"),
        statistics=ancient(explained_on_dataset("<results>/statistics/{dataset}/{model}/{layer}.h5")),
        target_statistics=ancient(carried_statistics("h5")),
        statistics_manifests=carried_statistics("json"),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        embeddings=ancient(in_shards(f"{ENCODED_IMAGES}.h5")),
        embeddings_manifests=in_shards(f"{ENCODED_IMAGES}.json"),
        parts=ancient(encoded_parts("h5")),
        parts_manifests=encoded_parts("json"),
    output:
        summary=f"{JOINED}/summary.parquet",
        transfers=f"{JOINED}/transfer.parquet",
        transferred=f"{JOINED}/transferred.parquet",
    log:
        "<logs>/join_falcon/{dataset}/{encoder}/{vocabulary}.log",
    benchmark:
        "<benchmarks>/join_falcon/{dataset}/{encoder}/{vocabulary}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(explain_mem_mb),
        runtime=grow(explain_runtime),
    params:
        code=code_of("join_falcon"),
        dataset=lambda wildcards: wildcards.dataset,
        encoder=lambda wildcards: wildcards.encoder,
        vocabulary=lambda wildcards: wildcards.vocabulary,
        places=explained_layers,
        targets=targets_carried_to,
        options=pick(study.config["falcon"], ("train_share", "n_bootstrap", "confidence"))
        | {
            "words": word_options(),
            "transfer": pick(study.config["falcon"]["transfer"], but=("models",)),
        },
        stop_words=FALCON_WORDS,
        seed=study.config["seed"],
    script:
        "../scripts/join_falcon.py"


rule plot_falcon:
    input:
        frames=ancient(in_shards(FRAMES)),
        frames_manifest=in_shards(FRAMES_MANIFESTS),
        features=explained_by_model("features.parquet", encoded=False),
        groups=explained_by_model("groups.parquet", encoded=False),
        members=explained_by_model("members.parquet", encoded=False),
        crop_tables=crops_by_model,
        explained=explained_by_model("explained.parquet"),
        words=explained_by_model("words.parquet"),
        comparisons=explained_by_model("comparisons.parquet"),
        failures=explained_by_model("failures.parquet"),
    output:
        folder=report(
            directory("<results>/figures/falcon/{dataset}/{model}"),
            patterns=["{figure}.png"],
            caption="../report/falcon.rst",
            category="FALCON",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_falcon/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/plot_falcon/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(60),
    params:
        code=code_of("plot_falcon"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layers=explained_layers_of_model,
        spaces=spaces_explained,
        options=study.config["figures"] | pick(study.config["falcon"], ("shown_groups",)),
        embed_images=may_embed,
    script:
        "../scripts/plot_falcon.py"


rule plot_falcon_models:
    input:
        summaries=joined_on_dataset("summary.parquet"),
        transfers=joined_on_dataset("transfer.parquet"),
        transferred=joined_on_dataset("transferred.parquet"),
    output:
        folder=report(
            directory("<results>/figures/falcon/{dataset}/models"),
            patterns=["{figure}.png"],
            caption="../report/falcon_models.rst",
            category="FALCON",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_falcon_models/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_falcon_models/{dataset}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_falcon_models"),
        dataset=lambda wildcards: wildcards.dataset,
        spaces=spaces_explained,
        options=study.config["figures"],
    script:
        "../scripts/plot_falcon_models.py"
