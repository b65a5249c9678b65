"""Cards: a README.md made of a template and of facts that were read from the run."""
