"""
PURPOSE  Linking in Style: which pictures a classifier's penultimate representation stands for.
INPUTS   generators and models of the sheets; no data set.
OUTPUTS  <results>/linking/{generator}/{model}/
           pairs/{part}.h5, .json                       style vectors w and representations r of the same pictures
           link.h5, .json, .parquet                     linear map r -> w; how it was chosen; what held-out pairs say
           classes.parquet, cycled.h5                   how many pairs each class has; pictures through the circle
           counterfactuals.parquet, _rates.parquet, .h5 searches, success by pair of classes, pictures on the way
           trajectories.parquet                         what changes on the way, label by label
         <results>/figures/linking/{generator}/{model}/
"""

LINKED = "<results>/linking/{generator}/{model}"


rule sample_pairs:
    input:
        weights=ancient(brought_weights),
        generator_weights=brought_generator,
        report=linked_reports,
    output:
        pairs=f"{LINKED}/pairs/{{part}}.h5",
        manifest=f"{LINKED}/pairs/{{part}}.json",
    log:
        "<logs>/sample_pairs/{generator}/{model}/{part}.log",
    benchmark:
        "<benchmarks>/sample_pairs/{generator}/{model}/{part}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(making_mem_mb),
        runtime=grow(linking_runtime(costs_linking.pairs_s, study.config["linking"]["parts"])),
    params:
        code=code_of("sample_pairs", runs_model=True, also=linked_modules),
        generator=generator_row,
        content=generator_content,
        model=model_row,
        part=lambda wildcards: int(wildcards.part),
        n_parts=study.config["linking"]["parts"],
        options=pick(study.config["linking"], DRAWN_KEYS),
        run=RUN_OPTIONS,
    script:
        "../scripts/sample_pairs.py"


rule link_spaces:
    input:
        pairs=ancient(parts_of_link("h5")),
        manifests=parts_of_link("json"),
        weights=ancient(brought_weights),
        encoder=ancient(perceptual_weights),
        generator_weights=brought_generator,
        report=judged_reports,
    output:
        link=f"{LINKED}/link.h5",
        record=f"{LINKED}/link.json",
        table=f"{LINKED}/link.parquet",
        classes=f"{LINKED}/classes.parquet",
        cycled=f"{LINKED}/cycled.h5",
    log:
        "<logs>/link_spaces/{generator}/{model}.log",
    benchmark:
        "<benchmarks>/link_spaces/{generator}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(link_mem_mb),
        runtime=grow(linking_runtime(costs_linking.link_s)),
    params:
        code=code_of("link_spaces", runs_model=True, also=linked_modules),
        generator=generator_row,
        content=generator_content,
        model=model_row,
        encoder=perceptual_row,
        options=pick(study.config["linking"], LINK_KEYS),
        run=RUN_OPTIONS,
    script:
        "../scripts/link_spaces.py"


rule find_counterfactuals:
    input:
        link=f"{LINKED}/link.h5",
        pairs=ancient(parts_of_link("h5")),
        manifests=parts_of_link("json"),
        weights=ancient(brought_weights),
        encoder=ancient(perceptual_weights),
        generator_weights=brought_generator,
        report=judged_reports,
    output:
        table=f"{LINKED}/counterfactuals.parquet",
        rates=f"{LINKED}/counterfactual_rates.parquet",
        trajectories=f"{LINKED}/counterfactuals.h5",
    log:
        "<logs>/find_counterfactuals/{generator}/{model}.log",
    benchmark:
        "<benchmarks>/find_counterfactuals/{generator}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(making_mem_mb),
        runtime=grow(linking_runtime(costs_linking.counterfactual_s)),
    params:
        code=code_of("find_counterfactuals", runs_model=True, also=linked_modules),
        generator=generator_row,
        content=generator_content,
        model=model_row,
        encoder=perceptual_row,
        options=study.config["linking"]["counterfactuals"],
        run=RUN_OPTIONS,
    script:
        "../scripts/find_counterfactuals.py"


rule measure_trajectories:
    input:
        trajectories=f"{LINKED}/counterfactuals.h5",
        rows=f"{LINKED}/counterfactuals.parquet",
        head=head_of_generator,
        generator_weights=brought_generator,
    output:
        table=f"{LINKED}/trajectories.parquet",
    log:
        "<logs>/measure_trajectories/{generator}/{model}.log",
    benchmark:
        "<benchmarks>/measure_trajectories/{generator}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(making_mem_mb),
        runtime=grow(20),
    params:
        code=code_of("measure_trajectories", also=generator_modules),
        generator=generator_row,
        content=generator_content,
        model=lambda wildcards: wildcards.model,
        quantification=pick(QUANTIFICATION, but=("head", "motion")),
        functions=quantifying_content,
        run=pick(RUN_OPTIONS, ("device", "threads")),
    script:
        "../scripts/measure_trajectories.py"


rule plot_link:
    input:
        table=f"{LINKED}/link.parquet",
        record=f"{LINKED}/link.json",
        cycled=f"{LINKED}/cycled.h5",
        counterfactuals=counterfactual_files,
        changes=trajectory_table,
    output:
        folder=report(
            directory("<results>/figures/linking/{generator}/{model}/link"),
            patterns=["{figure}.png"],
            caption="../report/linking.rst",
            category="Linking",
            subcategory="{generator}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_link/{generator}/{model}.log",
    benchmark:
        "<benchmarks>/plot_link/{generator}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(1500),
        runtime=grow(20),
    params:
        code=code_of("plot_link"),
        generator=lambda wildcards: wildcards.generator,
        model=lambda wildcards: wildcards.model,
        options=study.config["figures"],
    script:
        "../scripts/plot_link.py"
