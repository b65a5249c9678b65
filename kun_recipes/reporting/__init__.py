"""Tables, drawings, the funnel, and the corpus stage's page."""

PAGE = "report.html"
FIGURES = "figures"
"""Contents of the folder of a run's report: the page, and a folder of pictures."""
