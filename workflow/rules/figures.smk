"""
PURPOSE  Tables and picture strips in, figures out: PNG to read, SVG for papers.
INPUTS   the tables of the analyses.
OUTPUTS  <results>/figures/datasets/{dataset}/             concepts with their counts; labels drawn over pictures
         <results>/figures/dissection/{dataset}/{model}/   unit galleries, bars, layer graph, distributions, null
         <results>/figures/dissection/{dataset}/           unique detectors of all models; models beside their twins
         <results>/figures/axes/{dataset}/                 detectors against the rotation of the basis
         <results>/figures/robustness/{dataset}/{model}/   curves over levels, categories, fates, pictures, concepts
"""

FIGURE_SUFFIXES = [f".{suffix}" for suffix in study.config["figures"]["formats"]]


rule plot_dataset:
    input:
        concepts="<results>/datasets/{dataset}/concepts.parquet",
        examples=ancient("<results>/datasets/{dataset}/examples.h5"),
        dataset="<results>/datasets/{dataset}/dataset.json",
    output:
        folder=report(
            directory("<results>/figures/datasets/{dataset}"),
            patterns=["{figure}.png"],
            caption="../report/datasets.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "{figure}"},
        ),
    log:
        "<logs>/plot_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_dataset/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("plot_dataset"),
        dataset=lambda wildcards: wildcards.dataset,
        options=study.config["figures"],
        embed_images=may_embed,
    script:
        "../scripts/plot_dataset.py"


rule plot_dissection:
    input:
        labels=layers_of_model("<results>/dissection/{dataset}/{model}/{layer}/labels.parquet"),
        units=layers_of_model("<results>/dissection/{dataset}/{model}/{layer}/units.parquet"),
        summaries=layers_of_model("<results>/dissection/{dataset}/{model}/{layer}/summary.parquet"),
        galleries=layers_of_model("<results>/dissection/{dataset}/{model}/{layer}/gallery.h5"),
        statistics=ancient(layers_of_model("<results>/statistics/{dataset}/{model}/{layer}.h5")),
        statistics_manifests=layers_of_model("<results>/statistics/{dataset}/{model}/{layer}.json"),
    output:
        folder=report(
            directory("<results>/figures/dissection/{dataset}/{model}"),
            patterns=["{figure}.png"],
            caption="../report/dissection.rst",
            category="Network dissection",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_dissection/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/plot_dissection/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_dissection"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layers=all_layers,
        options=study.config["figures"],
        embed_images=may_embed,
    script:
        "../scripts/plot_dissection.py"


rule plot_detectors:
    input:
        summary="<results>/dissection/{dataset}/summary.parquet",
    output:
        detectors=report(
            multiext("<results>/figures/dissection/{dataset}/detectors", *FIGURE_SUFFIXES),
            caption="../report/detectors.rst",
            category="Network dissection",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "detectors"},
        ),
        twins=report(
            multiext("<results>/figures/dissection/{dataset}/twins", *FIGURE_SUFFIXES),
            caption="../report/detectors.rst",
            category="Network dissection",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "twins"},
        ),
    log:
        "<logs>/plot_detectors/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_detectors/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("plot_detectors"),
        twins=twins_dissected,
        options=study.config["figures"],
    script:
        "../scripts/plot_detectors.py"


rule plot_rotations:
    input:
        rotations=rotated_layers("rotation.parquet"),
        controls=rotated_layers("controls.parquet"),
    output:
        figure=report(
            multiext("<results>/figures/axes/{dataset}/rotations", *FIGURE_SUFFIXES),
            caption="../report/rotations.rst",
            category="Axes",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "rotations"},
        ),
        categories=report(
            multiext("<results>/figures/axes/{dataset}/rotation_categories", *FIGURE_SUFFIXES),
            caption="../report/rotations.rst",
            category="Axes",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "rotation_categories"},
        ),
    log:
        "<logs>/plot_rotations/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_rotations/{dataset}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("plot_rotations"),
        twins=twins_dissected,
        options=study.config["figures"],
    script:
        "../scripts/plot_rotations.py"


rule plot_robustness:
    input:
        units=robustness_of_layers("units.parquet"),
        summaries=robustness_of_layers("summary.parquet"),
        concepts=robustness_of_layers("concepts.parquet"),
        examples=robustness_of_layers("examples.h5"),
        twin_summaries=robustness_of_twin("summary.parquet"),
    output:
        folder=report(
            directory("<results>/figures/robustness/{dataset}/{model}"),
            patterns=["{figure}.png"],
            caption="../report/robustness.rst",
            category="Robustness",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_robustness/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/plot_robustness/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_robustness"),
        dataset=lambda wildcards: wildcards.dataset,
        model=lambda wildcards: wildcards.model,
        layers=layers_perturbed,
        twin=floor_perturbed,
        options=study.config["figures"],
        embed_images=may_embed,
    script:
        "../scripts/plot_robustness.py"
