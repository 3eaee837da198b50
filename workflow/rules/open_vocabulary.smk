"""
PURPOSE  Labels for units in words (CLIP-Dissect), scored on held-out images, beside the labels of the dissection.
INPUTS   statistics of a layer, index and concepts, vectors of the data set's pictures and of a vocabulary, frames;
         units.parquet of the dissection where the layer is dissected.
OUTPUTS  <results>/vocabularies/concepts~{dataset}/captions.h5, .json     names of the data set's own concepts
         <results>/open_vocabulary/{dataset}/{model}/{layer}/{encoder}/{vocabulary}/
           labels.parquet, masks.parquet, summary.parquet, examples.h5
         <results>/figures/open_vocabulary/{dataset}/{model}/
"""

LABELLED = "<results>/open_vocabulary/{dataset}/{model}/{layer}/{encoder}/{vocabulary}"


rule list_concepts:
    input:
        concepts="<results>/datasets/{dataset}/concepts.parquet",
    output:
        captions=f"<results>/vocabularies/{OWN_NAMES}~{{dataset}}/captions.h5",
        manifest=f"<results>/vocabularies/{OWN_NAMES}~{{dataset}}/captions.json",
    log:
        "<logs>/list_concepts/{dataset}.log",
    benchmark:
        "<benchmarks>/list_concepts/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("list_concepts"),
        dataset=lambda wildcards: wildcards.dataset,
        template=study.config["open_vocabulary"]["template"],
    script:
        "../scripts/list_concepts.py"


rule label_units:
    input:
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        frames=ancient(in_shards(FRAMES)),
        embeddings=ancient(in_shards(f"{ENCODER}/images/{{dataset}}/{{shard}}.h5")),
        embeddings_manifests=in_shards(f"{ENCODER}/images/{{dataset}}/{{shard}}.json"),
        parts=ancient(vocabulary_parts("h5")),
        parts_manifests=vocabulary_parts("json"),
        name_parts=ancient(own_name_parts("h5")),
        name_parts_manifests=own_name_parts("json"),
        units=mask_labels,
    output:
        labels=f"{LABELLED}/labels.parquet",
        masks=f"{LABELLED}/masks.parquet",
        summary=f"{LABELLED}/summary.parquet",
        examples=f"{LABELLED}/examples.h5",
    log:
        "<logs>/label_units/{dataset}/{model}/{layer}/{encoder}/{vocabulary}.log",
    benchmark:
        "<benchmarks>/label_units/{dataset}/{model}/{layer}/{encoder}/{vocabulary}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(labelling_mem_mb),
        runtime=grow(labelling_runtime),
    params:
        code=code_of("label_units"),
        made=place_labelled,
        options=labelling_options,
        seed=study.config["seed"],
    script:
        "../scripts/label_units.py"


rule plot_open_vocabulary:
    input:
        labels=labelled_of_model("labels.parquet"),
        masks=labelled_of_model("masks.parquet"),
        summaries=labelled_of_model("summary.parquet"),
        examples=labelled_of_model("examples.h5"),
    output:
        folder=report(
            directory("<results>/figures/open_vocabulary/{dataset}/{model}"),
            patterns=["{figure}.png"],
            caption="../report/open_vocabulary.rst",
            category="Labels in words",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_open_vocabulary/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/plot_open_vocabulary/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_open_vocabulary"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        places=labelled_places,
        options=study.config["figures"],
        embed_images=may_embed,
    script:
        "../scripts/plot_open_vocabulary.py"
