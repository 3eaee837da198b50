"""
PURPOSE  The atlas: an offline, linked explorer of everything the study found; what was required of the study.
INPUTS   tables and small arrays of all analyses; frames and maps for the pictures.
OUTPUTS  <results>/atlas/datasets/{dataset}/         pictures, and which labels each image holds
         <results>/atlas/models/{dataset}/{model}/   tables, masks and thumbnails of all units, comparisons
         <results>/atlas/across/{model}/             the same layers on several data sets
         <results>/atlas/figures/                    small copies of all figures, updated
         <results>/requirements.parquet              what was required, measured, and whether it holds
         <results>/atlas/index.html, atlas/study/    the page, and what its pages over all models load
"""


rule build_atlas_dataset:
    input:
        frames=ancient(in_shards(FRAMES)),
        annotations=ancient(in_shards(ANNOTATIONS)),
        dataset="<results>/datasets/{dataset}/dataset.json",
        index=ancient("<results>/datasets/{dataset}/index.parquet"),
        concepts=ancient("<results>/datasets/{dataset}/concepts.parquet"),
    output:
        folder=directory("<results>/atlas/datasets/{dataset}"),
    log:
        "<logs>/build_atlas_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/build_atlas_dataset/{dataset}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(atlas_dataset_mem_mb),
        runtime=grow(atlas_dataset_runtime),
    params:
        code=code_of("build_atlas_dataset"),
        dataset=lambda wildcards: wildcards.dataset,
        options=pick(study.config["atlas"], ("picture_size", "quality")),
        embed_images=may_embed,
    script:
        "../scripts/build_atlas_dataset.py"


rule build_atlas_model:
    input:
        tables=atlas_model_inputs("tables"),
        statistics=ancient(atlas_model_inputs("statistics")),
        statistics_manifests=atlas_model_inputs("statistics_manifests"),
        shards=ancient(atlas_model_inputs("shards")),
        manifests=atlas_model_inputs("manifests"),
        frames=ancient(in_shards(FRAMES)),
        dataset="<results>/datasets/{dataset}/dataset.json",
    output:
        folder=directory("<results>/atlas/models/{dataset}/{model}"),
    log:
        "<logs>/build_atlas_model/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/build_atlas_model/{dataset}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(atlas_model_mem_mb),
        runtime=grow(60),
    params:
        code=code_of("build_atlas_model"),
        plan=lambda wildcards: ATLAS.model(wildcards.dataset, wildcards.model),
        options=pick(study.config["atlas"], but=("picture_size", "figure_width")),
        geometry=study.config["geometry"],
        embed_images=may_embed,
    script:
        "../scripts/build_atlas_model.py"


rule build_atlas_across:
    input:
        table=f"{ACROSS}.parquet",
        concept_pairs=f"{ACROSS}_concepts.parquet",
        matrices=f"{ACROSS}_matrices.h5",
    output:
        folder=directory("<results>/atlas/across/{model}"),
    log:
        "<logs>/build_atlas_across/{model}.log",
    benchmark:
        "<benchmarks>/build_atlas_across/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(1000),
        runtime=grow(10),
    params:
        code=code_of("build_atlas_across"),
        plan=lambda wildcards: ATLAS.across(wildcards.model),
    script:
        "../scripts/build_atlas_across.py"


rule build_atlas_figures:
    input:
        figures=every_figure,
    output:
        folder=updated(directory("<results>/atlas/figures")),
    log:
        "<logs>/build_atlas_figures.log",
    benchmark:
        "<benchmarks>/build_atlas_figures.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(1000),
        runtime=grow(30),
    params:
        code=code_of("build_atlas_figures"),
        options=pick(study.config["atlas"], ("figure_width", "quality")),
    script:
        "../scripts/build_atlas_figures.py"


rule check_requirements:
    input:
        tables=required_tables,
        run_config="<results>/run_config.yaml",
        before=pack_before,
    output:
        table="<results>/requirements.parquet",
    log:
        "<logs>/check_requirements.log",
    benchmark:
        "<benchmarks>/check_requirements.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("check_requirements"),
        requirements=study.config["requirements"]["list"],
        files=lambda wildcards: required_by_each(),
        tau=str(study.config["thresholds"]["tau"]),
    script:
        "../scripts/check_requirements.py"


rule build_atlas:
    input:
        pages=atlas_pages,
        tables=atlas_tables,
        requirements=requirements_table,
        run_record="<results>/run_record.json",
        run_config="<results>/run_config.yaml",
        preflight="<results>/preflight.json",
    output:
        index="<results>/atlas/index.html",
        study=directory("<results>/atlas/study"),
    log:
        "<logs>/build_atlas.log",
    benchmark:
        "<benchmarks>/build_atlas.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(atlas_join_mem_mb),
        runtime=grow(60),
    params:
        code=code_of("build_atlas"),
        plan=lambda wildcards: ATLAS.whole(),
        assets=atlas_assets,
    script:
        "../scripts/build_atlas.py"
