"""Report: one page about a run that a person wants to read, and every figure of it as a file (Kun §4).

    python recipes/report.py --config recipes/demo/report.yaml

Writes <output_dir>/report.html, which opens from a file and asks for nothing outside itself, and figures/*.svg, *.png.
"""

from kun_recipes.chain.stages.report import REPORT

if __name__ == "__main__":
    REPORT.main()
