"""How fast features are made: the feature build beside the bare scan of the same events, pandas and Polars.

    .venv/bin/python -m benchmarks.features --events 10000000 50000000 --homes DIR

Every measurement runs in a process of its own, `--runs` times, one after the other in turns, on the same made school
(`benchmarks.make_events`, in DIR, kept for the next time); the table shows medians. CPU is user + system time, wall is
beside it; both leave out the start of Python and the imports. Memory is the most that the whole process held.

- *scan*: DuckDB reads every column that the panes use of every event table (`benchmarks.measurements.COLUMNS`) and
  reduces each to one number: numbers and day numbers to their sum, texts to the sum of their lengths, moments to the
  latest. With two threads, and with one.
- *scan + group*: DuckDB counts the events and sums their quantities by enrolment and week, table by table.
- *build*: `features.build.snapshot`, the whole catalogue: at the last cut-off with nothing kept; at the last cut-off
  with the panes of the day before, which is the nightly job; at all 26 weekly cut-offs with nothing kept, and at all 26
  with the panes kept by an earlier build.
- *pandas* and *Polars*: thirty features of the catalogue at the same 26 cut-offs, as a person who knows these tools
  would write them (`benchmarks.thirty_pandas`, `benchmarks.thirty_polars`). Their values must be those of the build.
- *one student*: the whole catalogue for one student from kept panes, without and with an event that is newer than all
  that the lake holds; somebody of the same course was asked about before, so that the course's ranks and rows are at
  hand.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUICK = 300_000
TITLES = {
    "scan": "scan, 2 threads",
    "scan-one": "scan, 1 thread",
    "group": "scan + group by enrolment and week",
    "one": "build, 1 cut-off",
    "night": "build, 1 cut-off, a day of events new",
    "all": "build, 26 cut-offs",
    "warm": "build, 26 cut-offs, panes kept",
    "polars": "Polars, 30 features, 26 cut-offs",
    "pandas": "pandas, 30 features, 26 cut-offs",
    "student": "one student",
    "fresh": "one student, with a fresh event",
}
PEERS = ("polars", "pandas")
LIBRARIES = ("duckdb", "numpy", "pandas", "polars", "pyarrow")

Result = dict[str, float]


def run(events: int, homes: Path, runs: int, pandas_up_to: int) -> dict[str, list[Result]]:
    """Measures everything on one school.

    Args:
        events: its size; it is made if it is not there.
        homes: where made schools are kept.
        runs: how often each measurement is made.
        pandas_up_to: pandas is left out of larger schools.

    Returns:
        By measurement, its results; and under `compared` how many values of the peers were found equal to ours.
    """
    made = homes / f"events-{events}"
    if not (made / "lake" / "manifest.json").exists():
        _say(f"making {events:,} events in {made}")
        making = _python("benchmarks.make_events", "--events", str(events), "--out", str(made))
        subprocess.run(making, cwd=ROOT, check=True)  # noqa: S603
    peers = [peer for peer in PEERS if peer != "pandas" or events <= pandas_up_to]
    names = [name for name in TITLES if name not in PEERS or name in peers]
    results: dict[str, list[Result]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=homes) as scratch:
        home = Path(scratch)
        (home / "lake").symlink_to((made / "lake").resolve())
        _child("prepare-night", home)
        _child("scan", home)  # so that all of them find the files in memory
        for turn in range(runs):
            for name in names:
                results[name].append(_child(name, home))
                _say(
                    f"{events:,} events, run {turn + 1} of {runs}: {TITLES[name]}: {results[name][-1]['cpu']:.2f} s CPU"
                )
        results["compared"] = [_child("compare", home, *peers)]
    return results


def _child(name: str, home: Path, *more: str) -> Result:
    """One measurement in a process of its own, with the most memory that it held, in bytes."""
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(_python("benchmarks.measurements", name, str(home), *more), cwd=ROOT, stdout=out)  # noqa: S603
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{name} ended with {child.returncode}")
        out.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        return {**json.loads(out.read().splitlines()[-1]), "memory": used.ru_maxrss * unit}


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", module, *arguments]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # the table alone goes to the output


def table(events: int, results: dict[str, list[Result]]) -> list[str]:
    """The lines of a Markdown table for one school."""
    floor = _median(results["scan"], "cpu")
    lines = [
        f"### {events / 1e6:g} million events",
        "",
        "| what | CPU s | x of the scan's CPU | wall s | memory, GiB | rows x features |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, title in TITLES.items():
        if name not in results:
            lines.append(f"| {title} | not run at this size | | | | |")
        elif name not in ("student", "fresh"):
            found = results[name]
            cpu, wall, memory = (_median(found, key) for key in ("cpu", "wall", "memory"))
            shape = f"{found[0]['rows']:,} x {found[0]['features']}" if "features" in found[0] else ""
            lines.append(f"| {title} | {cpu:.2f} | {cpu / floor:.1f} | {wall:.2f} | {memory / 2**30:.2f} | {shape} |")
    lines += ["", "| one at a time | median, µs | p99, µs | CPU, µs | features |", "|---|---:|---:|---:|---:|"]
    for name in ("student", "fresh"):
        found = results[name]
        times = (f"{1e6 * _median(found, key):,.0f}" for key in ("median", "p99", "each"))
        lines.append(f"| {TITLES[name]} | {' | '.join(times)} | {found[0]['features']} |")
    peers = " and ".join(TITLES[name].split(",")[0] for name in PEERS if name in results)
    return [*lines, "", f"{results['compared'][0]['values']:,} values of {peers} are those of the build."]


def growth(small: dict[str, list[Result]], large: dict[str, list[Result]], times: float) -> str:
    """How the CPU time of the large school compares with that of the small one."""
    grown = {name: _median(large[name], "cpu") / _median(small[name], "cpu") for name in ("scan", "one", "all")}
    parts = ", ".join(f"{TITLES[name]} {factor:.1f}" for name, factor in grown.items())
    return f"{times:g} times the events take, in times the CPU: {parts}."


def _median(found: list[Result], key: str) -> float:
    return statistics.median(result[key] for result in found)


def report(sizes: list[int], homes: Path, runs: int, pandas_up_to: int) -> str:
    """The whole text in Markdown."""
    found = {size: run(size, homes, runs, pandas_up_to) for size in sorted(sizes)}
    lines = [line for size, results in found.items() for line in (*table(size, results), "")]
    if len(found) > 1:
        small, large = min(found), max(found)
        lines += [growth(found[small], found[large], large / small), ""]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    python = f"Python {platform.python_version()}, {libraries}"
    return "\n".join([*lines, f"Medians of {runs} runs; {os.cpu_count()} cores, {platform.machine()}; {python}."])


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Measure how fast features are made.")
    parser.add_argument("--events", type=int, nargs="+", default=[10_000_000, 50_000_000], help="sizes of the schools")
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement")
    parser.add_argument("--quick", action="store_true", help=f"one run with {QUICK:,} events: to see that it works")
    parser.add_argument("--homes", type=Path, help="where the made schools are kept; thrown away when left out")
    parser.add_argument("--pandas-up-to", type=int, default=50_000_000, help="leave pandas out of larger schools")
    parser.add_argument("--out", type=Path, help="a file for the table, which is printed when left out")
    wanted = parser.parse_args(arguments)
    sizes, runs = ([QUICK], 1) if wanted.quick else (wanted.events, wanted.runs)
    with tempfile.TemporaryDirectory(prefix="benchmark-homes-") as temporary:
        homes = (wanted.homes or Path(temporary)).resolve()
        homes.mkdir(parents=True, exist_ok=True)
        text = report(sizes, homes, runs, wanted.pandas_up_to)
    if wanted.out:
        wanted.out.write_text(text + "\n", "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
