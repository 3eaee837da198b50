from slurm_fixtures import slurm, slurm_with_accounting  # noqa: F401
