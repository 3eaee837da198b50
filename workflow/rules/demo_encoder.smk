"""
PURPOSE  The recipe of the shipped demo encoder and vocabulary: `snakemake train_demo_encoder`. No study asks for it.
INPUTS   none: scenes are drawn by the generator.
OUTPUTS  results/demo_encoder/scenes.h5                 pictures and captions to learn from and to test on
         results/demo_encoder/captions.txt              captions of further scenes: the demo's vocabulary
         results/demo_encoder/encoder.safetensors       float16 weights
         results/demo_encoder/accuracy.tsv              retrieval and zero-shot accuracy on held-out scenes

The shipped files in resources/demo_encoder are never written by a rule; docs/encoders.md says how to replace them.
"""

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
