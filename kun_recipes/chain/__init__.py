"""A recipe as a whole: its stages, declared, loaded and checked; run here or on Slurm, planned, compared, reported."""
