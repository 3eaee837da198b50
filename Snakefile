"""conceptatlas: which concepts does a vision model encode, where, how robustly, and how do models compare?

`snakemake --cores N` makes the demo study; `snakemake --cores N --configfile config/studies/<name>/config.yaml`
another one. `snakemake preflight` says beforehand what a study needs.
"""

from snakemake.utils import min_version

min_version("9.19")


include: "workflow/rules/common.smk"
include: "workflow/rules/storage.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/activations.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/dissection.smk"
include: "workflow/rules/bases.smk"
include: "workflow/rules/axes.smk"
include: "workflow/rules/principal.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/net2vec.smk"
include: "workflow/rules/similarity.smk"
include: "workflow/rules/encoders.smk"
include: "workflow/rules/falcon_inputs.smk"
include: "workflow/rules/falcon.smk"
include: "workflow/rules/linking_inputs.smk"
include: "workflow/rules/tuning_inputs.smk"
include: "workflow/rules/linking.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/open_vocabulary.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/atlas.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/demo_models.smk"


rule all:
    default_target: True
    input:
        "<results>/preflight.json",
        "<results>/run_config.yaml",
        "<results>/run_record.json",
        "<results>/atlas/index.html",
        every_figure,
        atlas_figures,
        dissection_tables,
        robustness_tables,
        axes_tables,
        principal_tables,
        net2vec_tables,
        similarity_tables,
        falcon_tables,
        linking_tables,
        tuning_tables,
        open_vocabulary_tables,
        # manifests: a shard that `conceptatlas verify --repair` set aside is made again, whoever reads it
        framed_shards,
        extracted_shards,
        passed_shards,
        summarised_layers,
        perturbed_shards,
    localrule: True


onstart:
    schedule_without_timers()
    before_jobs()
