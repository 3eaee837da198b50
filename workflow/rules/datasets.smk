"""
PURPOSE  Images and annotations as every later stage sees them: a list, square frames, S x S masks, an index.
INPUTS   data sets as they are (column `path` and `annotations` of datasets.tsv); nothing for generated ones.
OUTPUTS  <results>/datasets/{dataset}/
           listing.parquet, vocabulary.parquet   images and concepts before a picture is decoded
           frames/{shard}.h5, .json              uint8 frames and their manifest
           annotations/{shard}.h5                masks packed to bits
           index.parquet, concepts.parquet       images and concepts with their counts
           overlaps.h5, dataset.json             concept by concept overlaps; sizes, digest, quarantine
           examples.h5                           a few pictures of frequent concepts with their masks, to look at
"""


rule list_dataset:
    output:
        listing="<results>/datasets/{dataset}/listing.parquet",
        vocabulary="<results>/datasets/{dataset}/vocabulary.parquet",
    log:
        "<logs>/list_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/list_dataset/{dataset}.tsv"
    priority: 100
    retries: RETRIES
    localrule: OUTSIDE_HERE
    conda:
        "../../envs/cpu.yaml"
    threads: list_threads
    resources:
        mem_mb=grow(list_mem_mb),
        runtime=grow(list_runtime),
    params:
        code=code_of("list_dataset", reads_data=True),
        dataset=data_row,
        annotations=annotations_content,
        seed=study.config["seed"],
    script:
        "../scripts/list_dataset.py"


rule frame_images:
    input:
        listing="<results>/datasets/{dataset}/listing.parquet",
        vocabulary="<results>/datasets/{dataset}/vocabulary.parquet",
    output:
        frames="<results>/datasets/{dataset}/frames/{shard}.h5",
        annotations="<results>/datasets/{dataset}/annotations/{shard}.h5",
        manifest="<results>/datasets/{dataset}/frames/{shard}.json",
    log:
        "<logs>/frame_images/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/frame_images/{dataset}/{shard}.tsv"
    retries: RETRIES
    localrule: OUTSIDE_HERE
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(frame_mem_mb),
        runtime=grow(frame_runtime),
    params:
        code=code_of("frame_images", reads_data=True),
        dataset=frame_row,
        seed=study.config["seed"],
    script:
        "../scripts/frame_images.py"


rule index_dataset:
    input:
        listing="<results>/datasets/{dataset}/listing.parquet",
        vocabulary="<results>/datasets/{dataset}/vocabulary.parquet",
        manifests=in_shards("<results>/datasets/{dataset}/frames/{shard}.json"),
        frames=ancient(in_shards("<results>/datasets/{dataset}/frames/{shard}.h5")),
        annotations=ancient(in_shards("<results>/datasets/{dataset}/annotations/{shard}.h5")),
    output:
        index="<results>/datasets/{dataset}/index.parquet",
        concepts="<results>/datasets/{dataset}/concepts.parquet",
        overlaps="<results>/datasets/{dataset}/overlaps.h5",
        examples="<results>/datasets/{dataset}/examples.h5",
        dataset="<results>/datasets/{dataset}/dataset.json",
    log:
        "<logs>/index_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/index_dataset/{dataset}.tsv"
    retries: RETRIES
    localrule: OUTSIDE_HERE
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=grow(index_mem_mb),
        runtime=grow(index_runtime),
    params:
        code=code_of("index_dataset", reads_data=True),
        dataset=frame_row,
        quarantine_share=study.config["frames"]["quarantine_share"],
    script:
        "../scripts/index_dataset.py"
