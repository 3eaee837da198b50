"""
PURPOSE  The atlas: an offline, linked explorer of everything the study found.
INPUTS   tables and small arrays of all analyses; frames and maps for the pictures.
OUTPUTS  <results>/atlas/datasets/{dataset}/         pictures, and which labels each image holds
         <results>/atlas/models/{dataset}/{model}/   tables, masks and thumbnails of all units, comparisons
         <results>/atlas/index.html, atlas/study/    the page, and what its pages over all models load
"""

from conceptatlas import costs_atlas
from conceptatlas.study_atlas import AtlasPlan, atlas_inputs

ATLAS = AtlasPlan(study)
ATLAS_FILES = REPOSITORY / "workflow" / "conceptatlas" / "atlas"
ATLAS_UNITS = 4096
"""Units of a model for which memory is asked where its report is not there yet."""


def results_of(paths):
    return [f"<results>/{path}" for path in paths]


def atlas_model_inputs(kind):
    """An input function: `tables`, `statistics`, `statistics_manifests`, `shards` or `manifests` of a model's pages."""

    def of_job(wildcards):
        return results_of(atlas_inputs(ATLAS.model(wildcards.dataset, wildcards.model))[kind])

    return of_job


def atlas_pages(wildcards):
    models = [f"<results>/atlas/models/{dataset}/{model}" for dataset, model in ATLAS.pairs]
    return models + [f"<results>/atlas/datasets/{dataset}" for dataset in ATLAS.datasets]


def atlas_tables(wildcards):
    return results_of(ATLAS.joins())


def atlas_assets(wildcards):
    """Content of the scripts, styles and templates: Snakemake does not know them as code."""
    files = sorted(path for folder in ("assets", "templates") for path in (ATLAS_FILES / folder).rglob("*.*"))
    return [[str(path.relative_to(ATLAS_FILES)), fingerprint(path)] for path in files]


def atlas_model_mem_mb(wildcards):
    options = study.config["atlas"]
    return costs_atlas.model_mem_mb(images_of(wildcards), ATLAS_UNITS, options["thumbnail_size"], options["thumbnails"])


def atlas_join_mem_mb(wildcards):
    images = sum(images_in(dataset) for dataset in ATLAS.datasets)
    return costs_atlas.join_mem_mb(ATLAS_UNITS * len(ATLAS.pairs), images)


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
        mem_mb=grow(lambda wildcards: costs_atlas.join_mem_mb(0, images_of(wildcards))),
        runtime=grow(lambda wildcards: 10 + int(3 * costs_atlas.dataset_s(images_of(wildcards)) / 60)),
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
        options=pick(study.config["atlas"], but=("picture_size",)),
        geometry=study.config["geometry"],
        embed_images=may_embed,
    script:
        "../scripts/build_atlas_model.py"


rule build_atlas:
    input:
        pages=atlas_pages,
        tables=atlas_tables,
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
