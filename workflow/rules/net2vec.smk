"""
PURPOSE  Net2Vec: concepts as weighted sums of all units of a layer, against the best single unit and each other.
INPUTS   activations and statistics of a layer, masks, index, frames; files of word vectors that the config names.
OUTPUTS  <results>/net2vec/{dataset}/{model}/{layer}/
           segmentation*.parquet, .h5        masks: a row a concept; by number of units; by image; weights; pictures
           classification*.parquet, .h5      presence: a row a concept; by number of units; weights
           filters, neighbours, arithmetic, map .parquet   units that serve concepts; concepts as directions
         <results>/net2vec/{dataset}/
           words.h5, words.parquet, expressions.json   word vectors of the concepts; sums of concepts, checked
           summary.parquet                             means by category, all layers of all models
           spaces, distances, concept_distances .parquet   how far the spaces of all layers and words are apart
         <results>/figures/net2vec/{dataset}/{model}/, .../models/
"""

LEARNED = "<results>/net2vec/{dataset}/{model}/{layer}"


rule learn_segmentation:
    input:
        shards=ancient(in_shards(STORES)),
        manifests=in_shards(MANIFESTS),
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        frames=ancient(in_shards(FRAMES)),
        report=report_of,
    output:
        table=f"{LEARNED}/segmentation.parquet",
        subsets=f"{LEARNED}/segmentation_subsets.parquet",
        images=f"{LEARNED}/segmentation_images.parquet",
        vectors=f"{LEARNED}/segmentation.h5",
        examples=f"{LEARNED}/segmentation_examples.h5",
    log:
        "<logs>/learn_segmentation/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/learn_segmentation/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml" if study.config["net2vec"]["device"] != "cpu" else "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        **gpu_resources("net2vec"),
        mem_mb=grow(segmentation_mem_mb),
        runtime=grow(segmentation_runtime),
    params:
        code=code_of("learn_segmentation"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        options=study.config["net2vec"]["segmentation"],
        choices=pick(study.config["net2vec"], (*LEARNING_KEYS, "device")),
        subset_sizes=subset_sizes("segmentation"),
        seed=study.config["seed"],
    script:
        "../scripts/learn_segmentation.py"


rule learn_classification:
    input:
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
    output:
        table=f"{LEARNED}/classification.parquet",
        subsets=f"{LEARNED}/classification_subsets.parquet",
        vectors=f"{LEARNED}/classification.h5",
    log:
        "<logs>/learn_classification/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/learn_classification/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(classification_mem_mb),
        runtime=grow(classification_runtime),
    params:
        code=code_of("learn_classification"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        options=study.config["net2vec"]["classification"],
        choices=pick(study.config["net2vec"], LEARNING_KEYS),
        subset_sizes=subset_sizes("classification"),
        seed=study.config["seed"],
    script:
        "../scripts/learn_classification.py"


rule match_words:
    input:
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        dataset="<results>/datasets/{dataset}/dataset.json",
    output:
        vectors="<results>/net2vec/{dataset}/words.h5",
        table="<results>/net2vec/{dataset}/words.parquet",
        expressions="<results>/net2vec/{dataset}/expressions.json",
    log:
        "<logs>/match_words/{dataset}.log",
    benchmark:
        "<benchmarks>/match_words/{dataset}.tsv"
    retries: RETRIES
    localrule: OUTSIDE_HERE
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("match_words"),
        dataset=lambda wildcards: wildcards.dataset,
        word_spaces=study.config["net2vec"]["word_spaces"],
        word_files=word_files_content,
        aliases=study.config["net2vec"]["aliases"],
        arithmetic=study.config["net2vec"]["arithmetic"],
    script:
        "../scripts/match_words.py"


rule relate_concepts:
    input:
        tables=learned_tasks_of_layer("parquet"),
        vectors=learned_tasks_of_layer("h5"),
        expressions="<results>/net2vec/{dataset}/expressions.json",
    output:
        filters=f"{LEARNED}/filters.parquet",
        neighbours=f"{LEARNED}/neighbours.parquet",
        arithmetic=f"{LEARNED}/arithmetic.parquet",
        map=f"{LEARNED}/map.parquet",
    log:
        "<logs>/relate_concepts/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/relate_concepts/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(20),
    params:
        code=code_of("relate_concepts"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        tasks=study.learned_tasks(),
        options=pick(study.config["net2vec"], ("neighbours", "n_clusters", "perplexity", "include_small")),
        seed=study.config["seed"],
    script:
        "../scripts/relate_concepts.py"


rule join_net2vec:
    input:
        segmentation=learned_on_dataset("segmentation.parquet"),
        classification=learned_on_dataset("classification.parquet"),
        filters=learned_on_dataset("filters.parquet"),
    output:
        summary="<results>/net2vec/{dataset}/summary.parquet",
    log:
        "<logs>/join_net2vec/{dataset}.log",
    benchmark:
        "<benchmarks>/join_net2vec/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("join_net2vec"),
        dataset=lambda wildcards: wildcards.dataset,
        places=places_learned,
        supervision=supervision_learned,
        options=pick(study.config["net2vec"], ("include_small", "confidence")),
    script:
        "../scripts/join_net2vec.py"


rule compare_embeddings:
    input:
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        dataset="<results>/datasets/{dataset}/dataset.json",
        tables=spaces_of_dataset("parquet"),
        vectors=spaces_of_dataset("h5"),
        words="<results>/net2vec/{dataset}/words.h5",
    output:
        spaces="<results>/net2vec/{dataset}/spaces.parquet",
        distances="<results>/net2vec/{dataset}/distances.parquet",
        concept_distances="<results>/net2vec/{dataset}/concept_distances.parquet",
    log:
        "<logs>/compare_embeddings/{dataset}.log",
    benchmark:
        "<benchmarks>/compare_embeddings/{dataset}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(embeddings_runtime),
    params:
        code=code_of("compare_embeddings"),
        dataset=lambda wildcards: wildcards.dataset,
        places=space_places,
        options=pick(study.config["net2vec"], ("include_small", "n_permutations")),
        seed=study.config["seed"],
    script:
        "../scripts/compare_embeddings.py"


rule plot_net2vec:
    input:
        segmentation=learned_by_model("segmentation.parquet"),
        segmentation_subsets=learned_by_model("segmentation_subsets.parquet"),
        segmentation_images=learned_by_model("segmentation_images.parquet"),
        segmentation_vectors=learned_by_model("segmentation.h5"),
        segmentation_examples=learned_by_model("segmentation_examples.h5"),
        classification=learned_by_model("classification.parquet"),
        classification_subsets=learned_by_model("classification_subsets.parquet"),
        filters=learned_by_model("filters.parquet"),
        neighbours=learned_by_model("neighbours.parquet"),
        arithmetic=learned_by_model("arithmetic.parquet"),
        maps=learned_by_model("map.parquet"),
    output:
        folder=report(
            directory("<results>/figures/net2vec/{dataset}/{model}"),
            patterns=["{figure}.png"],
            caption="../report/net2vec.rst",
            category="Net2Vec",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_net2vec/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/plot_net2vec/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(60),
    params:
        code=code_of("plot_net2vec"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layers=layers_learned,
        options=study.config["figures"],
        embed_images=may_embed,
        include_small=study.config["net2vec"]["include_small"],
    script:
        "../scripts/plot_net2vec.py"


rule plot_net2vec_models:
    input:
        summary="<results>/net2vec/{dataset}/summary.parquet",
        spaces="<results>/net2vec/{dataset}/spaces.parquet",
        distances="<results>/net2vec/{dataset}/distances.parquet",
        concept_distances="<results>/net2vec/{dataset}/concept_distances.parquet",
    output:
        folder=report(
            directory("<results>/figures/net2vec/{dataset}/models"),
            patterns=["{figure}.png"],
            caption="../report/net2vec_models.rst",
            category="Net2Vec",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_net2vec_models/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_net2vec_models/{dataset}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_net2vec_models"),
        dataset=lambda wildcards: wildcards.dataset,
        options=study.config["figures"],
    script:
        "../scripts/plot_net2vec_models.py"
