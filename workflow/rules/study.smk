"""
PURPOSE  The study as a whole: what it needs of the machine before, what it was made with after; targets by stage.
INPUTS   listings and model reports (preflight); benchmark files (run record).
OUTPUTS  <results>/preflight.json    images, bytes, jobs, memory, time per stage against the machine
         <results>/run_config.yaml   config and sheets as they were read
         <results>/run_record.json   versions, commit, digest of the config, time per rule
"""


report: "../report/workflow.rst"


# Targets: `snakemake datasets`, `snakemake activations`, ... ------------------------------------------------------


rule datasets:
    input:
        collect("<results>/datasets/{dataset}/dataset.json", dataset=study.datasets),
    localrule: True


rule models:
    input:
        model_reports,
    localrule: True


rule activations:
    input:
        extracted_shards,
    localrule: True


rule statistics:
    input:
        summarised_layers,
    localrule: True


rule dissection:
    input:
        dissection_tables,
    localrule: True


rule axes:
    input:
        axes_tables,
        principal_tables,
    localrule: True


rule robustness:
    input:
        robustness_tables,
    localrule: True


rule net2vec:
    input:
        net2vec_tables,
    localrule: True


rule similarity:
    input:
        similarity_tables,
    localrule: True


rule falcon:
    input:
        falcon_tables,
    localrule: True


rule linking:
    input:
        linking_tables,
        linking_figures,
        tuning_tables,
        tuning_figures,
    localrule: True


rule open_vocabulary:
    input:
        open_vocabulary_tables,
    localrule: True


rule figures:
    input:
        dissection_figures,
        robustness_figures,
        axes_figures,
        principal_figures,
        net2vec_figures,
        similarity_figures,
        falcon_figures,
        linking_figures,
        tuning_figures,
        open_vocabulary_figures,
    localrule: True


# What the study needs, and what it was made with ------------------------------------------------------------------


rule estimate_study:
    input:
        listings=collect("<results>/datasets/{dataset}/listing.parquet", dataset=study.datasets),
        reports=model_reports,
    output:
        preflight="<results>/preflight.json",
    log:
        "<logs>/estimate_study.log",
    benchmark:
        "<benchmarks>/estimate_study.tsv"
    priority: 100
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("estimate_study"),
        study=study.plain(),
        pairs=[list(pair) for pair in study.extracted()],
        refusal=REFUSAL,
        elsewhere=storage_of_study() is not None,
    script:
        "../scripts/estimate_study.py"


rule preflight:
    input:
        preflight="<results>/preflight.json",
    log:
        "<logs>/preflight.log",
    benchmark:
        "<benchmarks>/preflight.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("preflight"),
    script:
        "../scripts/preflight.py"


rule write_run_config:
    output:
        run_config="<results>/run_config.yaml",
    log:
        "<logs>/write_run_config.log",
    benchmark:
        "<benchmarks>/write_run_config.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("write_run_config"),
        study=study.plain(),
    script:
        "../scripts/write_run_config.py"


rule write_run_record:
    input:
        run_config="<results>/run_config.yaml",
        tables=dissection_tables,
        robustness=robustness_tables,
        axes=axes_tables,
        figures=dissection_figures,
        robustness_figures=robustness_figures,
        axes_figures=axes_figures,
        principal=principal_tables,
        principal_figures=principal_figures,
        net2vec=net2vec_tables,
        net2vec_figures=net2vec_figures,
        similarity=similarity_tables,
        similarity_figures=similarity_figures,
        falcon=falcon_tables,
        falcon_figures=falcon_figures,
        linking=linking_tables,
        linking_figures=linking_figures,
        tuning=tuning_tables,
        tuning_figures=tuning_figures,
        open_vocabulary=open_vocabulary_tables,
        open_vocabulary_figures=open_vocabulary_figures,
    output:
        run_record="<results>/run_record.json",
    log:
        "<logs>/write_run_record.log",
    benchmark:
        "<benchmarks>/write_run_record.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("write_run_record"),
        benchmarks=f"{study.folder}/benchmarks",
        storage=storage_of_study(),
    script:
        "../scripts/write_run_record.py"
