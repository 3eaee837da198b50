"""
PURPOSE  Principal directions: does a concept lie along one unit of a layer, a few, or across all of them?
INPUTS   activations and statistics of a layer, its dissection (tally.h5, units.parquet), masks, index, frames.
OUTPUTS  <results>/axes/{dataset}/{model}/{layer}/
           principal.parquet         a row a concept: direction, null, interval, verdict, what dissection says
           loadings.h5               loadings of every concept, 95 % points and draws of the null
           principal_gallery.h5      picture strips of the units with the largest loadings of the concepts drawn
         <results>/axes/{dataset}/principal_summary.parquet       verdicts of all layers, by category
         <results>/figures/axes/{dataset}/{model}/principal/      stem plots, galleries, verdicts, agreement
"""


rule find_principal_directions:
    input:
        shards=ancient(in_shards(STORES)),
        manifests=in_shards(MANIFESTS),
        statistics=ancient("<results>/statistics/{dataset}/{model}/{layer}.h5"),
        statistics_manifest="<results>/statistics/{dataset}/{model}/{layer}.json",
        tally="<results>/dissection/{dataset}/{model}/{layer}/tally.h5",
        units="<results>/dissection/{dataset}/{model}/{layer}/units.parquet",
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
        annotations=ancient(in_shards(ANNOTATIONS)),
        frames=ancient(in_shards(FRAMES)),
        report=report_of,
    output:
        table="<results>/axes/{dataset}/{model}/{layer}/principal.parquet",
        loadings="<results>/axes/{dataset}/{model}/{layer}/loadings.h5",
        gallery="<results>/axes/{dataset}/{model}/{layer}/principal_gallery.h5",
    log:
        "<logs>/find_principal_directions/{dataset}/{model}/{layer}.log",
    benchmark:
        "<benchmarks>/find_principal_directions/{dataset}/{model}/{layer}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: study.config["dask"]["workers"]
    resources:
        mem_mb=grow(principal_mem_mb),
        runtime=grow(principal_runtime),
    params:
        code=code_of("find_principal_directions"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layer=lambda wildcards: wildcards.layer,
        geometry=study.config["geometry"],
        options=principal_options,
        detector_iou=study.config["dissection"]["detector_iou"],
        seed=study.config["seed"],
    script:
        "../scripts/find_principal_directions.py"


rule join_principal_directions:
    input:
        tables=principal_of_dataset,
    output:
        summary="<results>/axes/{dataset}/principal_summary.parquet",
    log:
        "<logs>/join_principal_directions/{dataset}.log",
    benchmark:
        "<benchmarks>/join_principal_directions/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("join_principal_directions"),
    script:
        "../scripts/join_principal_directions.py"


rule plot_principal_directions:
    input:
        tables=principal_of_model("principal.parquet"),
        loadings=principal_of_model("loadings.h5"),
        galleries=principal_of_model("principal_gallery.h5"),
    output:
        folder=report(
            directory("<results>/figures/axes/{dataset}/{model}/principal"),
            patterns=["{figure}.png"],
            caption="../report/principal.rst",
            category="Axes",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_principal_directions/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/plot_principal_directions/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_principal_directions"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layers=principal_layer_names,
        options=study.config["figures"],
        embed_images=may_embed,
    script:
        "../scripts/plot_principal_directions.py"
