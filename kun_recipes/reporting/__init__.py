"""Tables, drawings, the funnel, and the corpus stage's page."""

PAGE = "report.html"
FIGURES = "figures"
"""What the folder of the report about a run holds: the page, and a folder of pictures."""
