"""A recipe on Slurm: job arrays for the data stages, a job for each stage, and what has become of them."""
