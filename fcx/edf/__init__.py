"""The EDF for `srun --environment`: read, check, merge, generate, render."""
