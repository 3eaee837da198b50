from slurm_fixtures import reference, slurm  # noqa: F401
