"""Real parts for tests: a Slurm, container images, the stand-in for `srun --environment`."""
