"""Open edX tracking logs: a file, or a folder of daily files of which only the new ones are read.

A log has one time, when a thing happened. When it is known is a setting (`known_after_hours`); an event that a phone
kept until it was online again is not known before the platform received it. Every file is an import of its own, so a
stretch of video that is under way when a file ends counts up to the last thing its player said in that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from features import clock
from features.config import School
from features.contracts import check
from features.errors import BadConfig, BadInput
from features.importers.cells import moments
from features.importers.entities import Met
from features.importers.inputs import Progress, digest, present, rejects, silent
from features.importers.players import FACT, SAID, watched
from features.importers.statements import lines
from features.importers.tracking import Event, fields, parse
from features.lake import Batch, ImportReport, Lake

CHUNK_LINES = 100_000
_TEXTS = (
    *("event_id", "student_id", "course_id", "kind", "fact", "verb", "object_id", "time", "received_at", "session"),
)
_NUMBERS = ("score", "position", "target", "duration", "old_speed", "new_speed")
_WHERE = "importers.toml [edx]"
_NOT_MOMENT = "Write it like 2026-03-01T09:30:00.000000+00:00; without an offset it is taken as UTC"


def load(school: School, path: Path, progress: Progress | None = None) -> ImportReport:
    """Imports tracking logs.

    Args:
        school: where to. People, courses and enrolments that its lake does not have are made from the events: import
            the school's own lists first.
        path: one event a line, plain or gzip; or a folder of such files, in folders of any depth.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside in all files together. A file that was imported before is not read again.

    Raises:
        BadInput: a file is missing, empty, cut (gzip) or holds no event. Nothing of that file is added; the files
            before it, in the order of their names, are.
        BadConfig: the settings cannot be used.
    """
    settings = _settings(school)
    files = _files(path)
    lake = Lake(school.lake, school.zone)
    total, done, reports = sum(file.stat().st_size for file in files), 0, []
    for file in files:
        name = digest("edx", {"settings": settings, "zone": school.zone}, [file])
        size = file.stat().st_size
        if not lake.already_added(name):
            with lake.adding("edx", name) as batch:
                _Import(batch, file, settings, (done, total, progress or silent)).run()
            reports.append(batch.report)
        done += size
    if progress:
        progress(total, total, files[-1].name)
    return _together(reports, len(files))


def _settings(school: School) -> dict[str, Any]:
    settings = school.config("importers")["edx"]
    for name, least in (("known_after_hours", 0), ("fastest_speed", 1)):
        value = settings[name]
        if type(value) not in (int, float) or not value >= least:
            raise BadConfig(f"{name} = {value!r}", where=_WHERE, mend=f"Write a number from {least} on")
    if settings["person"] not in ("user_id", "username"):
        raise BadConfig(f"person = {settings['person']!r}", where=_WHERE, mend='Write "user_id" or "username"')
    others = settings["not_students"]
    if not (isinstance(others, list) and all(isinstance(person, str) for person in others)):
        raise BadConfig("not_students is not a list of texts", where=_WHERE, mend='Write [] or a list like ["4", "17"]')
    return settings


def _files(path: Path) -> list[Path]:
    """The logs that a path names, oldest first where their names carry the date."""
    if not path.is_dir():
        return [present(path)]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not file.name.startswith(".") and _is_log(file.name) and file.stat().st_size
    )
    if not found:
        mend = "Point to a log, or to a folder of files called *.log, *.log.gz, *.json, *.jsonl or the like"
        raise BadInput("holds no tracking log", where=str(path), mend=mend)
    return found


def _is_log(name: str) -> bool:
    plain = name.removesuffix(".gz")
    return (".log" in plain and not plain.endswith(".gpg")) or plain.endswith((".json", ".jsonl", ".ndjson"))


def _together(reports: list[ImportReport], files: int) -> ImportReport:
    """One report of many files."""
    if not reports:
        return ImportReport("edx", repeated=True)
    whole = ImportReport("edx")
    for report in reports:
        for name in ("read", "kept", "set_aside", "already_known", "reasons", "ignored"):
            counts = getattr(whole, name)
            for key, count in getattr(report, name).items():
                counts[key] = counts.get(key, 0) + count
        whole.faults += report.faults[: 20 - len(whole.faults)]
    if files > len(reports):
        whole.ignored["a file that was imported before"] = files - len(reports)
    return whole


class _Import:
    """One file on its way into the lake."""

    def __init__(self, batch: Batch, file: Path, settings: dict[str, Any], shown: tuple[int, int, Progress]) -> None:
        self.batch, self.file, self.settings = batch, file, settings
        self.done, self.total, self.progress = shown
        self.met = Met()
        self.videos: list[pd.DataFrame] = []
        self.events = 0
        self.first_fault = ""

    def run(self) -> None:
        for chunk in self.chunks():
            rows = self.sound(chunk)
            done = self.activity(rows[rows["kind"].notna()])
            self.done_to_students(rows[rows["kind"].isna()])
            self.submissions(done[(done["fact"] == "submission") & done["object_id"].notna()])
            self.videos.append(done.loc[done["verb"].notna() & done["object_id"].notna(), [*SAID]])
        if not self.events:
            what = f"holds no tracking event: {self.first_fault}" if self.first_fault else "is empty"
            mend = "Give the tracking log itself, one JSON event a line, in UTF-8 (of a data package: decrypted)"
            raise BadInput(what, where=str(self.file), mend=mend)
        self.met.write(self.batch, self.file.name)
        self.watched()

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The events of students in courses; broken lines are set aside, what is left out is counted."""
        found: list[Event] = []
        broken: dict[int, str] = {}
        others = set(self.settings["not_students"])
        for number, line in lines(self.file, lambda read: self.progress(self.done + read, self.total, self.file.name)):
            said = parse(line)
            if isinstance(said, str):
                broken[number] = said  # the line itself may hold a name or an address: it is not kept
                self.first_fault = self.first_fault or f"line {number} {said}"
                continue
            self.events += 1
            event = fields(number, line, said, self.settings["person"])
            if isinstance(event, str):
                self.batch.ignore(event)
            elif event.student_id in others:
                self.batch.ignore("of people who are no students, by importers.toml")
            else:
                found.append(event)
            if len(found) + len(broken) >= CHUNK_LINES:
                yield self.frame(found, broken)
                found, broken = [], {}
        yield self.frame(found, broken)

    def frame(self, found: list[Event], broken: dict[int, str]) -> pd.DataFrame:
        mend = "Mend or remove the line; if the file was cut, export it again"
        for reason in dict.fromkeys(broken.values()):
            at = pd.Series([line for line, why in broken.items() if why == reason])
            self.batch.set_aside("activity", rejects("activity", self.file.name, at, reason=reason, mend=mend))
        rows = pd.DataFrame(found, columns=list(Event._fields))
        return rows.astype(dict.fromkeys(_TEXTS, "str") | dict.fromkeys(_NUMBERS, "float64"))

    def sound(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With moments, enrolment and day; the same line again and lines without a moment are taken out."""
        again = rows["event_id"].duplicated()
        self.batch.ignore("the same line again", int(again.sum()))
        rows = rows[~again]
        (told, _), (received, _) = (moments(rows[name].fillna(""), zone="UTC") for name in ("time", "received_at"))
        wrong = rows[told.isna()]
        found = rejects(
            "activity",
            self.file.name,
            wrong["line"],
            column="time",
            reason="is not a moment",
            mend=_NOT_MOMENT,
            values=wrong["time"],
        )
        self.batch.set_aside("activity", found)
        occurred = told.where(~(told > received), received)  # a phone's clock that runs ahead is set back
        known = occurred + pd.Timedelta(hours=self.settings["known_after_hours"])
        rows = rows.assign(
            occurred_at=occurred,
            known_at=known.where(~(received > known), received),
            enrolment_id=rows["course_id"] + ":" + rows["student_id"],
        )
        rows = rows[told.notna()].set_index("line", drop=False).rename_axis(None)
        return rows.assign(day=clock.local_days(rows["occurred_at"], self.batch.lake.zone))

    def activity(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Writes a piece of activity per event; gives the events that met the contract."""
        table = rows[["event_id", "enrolment_id", "kind", "object_id", "occurred_at", "known_at"]]
        checked = self.batch.write("activity", table, file=self.file.name)
        rows = rows[rows["event_id"].isin(checked.rows["event_id"])]
        self.met.add(rows)
        return rows

    def done_to_students(self, rows: pd.DataFrame) -> None:
        """Enrolments made, ended and completed."""
        made = rows[["enrolment_id", "student_id", "course_id", "occurred_at", "known_at"]]
        unsound = check("enrolments", made, file=self.file.name).rejects
        self.batch.set_aside("enrolments", unsound)
        rows = rows[~rows["line"].isin(unsound["row"])]
        self.met.add(rows)
        ended = rows[rows["fact"] != "enrolled"]
        outcomes = ended[["event_id", "enrolment_id", "occurred_at", "known_at"]].assign(kind=ended["fact"])
        self.batch.write("outcomes", outcomes, file=self.file.name)

    def submissions(self, rows: pd.DataFrame) -> None:
        """Graded answers and essays handed in; every attempt is one."""
        submissions = pd.DataFrame(
            {
                "submission_id": rows["event_id"],
                "enrolment_id": rows["enrolment_id"],
                "assignment_id": rows["object_id"],
                "occurred_at": rows["occurred_at"],
                "known_at": rows["known_at"],
                "score": rows["score"],
                "score_known_at": rows["known_at"].where(rows["score"].notna()),
            }
        )
        self.batch.write("submissions", submissions, file=self.file.name)

    def watched(self) -> None:
        """What the players of the whole file said, as stretches of video."""
        rows = pd.concat(self.videos, ignore_index=True)
        self.videos.clear()
        rows = rows.drop_duplicates("event_id")
        rows = rows.sort_values(["enrolment_id", "object_id", "occurred_at", "line"], kind="stable")
        made = watched(rows, float(self.settings["fastest_speed"]))
        while part := list(islice(made, CHUNK_LINES)):
            table = pd.DataFrame(part, columns=[*FACT])
            self.batch.write("videos", table.set_index("line").rename_axis(None), file=self.file.name)
