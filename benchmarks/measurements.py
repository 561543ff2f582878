"""What the feature benchmark measures: each function does one thing on one school and says what it used.

Heavy libraries are imported inside the functions, so that a process holds only those of its own measurement, and before
the clock starts.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLUMNS = {
    "activity": "event_id enrolment_id kind object_id quantity occurred_at",
    "videos": "enrolment_id video_id kind seconds progress speed",
    "submissions": "submission_id enrolment_id assignment_id occurred_at score score_known_day carried_over",
    "tickets": "event_id ticket_id student_id enrolment_id event category priority score occurred_at",
    "ratings": "event_id student_id enrolment_id value occurred_at",
    "nps": "student_id enrolment_id value",
    "live": "enrolment_id kind quantity",
    "payments": "student_id enrolment_id kind amount_minor discount_minor expires_day",
    "touches": "touch_id student_id enrolment_id channel status by",
    "outcomes": "enrolment_id kind",
}
"""What the queries of `features.panes` and `features.enrolments` read of each event table, beside both its days."""

QUANTITIES = {
    "activity": ["quantity", "quantity * (kind = 'forum')::INTEGER", "quantity * (kind = 'lesson')::INTEGER"],
    "videos": [f"seconds * (kind = '{kind}')::INTEGER" for kind in ("watched", "skipped", "rewatched")],
    "submissions": ["score"],
    "ratings": ["value"],
    "nps": ["value"],
    "live": ["quantity"],
    "payments": ["amount_minor"],
}
SAMPLE = 500  # students whose features are asked for one at a time


class Clock:
    """User and system time, and time on the wall, of the block that it is used in."""

    cpu = wall = 0.0

    def __enter__(self) -> Clock:
        self._cpu, self._wall = _cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = _cpu_seconds() - self._cpu, time.perf_counter() - self._wall


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _lake(home: Path) -> Any:
    from features.config import School
    from features.lake import Lake

    school = School(home)
    return Lake(school.lake, school.zone)


def _files(home: Path) -> dict[str, list[str]]:
    lake = _lake(home)
    return {table: [str(path) for path in lake.paths(table)] for table in COLUMNS}


def scan(home: Path, threads: int = 2) -> dict[str, Any]:
    """Reads and reduces every column."""
    import duckdb

    how = {"VARCHAR": "sum(strlen({}))", "TIMESTAMP WITH TIME ZONE": "max(epoch_us({}))", "BOOLEAN": "sum({}::INTEGER)"}
    files = _files(home)
    with duckdb.connect(config={"threads": threads}) as db, Clock() as clock:
        for table, columns in COLUMNS.items():
            events = db.read_parquet(files[table])
            types = dict(zip(events.columns, map(str, events.types), strict=True))
            numbers = [
                how.get(types[name], "sum({})").format(f'"{name}"') for name in (*columns.split(), "day", "known_day")
            ]
            events.aggregate(", ".join(numbers)).fetchall()
    return _used(clock)


def scan_and_group(home: Path) -> dict[str, Any]:
    """Counts and sums by enrolment and week, of which only the totals are told."""
    import duckdb

    files = _files(home)
    with duckdb.connect(config={"threads": 2}) as db, Clock() as clock:
        for table in COLUMNS:
            names = [f"q{i}" for i, _ in enumerate(QUANTITIES.get(table, []))]
            sums = [
                f"sum({quantity}) AS {name}" for name, quantity in zip(names, QUANTITIES.get(table, []), strict=True)
            ]
            groups = db.read_parquet(files[table]).aggregate(
                ", ".join(["count(*) AS n", *sums]), "enrolment_id, day // 7"
            )
            groups.aggregate(", ".join(f"sum({name})" for name in ["n", *names])).fetchall()
    return _used(clock)


def build(home: Path, last: int = 26, keep: Path | None = None) -> dict[str, Any]:
    """The whole catalogue at the last cut-offs; the thirty features of the others are kept for the comparison."""
    from benchmarks.make_events import cuts
    from benchmarks.thirty_pandas import FEATURES
    from features.build import snapshot
    from features.config import School

    with Clock() as clock:
        table = snapshot(School(home), cuts()[-last:])
    if keep:
        table[["day", "enrolment_id", *FEATURES]].to_parquet(keep)
    return _used(clock, rows=len(table), features=table.shape[1] - 5)


def build_one(home: Path) -> dict[str, Any]:
    """One cut-off, nothing kept."""
    shutil.rmtree(home / "cache", ignore_errors=True)
    return build(home, 1)


def build_all(home: Path) -> dict[str, Any]:
    """All cut-offs, nothing kept."""
    shutil.rmtree(home / "cache", ignore_errors=True)
    return build(home, keep=home / "build.parquet")


def prepare_night(home: Path) -> dict[str, Any]:
    """Makes the school of the night, and panes of it that lack the night's own import."""
    from benchmarks.make_events import split_night
    from features.build import Snapshots
    from features.config import School

    night = home / "night"
    manifests = split_night(home, night)
    with Clock() as clock:
        Snapshots(School(night))
    (night / "cache").rename(night / "cache-before")
    (night / "lake" / "manifest.json").write_text(json.dumps(manifests["after"]), "utf-8")
    return _used(clock)


def build_night(home: Path) -> dict[str, Any]:
    """The last cut-off, with panes that lack one day of events."""
    night = home / "night"
    shutil.rmtree(night / "cache", ignore_errors=True)
    shutil.copytree(night / "cache-before", night / "cache")
    return build(night, 1, keep=night / "build.parquet")


def with_pandas(home: Path) -> dict[str, Any]:
    """Thirty features at all cut-offs."""
    from benchmarks import thirty_pandas
    from benchmarks.make_events import cuts
    from features.clock import day_number

    with Clock() as clock:
        table = thirty_pandas.thirty(_lake(home), [day_number(cut) for cut in cuts()])
    table.to_parquet(home / "pandas.parquet")
    return _used(clock, rows=len(table), features=table.shape[1] - 2)


def with_polars(home: Path) -> dict[str, Any]:
    """Thirty features at all cut-offs."""
    from benchmarks import thirty_polars
    from benchmarks.make_events import cuts
    from features.clock import day_number

    with Clock() as clock:
        table = thirty_polars.thirty(_lake(home), [day_number(cut) for cut in cuts()])
    table.write_parquet(home / "polars.parquet")
    return _used(clock, rows=len(table), features=table.shape[1] - 2)


def one_student(home: Path) -> dict[str, Any]:
    """The whole catalogue for one student after the other, from kept panes."""
    return _online(home, fresh=False)


def one_student_fresh(home: Path) -> dict[str, Any]:
    """The same with an event of today, newer than all that the lake holds."""
    return _online(home, fresh=True)


def _online(home: Path, fresh: bool) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    from features.build import Snapshots
    from features.catalogue import FEATURES
    from features.clock import date_of, day_start
    from features.config import School
    from features.contracts import check

    school, today = School(home), _lake(home).last_known_day() + 1
    cut, noon = date_of(today + 1), day_start(today, school.zone) + pd.Timedelta("12h")
    snapshots = Snapshots(school)
    live = snapshots.at([cut])
    sample = live.drop_duplicates("course_id")
    asked = min(SAMPLE, len(live) // 100)
    sample = pd.concat([sample, live.sample(asked, random_state=7)])  # the first of each course warms up
    clicks, took, cpu = list(FEATURES).index("clicks_7d"), [], []
    for i, row in enumerate(sample.itertuples()):
        event = {"event_id": f"new{i}", "enrolment_id": row.enrolment_id, "kind": "lesson", "object_id": "l"}
        events = check("activity", pd.DataFrame([event | {"occurred_at": noon, "known_at": noon}])).rows
        with Clock() as clock:
            found = snapshots.of_student(row.student_id, cut, {"activity": events} if fresh else None)
        own = next(one for one in found if one.enrolment_id == row.enrolment_id)
        seen = own.values[clicks] - row.clicks_7d
        assert seen == fresh, f"{seen} fresh events were seen"  # noqa: S101
        took.append(clock.wall)
        cpu.append(clock.cpu)
    median, p99 = np.quantile(took[-asked:], [0.5, 0.99])
    each = sum(cpu[-asked:]) / asked
    used = {"cpu": sum(cpu), "wall": sum(took), "median": median, "p99": p99, "each": each}
    return {**used, "features": live.shape[1] - 5}


def compare(home: Path, others: list[str]) -> dict[str, Any]:
    """Holds the values of the others against those of the build; says how many there were.

    Raises:
        AssertionError: rows or values differ; says the feature.
    """
    import numpy as np
    import pandas as pd

    ours, compared = pd.read_parquet(home / "build.parquet"), 0
    for other in others:
        theirs = pd.read_parquet(home / f"{other}.parquet")
        for key in ("day", "enrolment_id"):
            assert ours[key].tolist() == theirs[key].tolist(), f"{other}: other rows"  # noqa: S101
        for name in theirs.columns[2:]:
            np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-9, atol=1e-12, err_msg=f"{other}: {name}")
            compared += len(theirs)
    return {"values": compared}


def _used(clock: Clock, **more: Any) -> dict[str, Any]:
    return {"cpu": clock.cpu, "wall": clock.wall, **more}


MEASUREMENTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "scan": scan,
    "scan-one": lambda home: scan(home, 1),
    "group": scan_and_group,
    "one": build_one,
    "all": build_all,
    "warm": build,
    "prepare-night": prepare_night,
    "night": build_night,
    "pandas": with_pandas,
    "polars": with_polars,
    "student": one_student,
    "fresh": one_student_fresh,
}

if __name__ == "__main__":
    name, home, *others = sys.argv[1:]
    measured = compare(Path(home), others) if name == "compare" else MEASUREMENTS[name](Path(home))
    print(json.dumps(measured))
