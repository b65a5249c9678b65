"""The report: everything that a run can show for itself, on one page that a person wants to read."""
