"""A recipe on a cluster: a job for each stage, submitted after those that it reads from, and what became of them."""
