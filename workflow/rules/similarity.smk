"""
PURPOSE  Similarity: which layers of which models find the same concepts, and arrange images alike around them.
INPUTS   activations and statistics of a layer, masks, index, frames, model reports.
OUTPUTS  <results>/similarity/{dataset}/{model}/{layer}/
           discovered.parquet, .h5, discovered_examples.h5   concepts found without labels; their masks; pictures
           profiles.parquet, .h5                             vectors of annotated concepts; cosines of images with them
           geometry.h5                                       pooled features as CKA, RSA, ... need them
         <results>/similarity/{dataset}/
           {model}.parquet, _concepts, _sfss, _matrices.h5   the model's layers against its own and all earlier models'
           {model}_responses.parquet                         what a classifier's answer owes to the concepts
           summary.parquet                                   positions between twins, propagation, agreement of measures
         <results>/similarity/across/{model}.parquet, _concepts, _matrices.h5
                                                             its concepts in one data set against those in another
         <results>/figures/similarity/{dataset}/{model}/, .../models/, <results>/figures/similarity/across/{model}/

Pairs are made from the files of layers alone: a model at the end of the sheet costs its own layers, one comparison and
the joins.
"""

COMPARED = "<results>/similarity/{dataset}/{model}/{layer}"
SHOWN_PAIRS = ("concepts", "simple_concepts", "scatter_pairs")
"""Keys of the config section that only figures depend on."""
PAIRS = "<results>/similarity/{dataset}/{model}"
ACROSS = "<results>/similarity/across/{model}"


rule discover_concepts:
    input:
        shards=ancient(in_shards(STORES)),
        manifests=in_shards(MANIFESTS),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        frames=ancient(in_shards(FRAMES)),
        report=report_of,
    output:
        table=f"{COMPARED}/discovered.parquet",
        discovered=f"{COMPARED}/discovered.h5",
        examples=f"{COMPARED}/discovered_examples.h5",
    log:
        "<logs>/discover_concepts/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/discover_concepts/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(discovery_mem_mb),
        runtime=grow(discovery_runtime),
    params:
        code=code_of("discover_concepts"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        options=study.config["similarity"]["unsupervised"],
        train_share=study.config["similarity"]["train_share"],
        geometry=study.config["geometry"],
        seed=study.config["seed"],
    script:
        "../scripts/discover_concepts.py"


rule profile_concepts:
    input:
        shards=ancient(flattened_shards(STORES)),
        manifests=flattened_shards(MANIFESTS),
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
    output:
        table=f"{COMPARED}/profiles.parquet",
        profiles=f"{COMPARED}/profiles.h5",
    log:
        "<logs>/profile_concepts/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/profile_concepts/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(profile_mem_mb),
        runtime=grow(profile_runtime),
    params:
        code=code_of("profile_concepts"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        options=pick(study.config["similarity"]["supervised"], but=("correlation",)),
        choices=pick(study.config["similarity"], ("train_share", "n_bootstrap", "confidence")),
        seed=study.config["seed"],
    script:
        "../scripts/profile_concepts.py"


rule measure_geometry:
    input:
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
    output:
        geometry=f"{COMPARED}/geometry.h5",
    log:
        "<logs>/measure_geometry/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/measure_geometry/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(geometry_mem_mb),
        runtime=grow(geometry_runtime),
    params:
        code=code_of("measure_geometry"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        options=study.config["similarity"]["reference"],
        train_share=study.config["similarity"]["train_share"],
        seed=study.config["seed"],
    script:
        "../scripts/measure_geometry.py"


rule compare_models:
    input:
        discovered=compared_until("discovered.h5"),
        profiles=compared_until("profiles.h5"),
        geometries=compared_until("geometry.h5"),
        reports=reports_until,
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
    output:
        table=f"{PAIRS}.parquet",
        concept_pairs=f"{PAIRS}_concepts.parquet",
        sfss_pairs=f"{PAIRS}_sfss.parquet",
        matrices=f"{PAIRS}_matrices.h5",
    log:
        "<logs>/compare_models/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/compare_models/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(comparison_mem_mb),
        runtime=grow(comparison_runtime),
    params:
        code=code_of("compare_models"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        places=places_until,
        options=comparison_options,
        seed=study.config["seed"],
    script:
        "../scripts/compare_models.py"


rule respond_to_concepts:
    input:
        frames=ancient(in_shards(FRAMES)),
        frames_manifests=in_shards("<results>/datasets/{dataset}/frames/{shard}.json"),
        calibration=calibration_of,
        weights=ancient(brought_weights),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        discovered=answered_for("fidelity", "discovered.h5"),
        profiles=answered_for("tcav", "profiles.h5"),
    output:
        table=f"{PAIRS}_responses.parquet",
    log:
        "<logs>/respond_to_concepts/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/respond_to_concepts/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(response_mem_mb),
        runtime=grow(response_runtime),
    params:
        code=code_of("respond_to_concepts", runs_model=True),
        dataset=lambda wildcards: wildcards.dataset,
        model=model_row,
        layers=rows_compared,
        options=pick(study.config["similarity"]["responses"], but=("kinds",)),
        choices=pick(study.config["similarity"], ("n_bootstrap", "confidence")),
        seed=study.config["seed"],
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
        tf32=study.config["extraction"]["tf32"],
    script:
        "../scripts/respond_to_concepts.py"


rule join_similarity:
    input:
        tables=compared_on_dataset(".parquet"),
        concept_tables=compared_on_dataset("_concepts.parquet"),
        sfss_tables=compared_on_dataset("_sfss.parquet"),
        profile_tables=compared_layers_of_dataset("profiles.parquet"),
        distances=embedding_distances,
        reports=reports_of_dataset,
    output:
        summary="<results>/similarity/{dataset}/summary.parquet",
    log:
        "<logs>/join_similarity/{dataset}.log",
    benchmark:
        "<benchmarks>/join_similarity/{dataset}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(20),
    params:
        code=code_of("join_similarity"),
        dataset=lambda wildcards: wildcards.dataset,
        places=places_compared,
        twins=twins_compared,
        options=pick(study.config["similarity"], ("n_permutations", "confidence")),
        seed=study.config["seed"],
    script:
        "../scripts/join_similarity.py"


rule plot_similarity:
    input:
        discovered=compared_by_model("discovered.parquet"),
        discovered_h5=compared_by_model("discovered.h5"),
        examples=compared_by_model("discovered_examples.h5"),
        profiles=compared_by_model("profiles.parquet"),
        pairs=f"{PAIRS}.parquet",
        concept_pairs=f"{PAIRS}_concepts.parquet",
        matrices=f"{PAIRS}_matrices.h5",
        responses=responses_of,
    output:
        folder=report(
            directory("<results>/figures/similarity/{dataset}/{model}"),
            patterns=["{figure}.png"],
            caption="../report/similarity.rst",
            category="Similarity",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_similarity/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/plot_similarity/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(60),
    params:
        code=code_of("plot_similarity"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layers=layers_compared,
        options=study.config["figures"] | pick(study.config["similarity"], ("concepts",)),
        embed_images=may_embed,
    script:
        "../scripts/plot_similarity.py"


rule plot_similarity_models:
    input:
        tables=compared_on_dataset(".parquet"),
        concept_tables=compared_on_dataset("_concepts.parquet"),
        sfss_tables=compared_on_dataset("_sfss.parquet"),
        matrices=compared_on_dataset("_matrices.h5"),
        profile_tables=compared_layers_of_dataset("profiles.parquet"),
        profiles_h5=compared_layers_of_dataset("profiles.h5"),
        distances=embedding_distances,
        discovered_h5=compared_layers_of_dataset("discovered.h5"),
        examples=compared_layers_of_dataset("discovered_examples.h5"),
        summary="<results>/similarity/{dataset}/summary.parquet",
        reports=reports_of_dataset,
    output:
        folder=report(
            directory("<results>/figures/similarity/{dataset}/models"),
            patterns=["{figure}.png"],
            caption="../report/similarity_models.rst",
            category="Similarity",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_similarity_models/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_similarity_models/{dataset}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_similarity_models"),
        dataset=lambda wildcards: wildcards.dataset,
        places=places_compared,
        options=study.config["figures"] | pick(study.config["similarity"], SHOWN_PAIRS),
        embed_images=may_embed,
    script:
        "../scripts/plot_similarity_models.py"


rule compare_datasets:
    input:
        shards=ancient(crossed_files(STORES)),
        manifests=crossed_files(MANIFESTS),
        annotations=ancient(crossed_files(ANNOTATIONS)),
        dataset=crossed_files("<results>/datasets/{dataset}/dataset.json"),
        index=ancient(crossed_files("<results>/datasets/{dataset}/index.parquet")),
        reports=reports_crossed,
        tables=crossed_files(f"{COMPARED}/discovered.parquet"),
        discovered=crossed_files(f"{COMPARED}/discovered.h5"),
    output:
        table=f"{ACROSS}.parquet",
        concept_pairs=f"{ACROSS}_concepts.parquet",
        matrices=f"{ACROSS}_matrices.h5",
    log:
        "<logs>/compare_datasets/{model}.log",
    benchmark:
        "<benchmarks>/compare_datasets/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(across_mem_mb),
        runtime=grow(across_runtime),
    params:
        code=code_of("compare_datasets"),
        model=lambda wildcards: wildcards.model,
        places=places_crossed,
        options=pick(study.config["similarity"], ("n_permutations", "n_bootstrap", "confidence")),
        geometry=study.config["geometry"],
        seed=study.config["seed"],
    script:
        "../scripts/compare_datasets.py"


rule plot_compared_datasets:
    input:
        table=f"{ACROSS}.parquet",
        concept_pairs=f"{ACROSS}_concepts.parquet",
        matrices=f"{ACROSS}_matrices.h5",
        examples=crossed_files(f"{COMPARED}/discovered_examples.h5"),
    output:
        folder=report(
            directory("<results>/figures/similarity/across/{model}"),
            patterns=["{figure}.png"],
            caption="../report/similarity_across.rst",
            category="Similarity",
            subcategory="between data sets",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_compared_datasets/{model}.log",
    benchmark:
        "<benchmarks>/plot_compared_datasets/{model}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_compared_datasets"),
        model=lambda wildcards: wildcards.model,
        places=crossed,
        options=study.config["figures"],
        embed_images=may_embed_all,
    script:
        "../scripts/plot_compared_datasets.py"
