"""Moodle's standard log: a CSV export of the table, or the table itself, asked only for what is new.

The log has one time, when a thing happened; when it is known is a setting (`known_after_hours`). A grade is told by the
number of a grade item alone, so scores come only where the grade items come too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from features.config import School, read_toml
from features.contracts import check
from features.errors import BadConfig, BadInput
from features.importers import databases
from features.importers.cells import as_text
from features.importers.entities import Met
from features.importers.inputs import Progress, digest, present, rejects, silent
from features.importers.moodle_log import COLUMNS, facts
from features.importers.plain_csv import MEND, parts
from features.importers.watermark import Watermark, highest
from features.lake import Batch, ImportReport, Lake

GRADE_ITEMS = "grade_items.csv"
ITEM_COLUMNS = ("itemid", "cmid", "grademax")
ITEMS_SQL = """
SELECT i.id AS itemid, c.id AS cmid, i.grademax AS grademax
FROM {prefix}grade_items i
JOIN {prefix}modules m ON m.name = i.itemmodule
JOIN {prefix}course_modules c ON c.module = m.id AND c.instance = i.iteminstance
WHERE i.itemtype = 'mod' AND i.itemnumber = 0 AND i.gradetype = 1
"""
_WHERE = "importers.toml [moodle]"


def load(school: School, path: Path, progress: Progress | None = None) -> ImportReport:
    """Imports the log.

    People, courses and enrolments that the lake does not have are made from it: import the school's own lists first.

    Args:
        school: where to; its `sources` hold the secret URLs of databases.
        path: a CSV export, plain or gzip; a folder of such exports, perhaps with `grade_items.csv`; or a TOML file
            that says where the database is: ``source = "moodle"`` and ``prefix = "mdl_"``.
        progress: told how many bytes are read, or rows of a database.

    Returns:
        What was read, kept and set aside. Rows that the lake has, by their id, are not added again.

    Raises:
        BadInput: a file is missing, empty, cut (gzip) or not this table, or the query fails; then nothing is added.
        BadConfig: the settings or the TOML file cannot be used.
        Unavailable: the database does not answer.
    """
    settings = _settings(school)
    lake, tell = Lake(school.lake, school.zone), progress or silent
    if path.suffix == ".toml":
        return _from_database(school, lake, path, settings, tell)
    files, items = _files(path)
    name = digest("moodle", {"settings": settings, "zone": school.zone}, [*files, *items])
    if lake.already_added(name):
        return ImportReport("moodle", repeated=True)
    total, done = sum(file.stat().st_size for file in files), 0
    with lake.adding("moodle", name) as batch:
        one = _Import(batch, settings)
        for file in files:
            for part in parts(file, COLUMNS):
                one.broken(file.name, part.broken)
                one.add(part.rows, file.name)
                tell(done + part.bytes_read, total, file.name)
            done += file.stat().st_size
        one.finish(pd.concat([part.rows for file in items for part in parts(file, ITEM_COLUMNS)] or [_NO_ITEMS]))
        tell(total, total, files[-1].name)
    return batch.report


_NO_ITEMS = pd.DataFrame(columns=list(ITEM_COLUMNS), dtype="str")


def _settings(school: School) -> dict[str, Any]:
    settings = school.config("importers")["moodle"]
    hours, others = settings["known_after_hours"], settings["not_students"]
    if type(hours) not in (int, float) or not hours >= 0:
        raise BadConfig(f"known_after_hours = {hours!r}", where=_WHERE, mend="Write a number from 0 on")
    if not (isinstance(others, list) and all(isinstance(person, str) for person in others)):
        raise BadConfig("not_students is not a list of texts", where=_WHERE, mend='Write [] or a list like ["1", "2"]')
    return settings


def _files(path: Path) -> tuple[list[Path], list[Path]]:
    """The exports of the log, and the list of grade items if there is one."""
    if not path.is_dir():
        return [present(path)], []
    items = [path / GRADE_ITEMS] if (path / GRADE_ITEMS).is_file() else []
    found = sorted(file for pattern in ("*.csv", "*.csv.gz") for file in path.glob(pattern) if file not in items)
    if not found:
        mend = "Put the CSV export of mdl_logstore_standard_log there"
        raise BadInput("holds no CSV file", where=str(path), mend=mend)
    return [present(file) for file in found], items


def _from_database(school: School, lake: Lake, path: Path, settings: dict[str, Any], tell: Progress) -> ImportReport:
    """Asks for the rows that are younger than those of the last import."""
    source, prefix = _place(path)
    key = digest("moodle", {"source": source, "prefix": prefix, "settings": settings}, [])
    mark = Watermark.of(lake.marks()[key]) if key in lake.marks() else None
    back = school.config("importers")["database"]
    start = mark.asked_from(back["overlap_days"], back["overlap_numbers"]) if mark else None
    query = f"SELECT {', '.join(COLUMNS)} FROM {prefix}logstore_standard_log ORDER BY id"
    name = digest("moodle", {"key": key, "batches": len(lake.batches())}, [])
    with lake.adding("moodle", name) as batch, databases.opened(source, school.sources) as database:
        one, taken = _Import(batch, settings), 0
        for rows in database.rows(query, "id", start):
            mark = highest((row[0] for row in rows), "id", mark)
            texts = [[as_text(value) for value in row] for row in rows]
            numbers = range(taken + 1, taken + len(rows) + 1)
            one.add(pd.DataFrame(texts, columns=list(COLUMNS), index=numbers, dtype="str"), source)
            taken += len(rows)
            tell(0, 1, f"{source}, {taken:,} rows")
        items = [row for rows in database.rows(ITEMS_SQL.format(prefix=prefix)) for row in rows]
        found = [[as_text(value) for value in row] for row in items]
        one.finish(pd.DataFrame(found, columns=list(ITEM_COLUMNS), dtype="str"))
        batch.marks |= {key: mark.as_mark()} if mark else {}
        tell(1, 1, f"{source}, {taken:,} rows")
    return batch.report


def _place(path: Path) -> tuple[str, str]:
    """The name of the source, and what the names of Moodle's tables begin with."""
    said = read_toml(path)
    source, prefix = said.get("source"), said.get("prefix", "mdl_")
    sound = isinstance(source, str) and source.isidentifier() and isinstance(prefix, str)
    if not sound or not (prefix == "" or prefix.replace(".", "_").isidentifier()) or set(said) - {"source", "prefix"}:
        mend = f'Write source = "moodle" and prefix = "mdl_"; the URL stands in {databases.variable("moodle")}'
        raise BadConfig("does not say where Moodle's tables are", where=str(path), mend=mend)
    return str(source), str(prefix)


class _Import:
    """The log on its way into the lake."""

    def __init__(self, batch: Batch, settings: dict[str, Any]) -> None:
        self.batch, self.settings = batch, settings
        self.met = Met()
        self.submissions: list[pd.DataFrame] = []
        self.grades: list[pd.DataFrame] = []
        self.file = ""

    def broken(self, file: str, lines: dict[int, str]) -> None:
        for reason in dict.fromkeys(lines.values()):
            at = pd.Series([line for line, why in lines.items() if why == reason])
            self.batch.set_aside("activity", rejects("activity", file, at, reason=reason, mend=MEND))

    def add(self, rows: pd.DataFrame, file: str) -> None:
        """Writes the facts of some rows; what is handed in waits for its grade."""
        self.file = file
        found = facts(rows, self.settings["known_after_hours"], frozenset(self.settings["not_students"]))
        for wrong, column, reason, mend in found.broken:
            at = wrong.index.to_series()
            fault = rejects("activity", file, at, column=column, reason=reason, mend=mend, values=wrong[column])
            self.batch.set_aside("activity", fault)
        for reason, count in found.ignored.items():
            self.batch.ignore(reason, count)
        activity = ["event_id", "enrolment_id", "kind", "object_id", "occurred_at", "known_at"]
        checked = self.batch.write("activity", found.activity[activity], file=file)
        self.met.add(found.activity[found.activity["event_id"].isin(checked.rows["event_id"])])
        self.met.add(self.sound(pd.concat([found.enrolled, found.ended]), file))
        outcomes = found.ended[["event_id", "enrolment_id", "kind", "occurred_at", "known_at"]]
        self.batch.write("outcomes", outcomes, file=file)
        self.submissions.append(found.submissions[[*_HANDED_IN]])
        self.grades.append(found.grades[["enrolment_id", "item", "grade", "occurred_at", "known_at"]])

    def sound(self, rows: pd.DataFrame, file: str) -> pd.DataFrame:
        """What was done to students, as far as it can be the beginning of an enrolment."""
        made = rows[["enrolment_id", "student_id", "course_id", "occurred_at", "known_at"]]
        unsound = check("enrolments", made, file=file).rejects
        self.batch.set_aside("enrolments", unsound)
        return rows[~rows["line"].isin(unsound["row"])]

    def finish(self, items: pd.DataFrame) -> None:
        """Writes what needed the whole log: scores, and the people who were met.

        Args:
            items: (n, `ITEM_COLUMNS`) text.
        """
        handed_in = pd.concat(self.submissions or [pd.DataFrame(columns=[*_HANDED_IN])])
        grades = pd.concat(self.grades) if self.grades else pd.DataFrame()
        if len(handed_in):
            self.batch.write("submissions", self.scored(handed_in, grades, items), file=self.file)
        elif len(grades):
            self.batch.ignore(_NOT_HANDED_IN, len(grades))
        self.met.write(self.batch, self.file)

    def scored(self, handed_in: pd.DataFrame, grades: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
        """Submissions with their scores: a grade is of the last thing handed in before it, the first grade counts."""
        items = items.assign(most=pd.to_numeric(items["grademax"], errors="coerce")).query("most > 0")
        items = items.drop_duplicates("itemid").rename(columns={"cmid": "assignment_id"})
        told = grades.merge(items[["itemid", "assignment_id", "most"]], left_on="item", right_on="itemid")
        self.batch.ignore("a grade of which the log does not tell the assignment", len(grades) - len(told))
        keys = ["enrolment_id", "assignment_id"]
        handed_in = handed_in.sort_values(["occurred_at", "event_id"], kind="stable")
        found = pd.merge_asof(
            told.sort_values("occurred_at", kind="stable"),
            handed_in[[*keys, "occurred_at", "event_id"]],
            on="occurred_at",
            by=keys,
        )
        self.batch.ignore(_NOT_HANDED_IN, int(found["event_id"].isna().sum()))
        first = found.dropna(subset="event_id").drop_duplicates("event_id").set_index("event_id")
        first = first.assign(score=(100 * first["grade"] / first["most"]).round(4))
        first = first.reindex(handed_in["event_id"]).set_axis(handed_in.index)
        return pd.DataFrame(
            {
                "submission_id": handed_in["event_id"],
                **{name: handed_in[name] for name in (*keys, "occurred_at", "known_at")},
                "score": first["score"],
                "score_known_at": first["known_at"],
            }
        ).sort_index(kind="stable")


_HANDED_IN = ("event_id", "enrolment_id", "assignment_id", "occurred_at", "known_at")
_NOT_HANDED_IN = "a grade of what was not handed in within this import"
