"""
PURPOSE  Tuning: what every unit of a classifier encodes, seen and counted through the link and a generator.
INPUTS   the link, its held-out pairs, generators and models of the sheets.
OUTPUTS  <results>/linking/{generator}/
           head.h5, head.parquet                       a few-shot segmentation head; how well it labels
         <results>/linking/{generator}/{model}/
           tuned/{part}.h5, .json                      statistics of some units over all starting points
           effects, motion .parquet                    mean changes of labels, motion of the picture, by unit and class
           units, map, clusters, label_pairs, selective .parquet   sparsity, stability; map; clusters; labels; best units
           cycle.parquet                               the causal check: does a unit follow its own change?
           agreement.parquet                           changes by measured labels against true ones
           shown.h5                                    pictures of chosen units at their least, middle, largest value
         <results>/figures/linking/{generator}/{model}/tuning/

Pictures are measured as they are generated and forgotten; those of chosen units are generated again at the end.
"""


rule learn_head:
    input:
        generator_weights=brought_generator,
    output:
        head="<results>/linking/{generator}/head.h5",
        table="<results>/linking/{generator}/head.parquet",
    log:
        "<logs>/learn_head/{generator}.log",
    benchmark:
        "<benchmarks>/learn_head/{generator}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(head_mem_mb),
        runtime=grow(30),
    params:
        code=code_of("learn_head", also=generator_modules),
        generator=generator_row,
        content=generator_content,
        labels=labels_content,
        options=QUANTIFICATION["head"],
        run=pick(RUN_OPTIONS, but=("batch",)),
    script:
        "../scripts/learn_head.py"


rule tune_units:
    input:
        link=f"{LINKED}/link.h5",
        pairs=ancient(parts_of_link("h5")),
        manifests=parts_of_link("json"),
        head=head_of_generator,
        weights=ancient(brought_weights),
        generator_weights=brought_generator,
        report=linked_reports,
    output:
        tuned=f"{LINKED}/tuned/{{part}}.h5",
        manifest=f"{LINKED}/tuned/{{part}}.json",
    log:
        "<logs>/tune_units/{generator}/{model}/{part}.log",
    benchmark:
        "<benchmarks>/tune_units/{generator}/{model}/{part}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: tuning_threads
    resources:
        **gpu_resources(),
        mem_mb=grow(tuning_mem_mb),
        runtime=grow(tuning_runtime),
    params:
        code=code_of("tune_units", runs_model=True, also=linked_modules),
        generator=generator_row,
        content=generator_content,
        model=model_row,
        part=lambda wildcards: int(wildcards.part),
        n_parts=TUNING["parts"],
        options=pick(TUNING, PART_KEYS),
        quantification=pick(QUANTIFICATION, but=("head",)),
        functions=quantifying_content,
        run=pick(RUN_OPTIONS, but=("threads",)),
    script:
        "../scripts/tune_units.py"


rule join_tuning:
    input:
        parts=ancient(tuned_parts("h5")),
        manifests=tuned_parts("json"),
        link=f"{LINKED}/link.h5",
    output:
        effects=f"{LINKED}/effects.parquet",
        motion=f"{LINKED}/motion.parquet",
        units=f"{LINKED}/units.parquet",
        map=f"{LINKED}/map.parquet",
        clusters=f"{LINKED}/clusters.parquet",
        label_pairs=f"{LINKED}/label_pairs.parquet",
        selective=f"{LINKED}/selective.parquet",
        cycle=f"{LINKED}/cycle.parquet",
        agreement=f"{LINKED}/agreement.parquet",
    log:
        "<logs>/join_tuning/{generator}/{model}.log",
    benchmark:
        "<benchmarks>/join_tuning/{generator}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(join_mem_mb),
        runtime=grow(60),
    params:
        code=code_of("join_tuning"),
        options=pick(TUNING, JOIN_KEYS),
        quantification=pick(QUANTIFICATION, ("min_area", "background", "motion")),
        seed=study.config["seed"],
    script:
        "../scripts/join_tuning.py"


rule show_units:
    input:
        selective=f"{LINKED}/selective.parquet",
        tuned=tuned_parts("json"),
        link=f"{LINKED}/link.h5",
        pairs=ancient(parts_of_link("h5")),
        manifests=parts_of_link("json"),
        head=head_of_generator,
        weights=ancient(brought_weights),
        generator_weights=brought_generator,
        report=linked_reports,
    output:
        shown=f"{LINKED}/shown.h5",
    log:
        "<logs>/show_units/{generator}/{model}.log",
    benchmark:
        "<benchmarks>/show_units/{generator}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(making_mem_mb),
        runtime=grow(30),
    params:
        code=code_of("show_units", runs_model=True, also=linked_modules),
        generator=generator_row,
        content=generator_content,
        model=model_row,
        options=pick(TUNING, SHOWN_KEYS),
        quantification=pick(QUANTIFICATION, but=("head",)),
        functions=quantifying_content,
        run=RUN_OPTIONS,
    script:
        "../scripts/show_units.py"


rule plot_tuning:
    input:
        effects=f"{LINKED}/effects.parquet",
        motion=f"{LINKED}/motion.parquet",
        units=f"{LINKED}/units.parquet",
        map=f"{LINKED}/map.parquet",
        clusters=f"{LINKED}/clusters.parquet",
        label_pairs=f"{LINKED}/label_pairs.parquet",
        selective=f"{LINKED}/selective.parquet",
        cycle=f"{LINKED}/cycle.parquet",
        agreement=f"{LINKED}/agreement.parquet",
        shown=f"{LINKED}/shown.h5",
        head=head_table,
    output:
        folder=report(
            directory("<results>/figures/linking/{generator}/{model}/tuning"),
            patterns=["{figure}.png"],
            caption="../report/tuning.rst",
            category="Linking",
            subcategory="{generator}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
    log:
        "<logs>/plot_tuning/{generator}/{model}.log",
    benchmark:
        "<benchmarks>/plot_tuning/{generator}/{model}.tsv"
    retries: RETRIES
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        code=code_of("plot_tuning"),
        generator=lambda wildcards: wildcards.generator,
        model=lambda wildcards: wildcards.model,
        metric=TUNING["metric"],
        options=study.config["figures"],
    script:
        "../scripts/plot_tuning.py"
