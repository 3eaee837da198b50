from slurm_fixtures import reference, slurm, slurm_with_accounting  # noqa: F401
