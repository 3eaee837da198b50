"""
PURPOSE  Studies that lie in a bucket, and jobs that cannot open the files the sheets name.
INPUTS   the study; how Snakemake was started.
OUTPUTS  none.
"""

from snakemake.settings.types import SharedFSUsage

from conceptatlas.outside import unknown_to_git
from conceptatlas.study import sheet_files

OUTSIDE_HERE = study.config["outside_files"] == "here"
"""Whether only this machine can open what the sheets name: data sets are then listed and framed here, by local rules."""

OUTSIDE = "<results>/outside/{sheet}/{row}"


def storage_of_study():
    """Prefix, endpoint and region of the bucket that the study lies in, None on a disk. Credentials are no params."""
    chosen = workflow.storage_settings
    if chosen is None or chosen.default_storage_provider is None:
        return None
    settings = workflow.storage_registry.default_storage_provider.settings
    about = {
        name: getattr(settings, f"{name}_url" if name == "endpoint" else name, None) for name in ("endpoint", "region")
    }
    return {"prefix": chosen.default_storage_prefix, **about}


def updated(output):
    """An output that a job finds as the last one left it. In a bucket it is made anew: Snakemake would look for the last
    one on the disk."""
    chosen = workflow.storage_settings
    return update(output) if chosen is None or chosen.default_storage_provider is None else output


def named_outside(wildcards):
    """Files that a row names, as the sheet writes them."""
    if wildcards.sheet == "models":
        return weights_files(study.models[wildcards.row])
    if wildcards.sheet == "encoders":
        return encoder_files(study.encoders[wildcards.row])
    if wildcards.sheet == "vocabularies":
        return vector_files(study.vocabularies[wildcards.row])
    if wildcards.sheet == "generators":
        return generator_files(study.generators[wildcards.row])
    basis = study.bases[tuple(wildcards.row.split("~"))]
    return [basis["path"]] if basis["path"] else []


def brought_weights(wildcards):
    """The folder that a model's weights were copied to; none where every job can open them, or there are none."""
    named = weights_files(study.models[wildcards.model]) if OUTSIDE_HERE else []
    return [OUTSIDE.format(sheet="models", row=wildcards.model)] if named else []


def brought_directions(wildcards):
    """The same for the matrix of a basis."""
    named = OUTSIDE_HERE and basis_row(wildcards)["path"]
    row = "~".join((wildcards.dataset, wildcards.model, wildcards.layer, wildcards.basis))
    return [OUTSIDE.format(sheet="bases", row=row)] if named else []


def brought_encoder(wildcards):
    """The same for the weights of an encoder."""
    named = OUTSIDE_HERE and encoder_files(study.encoders[wildcards.encoder])
    return [OUTSIDE.format(sheet="encoders", row=wildcards.encoder)] if named else []


def brought_vectors(wildcards):
    """The same for the precomputed vectors of a vocabulary."""
    named = OUTSIDE_HERE and vector_files(vocabulary_row(wildcards))
    return [OUTSIDE.format(sheet="vocabularies", row=wildcards.vocabulary)] if named else []


def sent_files():
    """Sheets, and modules of the user's own, that jobs elsewhere read while they parse or load a model."""
    rows = [*study.models.values(), *study.encoders.values(), *study.generators.values()]
    own = [plugin_file(row["architecture"]) for row in rows if row["source"] == "user"]
    sheets = sheet_files(study.config, config_files=workflow.configfiles)
    return [*sheets, *(file for file in own if Path(file).is_file())]


def before_jobs():
    """When the run starts: jobs on machines without this disk get what git knows. Said here, not in the log of a pod."""
    Path(REFUSAL).unlink(missing_ok=True)
    if SharedFSUsage.SOURCES in workflow.storage_settings.shared_fs_usage:
        return
    unknown = unknown_to_git(sent_files())
    if unknown:
        raise WorkflowError(
            f"jobs get the files that git knows below {Path.cwd()}, and not {', '.join(unknown)}: "
            "`git add` them there (a commit is not needed)"
        )
