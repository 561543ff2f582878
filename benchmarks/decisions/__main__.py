"""Runs one of the benchmarks of deciding.

.venv/bin/python -m benchmarks.decisions NAME [--quick] [--data DIR]
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

NAMES = {
    "allocation": "benchmarks.decisions.allocation",
    "closed_loop": "benchmarks.decisions.closed_loop",
    "same_decisions": "benchmarks.decisions.same_decisions",
    "coverage_ope": "benchmarks.decisions.coverage_ope",
    "coverage_students": "benchmarks.decisions.coverage_students",
    "coverage_uplift": "benchmarks.decisions.coverage_uplift",
    "hillstrom": "benchmarks.decisions.hillstrom",
    "speed": "benchmarks.decisions.speed",
}


def main() -> None:
    """Runs the benchmark that was asked for; it prints its own table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("name", choices=sorted(NAMES))
    asked.add_argument("--quick", action="store_true", help="a small one, to see whether it runs")
    asked.add_argument("--data", type=Path, help="the folder of the data, for a benchmark that needs some")
    words = asked.parse_args()
    given = {"data": words.data} if words.data else {}
    import_module(NAMES[words.name]).run(words.quick, **given)


if __name__ == "__main__":
    main()
