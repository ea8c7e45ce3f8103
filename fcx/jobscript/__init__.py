"""A pilot's shape -> the text that sbatch gets (pure)."""
