"""The back end that hands job scripts to the machine's own Slurm."""
