"""
PURPOSE  The recipes of the shipped demo models, of the demo encoder with its vocabulary, and of the demo generator:
         `snakemake train_demo_models train_demo_encoder train_demo_generator`. No study asks for them.
INPUTS   none: scenes are drawn by the generator.
OUTPUTS  results/demo_models/scenes.h5                   pictures to learn from and to test on
         results/demo_models/{demo_model}.safetensors    float16 weights
         results/demo_models/{demo_model}.json           accuracy on held-out scenes, time, digest
         results/demo_models/accuracy.tsv                the records as one table
         results/demo_encoder/scenes.h5                  pictures and captions to learn from and to test on
         results/demo_encoder/captions.txt               captions of further scenes: the demo's vocabulary
         results/demo_encoder/encoder.safetensors        float16 weights
         results/demo_encoder/accuracy.tsv               retrieval and zero-shot accuracy on held-out scenes
         results/demo_generator/decoder.safetensors      float16 weights of the generator
         results/demo_generator/recognised.tsv           its samples that the demo models put in their class

The shipped files in resources/ are never written by a rule; docs/demo.md, docs/encoders.md and docs/linking.md say how to replace them.
"""

from conceptatlas.models.demo_recipes import RECIPES

# Names of their own, not `rules.X.output.Y`: expand() refuses the latter once outputs lie in a storage.
SCENES = "results/demo_models/scenes.h5"
TRAINED = "results/demo_models/{demo_model}.safetensors"
TRAINING_RECORD = "results/demo_models/{demo_model}.json"


rule draw_demo_scenes:
    output:
        scenes=SCENES,
    log:
        "results/demo_models/logs/draw_demo_scenes.log",
    benchmark:
        "results/demo_models/benchmarks/draw_demo_scenes.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(1500),
        runtime=grow(30),
    params:
        code=code_of("draw_demo_scenes"),
    script:
        "../scripts/draw_demo_scenes.py"


rule train_demo_model:
    input:
        scenes=SCENES,
    output:
        weights=TRAINED,
        record=TRAINING_RECORD,
    log:
        "results/demo_models/logs/train_demo_model/{demo_model}.log",
    benchmark:
        "results/demo_models/benchmarks/train_demo_model/{demo_model}.tsv"
    wildcard_constraints:
        demo_model=alternatives(RECIPES),
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=grow(4000),
        runtime=grow(120),
    params:
        code=code_of("train_demo_model"),
    script:
        "../scripts/train_demo_model.py"


rule train_demo_models:
    input:
        weights=expand(TRAINED, demo_model=RECIPES),
        records=expand(TRAINING_RECORD, demo_model=RECIPES),
    output:
        accuracy="results/demo_models/accuracy.tsv",
    log:
        "results/demo_models/logs/train_demo_models.log",
    benchmark:
        "results/demo_models/benchmarks/train_demo_models.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        code=code_of("train_demo_models"),
    script:
        "../scripts/train_demo_models.py"


CAPTIONED = "results/demo_encoder/scenes.h5"


rule draw_captioned_scenes:
    output:
        scenes=CAPTIONED,
        vocabulary="results/demo_encoder/captions.txt",
    log:
        "results/demo_encoder/logs/draw_captioned_scenes.log",
    benchmark:
        "results/demo_encoder/benchmarks/draw_captioned_scenes.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(1500),
        runtime=grow(30),
    params:
        code=code_of("draw_captioned_scenes"),
    script:
        "../scripts/draw_captioned_scenes.py"


rule train_demo_encoder:
    input:
        scenes=CAPTIONED,
    output:
        weights="results/demo_encoder/encoder.safetensors",
        accuracy="results/demo_encoder/accuracy.tsv",
    log:
        "results/demo_encoder/logs/train_demo_encoder.log",
    benchmark:
        "results/demo_encoder/benchmarks/train_demo_encoder.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(4000),
        runtime=grow(60),
    params:
        code=code_of("train_demo_encoder"),
    script:
        "../scripts/train_demo_encoder.py"


rule train_demo_generator:
    output:
        weights="results/demo_generator/decoder.safetensors",
        table="results/demo_generator/recognised.tsv",
    log:
        "results/demo_generator/logs/train_demo_generator.log",
    benchmark:
        "results/demo_generator/benchmarks/train_demo_generator.tsv"
    retries: RETRIES
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=grow(60),
    params:
        code=code_of("train_demo_generator"),
        classifiers={
            name: f"$CONCEPTATLAS_HOME/resources/demo_models/{name}.safetensors" for name in ("plain", "residual")
        },
    script:
        "../scripts/train_demo_generator.py"
