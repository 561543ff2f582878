"""The KDD Cup 2015 set of XuetangX in its published layout: enrolments and their logs, of training and of test.

The set names no time zone (a setting) and no moment of enrolment: an enrolment begins with its first row of the log.
Its truth (nothing in the log in the ten days after the window) is a label of another definition, taken from logs that
were not published. It is no fact about the student, so it is never written into the lake; `truth` reads it for a
benchmark. A course ends with its window: nothing is known of what came after, and no label may look there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import available_timezones

import pandas as pd

from features import clock
from features.config import School
from features.errors import BadConfig, BadInput
from features.importers.cells import moments
from features.importers.inputs import Progress, digest, opened, present, rejects, silent
from features.importers.numbering import Numbering
from features.importers.plain_csv import MEND, parts
from features.lake import Batch, ImportReport, Lake

ENROLMENTS = ("enrollment_id", "username", "course_id")
LOG = ("enrollment_id", "time", "source", "event", "object")
TRUTH = ("enrollment_id", "dropout")
PARTS = ("train", "test")

KINDS = {
    "navigate": "content",
    "access": "lesson",
    "problem": "quiz",
    "video": "lesson",
    "discussion": "forum",
    "wiki": "content",
    "page_close": "other",
}
# What object.csv says of a page; to open the home page of a course is the set's nearest thing to a login.
PAGES = {
    **dict.fromkeys(("course", "course_info"), "login"),
    **dict.fromkeys(("html", "static_tab", "about", "outlink"), "content"),
    "discussion": "forum",
}
_PUBLISHED = "Take the file as it was published; if it was cut, fetch it again"


def load(school: School, folder: Path, progress: Progress | None = None) -> ImportReport:
    """Imports the set, or its training or test half.

    Args:
        school: where to.
        folder: holds ``enrollment_train.csv`` and ``log_train.csv``, or the same of ``test``, or both; perhaps
            ``object.csv`` and ``date.csv``; at any depth, plain or gzip.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadInput: a file or a column is missing, or a file cannot be read at all; then nothing is added.
        BadConfig: the time zone is not known.
    """
    zone = _zone(school)
    files = _files(folder)
    lake = Lake(school.lake, school.zone)
    name = digest("kdd2015", {"settings": zone, "zone": school.zone, "files": sorted(files)}, files.values())
    if lake.already_added(name):
        return ImportReport("kdd2015", repeated=True)
    with lake.adding("kdd2015", name) as batch:
        _Import(batch, files, zone, progress or silent).run()
    return batch.report


def truth(school: School, folder: Path) -> pd.DataFrame:
    """The set's own label: whether an enrolment has no row in the log in the ten days after its course's window.

    Args:
        school: its settings say the time zone.
        folder: as for `load`, with ``truth_train.csv`` (and ``truth_test.csv``) and ``date.csv``.

    Returns:
        One row per enrolment: `enrolment_id`, `day` (the cut-off: the day number after the last day of the window) and
        `dropout` (bool).

    Raises:
        BadInput: a file is missing or cannot be read.
    """
    _zone(school)
    files = _files(folder, needed=("date.csv",))
    labels = [f"truth_{part}.csv" for part in PARTS if f"truth_{part}.csv" in files]
    if not labels:
        raise BadInput("lacks truth_train.csv", where=str(folder), mend="Take the truth of the set along")
    rows = pd.concat([part.rows for label in labels for part in _truth_parts(files[label])])
    said = pd.concat([part.rows for file in _halves(files, "enrollment") for part in parts(file, ENROLMENTS)])
    last = _dates(files["date.csv"])["to"]
    course = rows["enrollment_id"].map(said.drop_duplicates("enrollment_id").set_index("enrollment_id")["course_id"])
    day = course.map(last.map(clock.day_number) + 1)
    known = day.notna() & rows["dropout"].isin(["0", "1"])
    found = pd.DataFrame({"enrolment_id": rows["enrollment_id"], "day": day, "dropout": rows["dropout"] == "1"})
    return found[known].astype({"day": "int64"}).reset_index(drop=True)


def _zone(school: School) -> str:
    zone = school.config("importers")["kdd2015"]["time_zone"]
    if zone not in available_timezones():
        where = "importers.toml [kdd2015]"
        raise BadConfig(f"time_zone {zone!r} is not a known zone", where=where, mend='Write it like "Asia/Shanghai"')
    return str(zone)


def _files(folder: Path, needed: Sequence[str] = ()) -> dict[str, Path]:
    """The files of the set by their published names, in a fixed order."""
    names = [f"{kind}_{part}.csv" for part in PARTS for kind in ("enrollment", "log", "truth")]
    found: dict[str, Path] = {}
    for name in (*names, "object.csv", "date.csv"):
        places = sorted([*folder.rglob(name), *folder.rglob(f"{name}.gz")])
        if len(places) > 1:
            mend = "Leave one of them in the folder"
            raise BadInput(f"holds {name} {len(places)} times", where=str(folder), mend=mend)
        if places:
            found[name] = present(places[0])
    missing = [name for name in needed if name not in found]
    for part in PARTS:
        pair = [f"enrollment_{part}.csv", f"log_{part}.csv"]
        missing += [name for name in pair if name not in found and any(other in found for other in pair)]
    if not _halves(found, "enrollment"):
        missing += ["enrollment_train.csv", "log_train.csv"]
    if missing:
        mend = "Point to the folder with the files of the set: enrollment_*.csv, log_*.csv, object.csv, date.csv"
        raise BadInput(f"lacks {', '.join(dict.fromkeys(missing))}", where=str(folder), mend=mend)
    return found


def _halves(files: dict[str, Path], kind: str) -> list[Path]:
    return [files[name] for name in (f"{kind}_{part}.csv" for part in PARTS) if name in files]


def _truth_parts(file: Path) -> Iterator:
    """The published truth has no headings; copies of it have."""
    with opened(file) as (raw, _):
        headed = raw.readline().startswith(TRUTH[0].encode())
    yield from parts(file, TRUTH, first_line=headed)


def _dates(file: Path) -> pd.DataFrame:
    """First and last day of each course's window (index `course_id`, columns `from` and `to`)."""
    rows = pd.concat([part.rows for part in parts(file, ("course_id", "from", "to"))])
    days = {name: pd.to_datetime(rows[name], format="%Y-%m-%d", errors="coerce").dt.date for name in ("from", "to")}
    wrong = rows[pd.isna(days["from"]) | pd.isna(days["to"])]
    if len(wrong):
        what = f"line {wrong.index[0]} has a day that cannot be read"
        raise BadInput(what, where=str(file), mend="Write it like 2014-06-12")
    return rows.assign(**days).drop_duplicates("course_id").set_index("course_id")


class _Import:
    def __init__(self, batch: Batch, files: dict[str, Path], zone: str, progress: Progress) -> None:
        self.batch, self.files, self.zone, self.progress = batch, files, zone, progress
        used = [*_halves(files, "enrollment"), *_halves(files, "log")]
        self.total, self.done = sum(file.stat().st_size for file in used), 0
        self.first = pd.Series(dtype="datetime64[us, UTC]")

    def run(self) -> None:
        people = self.enrolments()
        self.log(people)
        self.entities(people)
        labels = sum(len(part.rows) for file in _halves(self.files, "truth") for part in _truth_parts(file))
        self.batch.ignore("truth, which is a label and no fact: see docs/guides/doors-learning-platforms.md", labels)
        self.progress(self.total, self.total, "log")

    def rows(self, table: str, file: Path, headings: Sequence[str]) -> Iterator[pd.DataFrame]:
        """A file's rows; broken lines are set aside."""
        for part in parts(file, headings):
            for reason in dict.fromkeys(part.broken.values()):
                at = pd.Series([line for line, why in part.broken.items() if why == reason])
                self.batch.set_aside(table, rejects(table, file.name, at, reason=reason, mend=MEND))
            yield part.rows
            self.progress(self.done + part.bytes_read, self.total, file.name)
        self.done += file.stat().st_size

    def enrolments(self) -> pd.DataFrame:
        """Student and course of each enrolment, with the file and line that say so (index `enrollment_id`)."""
        found = [
            rows.assign(file=file.name, line=rows.index)
            for file in _halves(self.files, "enrollment")
            for rows in self.rows("enrolments", file, ENROLMENTS)
        ]
        rows = pd.concat(found)
        again = rows["enrollment_id"].duplicated()
        self.batch.ignore("the same enrolment again", int(again.sum()))
        return rows[~again].set_index("enrollment_id")

    def log(self, people: pd.DataFrame) -> None:
        """Activity. Rows that look like exact duplicates are real: a running number keeps them apart."""
        pages = self.pages()
        numbering = Numbering()
        for file in _halves(self.files, "log"):
            for rows in self.rows("activity", file, LOG):
                occurred_at, _ = moments(rows["time"], (), self.zone)
                unknown = ~rows["enrollment_id"].isin(people.index)
                self.set_aside(rows[unknown], file, "enrollment_id", "is in no enrollment file")
                self.set_aside(rows[occurred_at.isna() & ~unknown], file, "time", "is not a moment")
                sound = ~unknown & occurred_at.notna()
                rows, occurred_at = rows[sound], occurred_at[sound]
                key = pd.util.hash_pandas_object(rows[list(LOG)], index=False).to_numpy("uint64")
                number = numbering.number(key)
                browsed = rows["event"].isin(["navigate", "access"])
                activity = pd.DataFrame(
                    {
                        "event_id": [
                            f"kdd2015:{k:016x}:{n}" for k, n in zip(key.tolist(), number.tolist(), strict=True)
                        ],
                        "enrolment_id": rows["enrollment_id"],
                        "kind": rows["object"]
                        .map(pages)
                        .where(browsed)
                        .fillna(rows["event"].map(KINDS))
                        .fillna("other"),
                        "object_id": rows["object"],
                        "occurred_at": occurred_at,
                        "known_at": occurred_at,
                    }
                )
                kept = self.batch.write("activity", activity, file=file.name).rows
                self.first = pd.concat([self.first, kept.groupby("enrolment_id")["occurred_at"].min()])
                self.first = self.first.groupby(level=0).min()

    def pages(self) -> pd.Series:
        """The kind of what a page shows, by `module_id`."""
        if "object.csv" not in self.files:
            return pd.Series(dtype="str")
        found = pd.concat([part.rows for part in parts(self.files["object.csv"], ("module_id", "category"))])
        return found.drop_duplicates("module_id").set_index("module_id")["category"].map(PAGES).dropna()

    def set_aside(self, rows: pd.DataFrame, file: Path, column: str, reason: str) -> None:
        at = rows.index.to_series()
        fault = rejects("activity", file.name, at, column=column, reason=reason, mend=_PUBLISHED, values=rows[column])
        self.batch.set_aside("activity", fault)

    def entities(self, people: pd.DataFrame) -> None:
        """Courses, students and enrolments, known from their first row of the log on."""
        people = people.assign(enrolment_id=people.index, first=self.first.reindex(people.index))
        silent_ones = people["first"].isna()
        self.batch.ignore("an enrolment without a row in the log", int(silent_ones.sum()))
        people = people[~silent_ones].rename(columns={"username": "student_id"})
        for file, rows in people.groupby("file", sort=False):
            rows = rows.assign(occurred_at=rows["first"], known_at=rows["first"]).set_index("line").rename_axis(None)
            enrolments = rows[["enrolment_id", "student_id", "course_id", "occurred_at", "known_at"]]
            self.batch.write("enrolments", enrolments, file=str(file))
        first = people.groupby("student_id")["first"].min()
        self.batch.write("students", pd.DataFrame({"student_id": first.index, "known_at": first.to_numpy()}))
        self.courses(people.groupby("course_id")["first"].min())

    def courses(self, first: pd.Series) -> None:
        """Courses with the window of the set, known when it opens, or from the first row of the log on."""
        courses = pd.DataFrame({"course_id": first.index, "known_at": first.to_numpy()})
        if "date.csv" in self.files:
            days = _dates(self.files["date.csv"])
            start, end = (
                courses["course_id"]
                .map(days[name])
                .map(
                    lambda day, more=more: clock.day_start(clock.day_number(day) + more, self.zone), na_action="ignore"
                )
                for name, more in (("from", 0), ("to", 1))
            )
            courses = courses.assign(starts_at=pd.to_datetime(start, utc=True), ends_at=pd.to_datetime(end, utc=True))
            courses["known_at"] = courses[["known_at", "starts_at"]].min(axis=1)
        self.batch.write("courses", courses, file="date.csv")
