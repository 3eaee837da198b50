"""
PURPOSE  Image-text encoders: checked, then run once over the pictures of a data set and the captions of a vocabulary.
INPUTS   rows of encoders.tsv and vocabularies.tsv; weights, text files, precomputed vectors; frames.
OUTPUTS  <results>/vocabularies/{vocabulary}/captions.h5, .json                     every caption once; counts
         <results>/encoders/{encoder}/encoder.json                                  report
         <results>/encoders/{encoder}/images/{dataset}/{shard}.h5, .json            vectors of pictures
         <results>/encoders/{encoder}/vocabularies/{vocabulary}/{part}.h5, .json    vectors and captions of a part

A vocabulary is cut into `shards` parts, contiguous pieces of its list; no result depends on how many.
"""

ENCODER = "<results>/encoders/{encoder}"


rule list_vocabulary:
    output:
        captions="<results>/vocabularies/{vocabulary}/captions.h5",
        manifest="<results>/vocabularies/{vocabulary}/captions.json",
    log:
        "<logs>/list_vocabulary/{vocabulary}.log",
    benchmark:
        "<benchmarks>/list_vocabulary/{vocabulary}.tsv"
    wildcard_constraints:
        vocabulary=alternatives(study.vocabularies),
    retries: RETRIES
    localrule: OUTSIDE_HERE
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(listed_vocabulary_mem_mb),
        runtime=grow(listed_vocabulary_runtime),
    params:
        code=code_of("list_vocabulary"),
        vocabulary=text_row,
        content=texts_content,
    script:
        "../scripts/list_vocabulary.py"


rule check_encoder:
    input:
        weights=brought_encoder,
    output:
        report=f"{ENCODER}/encoder.json",
    log:
        "<logs>/check_encoder/{encoder}.log",
    benchmark:
        "<benchmarks>/check_encoder/{encoder}.tsv"
    priority: 100
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(6000),
        runtime=grow(30),
    params:
        code=code_of("check_encoder", runs_encoder=True),
        encoder=encoder_row,
        content=encoder_content,
    script:
        "../scripts/check_encoder.py"


rule encode_images:
    input:
        frames=ancient("<results>/datasets/{dataset}/frames/{shard}.h5"),
        frames_manifest="<results>/datasets/{dataset}/frames/{shard}.json",
        report=f"{ENCODER}/encoder.json",
        weights=ancient(brought_encoder),
    output:
        embeddings=f"{ENCODER}/images/{{dataset}}/{{shard}}.h5",
        manifest=f"{ENCODER}/images/{{dataset}}/{{shard}}.json",
    log:
        "<logs>/encode_images/{encoder}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/encode_images/{encoder}/{dataset}/{shard}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(encoder_mem_mb),
        runtime=grow(encode_images_runtime),
    params:
        code=code_of("encode_images", runs_encoder=True),
        encoder=encoder_row,
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
    script:
        "../scripts/encode_images.py"


rule encode_vocabulary:
    input:
        captions=ancient("<results>/vocabularies/{vocabulary}/captions.h5"),
        captions_manifest="<results>/vocabularies/{vocabulary}/captions.json",
        report=f"{ENCODER}/encoder.json",
        weights=ancient(brought_encoder),
        vectors=ancient(brought_vectors),
    output:
        embeddings=f"{ENCODER}/vocabularies/{{vocabulary}}/{{part}}.h5",
        manifest=f"{ENCODER}/vocabularies/{{vocabulary}}/{{part}}.json",
    log:
        "<logs>/encode_vocabulary/{encoder}/{vocabulary}/{part}.log",
    benchmark:
        "<benchmarks>/encode_vocabulary/{encoder}/{vocabulary}/{part}.tsv"
    retries: RETRIES
    conda:
        "../../envs/gpu.yaml"
    threads: study.config["extraction"]["inference_threads"]
    resources:
        **gpu_resources(),
        mem_mb=grow(encoder_mem_mb),
        runtime=grow(encode_vocabulary_runtime),
    params:
        code=code_of("encode_vocabulary", runs_encoder=True),
        encoder=encoder_row,
        vocabulary=vocabulary_row,
        content=vectors_content,
        batch=study.config["extraction"]["batch"],
        threads=study.config["extraction"]["inference_threads"],
        device=study.config["extraction"]["device"],
    script:
        "../scripts/encode_vocabulary.py"
