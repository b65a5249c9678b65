"""The measurements import each other as scripts do: from their own folder, after all others."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
