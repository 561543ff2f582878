"""xAPI video statements (profile for video, xAPI 1.0.3): one JSON object a line, plain or gzip.

Every statement of a known verb is a piece of activity, so a student who only presses pause was there that day. The
statements of a session give what was watched, skipped and left (`features.importers.video`). `timestamp` is when it
happened, `stored` when it was known; without `stored` it counts as known when it happened. Nothing happens after it
was stored: a student's clock that runs ahead is set back to `stored`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from features import clock
from features.config import School
from features.errors import BadConfig, BadInput
from features.identity import MADE_HERE
from features.importers.cells import moments
from features.importers.inputs import Progress, digest, present, rejects, silent
from features.importers.statements import VOIDED, Fields, fields, lines, parse
from features.importers.video import Statement, facts
from features.lake import Batch, ImportReport, Lake

_VIDEO_VERBS = {
    "http://adlnet.gov/expapi/verbs/initialized": "initialized",
    "https://w3id.org/xapi/video/verbs/played": "played",
    "https://w3id.org/xapi/video/verbs/paused": "paused",
    "https://w3id.org/xapi/video/verbs/seeked": "seeked",
    "http://adlnet.gov/expapi/verbs/completed": "completed",
    "http://adlnet.gov/expapi/verbs/terminated": "terminated",
}
_VERBS = {
    **_VIDEO_VERBS,
    "http://adlnet.gov/expapi/verbs/interacted": "interacted",
    "http://id.tincanapi.com/verb/downloaded": "downloaded",
}
_TEXTS = ("statement_id", "verb", "student_id", "course_id", "object_id", "session", "timestamp", "stored")
_MENDS = {
    "student_id": ("actor", "names no student", "Give the actor an account (homePage and name) or an mbox"),
    "course_id": (
        "context.contextActivities",
        "names no course",
        "Let the player send the course as contextActivities.parent",
    ),
    "occurred_at": ("timestamp", "is not a moment with an offset", "Write it like 2026-03-01T09:30:00+03:00"),
    "known_at": ("stored", "is not a moment with an offset", "Write it like 2026-03-01T09:30:00+03:00"),
}


def load(school: School, file: Path, progress: Progress | None = None) -> ImportReport:
    """Imports a file of statements.

    People, courses and enrolments that the lake does not have are made from the statements: import the school's own
    lists first. A statement that is voided in the same file never happened.

    Args:
        school: where to.
        file: one statement a line; gzip is known by its content.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside. A broken line is set aside with its number; the rest goes on.

    Raises:
        BadInput: the file is missing, empty, cut (gzip) or holds no statement; then nothing is added.
        BadConfig: the settings cannot be used, or actors have e-mail addresses and there is no key to hide them.
    """
    settings = _settings(school)
    lake = Lake(school.lake, school.zone)
    name = digest("xapi", {"settings": settings, "zone": school.zone}, [present(file)])
    if lake.already_added(name):
        return ImportReport("xapi", repeated=True)
    with lake.adding("xapi", name) as batch:
        rows = _read(batch, file, (set(settings["own_home_pages"]), school.identity_key), progress or silent)
        rows = _activity(batch, _sound(batch, _in_use(batch, rows), file), file)
        _entities(batch, rows, file)
        _videos(batch, rows, file, float(settings["fastest_speed"]))
    return batch.report


def _settings(school: School) -> dict[str, Any]:
    settings = school.config("importers")["xapi"]
    pages, speed = settings["own_home_pages"], settings["fastest_speed"]
    if not (isinstance(pages, list) and all(isinstance(page, str) for page in pages)):
        raise BadConfig(
            "own_home_pages is not a list of texts", where="importers.toml [xapi]", mend="Write [] or a list"
        )
    if type(speed) not in (int, float) or speed < 1:
        raise BadConfig(f"fastest_speed = {speed!r}", where="importers.toml [xapi]", mend="Write a number from 1 on")
    return settings


def _read(batch: Batch, file: Path, actors: tuple[set[str], str], progress: Progress) -> pd.DataFrame:
    """All statements of the file, with ``actors`` as `fields` takes them; broken lines are set aside."""
    size = file.stat().st_size
    found: list[Fields] = []
    broken: dict[int, str] = {}
    for number, line in lines(file, lambda done: progress(done, size, file.name)):
        statement = parse(line)
        if isinstance(statement, str):
            broken[number] = statement  # the line itself may hold an e-mail address: it is not kept
        else:
            found.append(fields(number, line, statement, *actors))
    if not found:
        first = next(iter(broken.items()), None)
        what = f"no statement in {len(broken)} lines: line {first[0]} {first[1]}" if first else "is empty"
        mend = "Export one JSON statement a line, in UTF-8; an array becomes lines with: jq -c '.[]'"
        raise BadInput(what, where=str(file), mend=mend)
    mend = "Mend or remove the line; if the file was cut, export it again"
    for reason in dict.fromkeys(broken.values()):
        at = pd.Series([line for line, why in broken.items() if why == reason])
        batch.set_aside("videos", rejects("videos", file.name, at, reason=reason, mend=mend))
    progress(size, size, file.name)
    return pd.DataFrame(found).astype(dict.fromkeys(_TEXTS, "str"))


def _in_use(batch: Batch, rows: pd.DataFrame) -> pd.DataFrame:
    """Without what is voided, told twice, or no video statement; each is counted."""
    voiding = rows["verb"] == VOIDED
    voided = set(rows.loc[voiding, "object_id"].dropna())
    struck = rows["statement_id"].isin(voided)
    batch.ignore("a voiding statement", int(voiding.sum()))
    batch.ignore("a voided statement", int((struck & ~voiding).sum()))
    late = _already_in(batch.lake, voided)
    batch.ignore("voids a statement of an earlier import, which stays", late)
    rows = rows[~struck & ~voiding]
    again = rows["statement_id"].duplicated()
    batch.ignore("the same statement again", int(again.sum()))
    rows = rows[~again]
    unknown = ~rows["verb"].isin(_VERBS)
    for verb, count in Counter(rows.loc[unknown, "verb"].fillna("(none)")).items():
        batch.ignore(f"verb {verb}", count)
    rows = rows[~unknown]
    batch.ignore("about something that is no video", int((~rows["is_video"]).sum()))
    return rows[rows["is_video"]].assign(verb=lambda kept: kept["verb"].map(_VERBS))


def _already_in(lake: Lake, statements: set[str]) -> int:
    if not statements:
        return 0
    wanted = [("event_id", "in", list(statements))]
    return sum(pq.read_table(path, columns=["event_id"], filters=wanted).num_rows for path in lake.paths("activity"))


def _sound(batch: Batch, rows: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Statements that say who, in which course and when; with moments, enrolment and day."""
    (stored, _), (told, _) = (moments(rows[name].fillna("")) for name in ("stored", "timestamp"))
    occurred_at = told.where(rows["timestamp"].notna(), stored)
    rows = rows.assign(
        occurred_at=occurred_at.where(~(occurred_at > stored), stored),
        known_at=stored.where(rows["stored"].notna(), told),
        enrolment_id=rows["course_id"] + ":" + rows["student_id"],
    )
    for name, (field, reason, mend) in _MENDS.items():
        wrong = rows[rows[name].isna()]
        values = wrong[field] if field in rows else ""
        found = rejects("videos", file.name, wrong["line"], column=field, reason=reason, mend=mend, values=values)
        batch.set_aside("videos", found)
        rows = rows.drop(wrong.index)
    return rows.assign(day=clock.local_days(rows["occurred_at"], batch.lake.zone))


def _activity(batch: Batch, rows: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Writes a piece of activity per statement; gives the statements that met the contract."""
    rows = rows.set_index("line", drop=False).rename_axis(None)
    activity = pd.DataFrame(
        {
            "event_id": rows["statement_id"],
            "enrolment_id": rows["enrolment_id"],
            "kind": rows["verb"].map({"downloaded": "content"}).fillna("lesson"),
            "object_id": rows["object_id"],
            "occurred_at": rows["occurred_at"],
            "known_at": rows["known_at"],
        }
    )
    checked = batch.write("activity", activity, file=file.name)
    return rows[rows["statement_id"].isin(checked.rows["event_id"])]


def _entities(batch: Batch, rows: pd.DataFrame, file: Path) -> None:
    """Enrolments, people and courses that the lake does not have, from their first statement."""
    first = {"occurred_at": ("occurred_at", "min"), "known_at": ("known_at", "min"), "line": ("line", "min")}
    enrolments = rows.groupby(["enrolment_id", "student_id", "course_id"], as_index=False).agg(**first)
    # An address is no student of the school's lists: whose it is, the school may say by `identities`.
    named = enrolments[~enrolments["student_id"].str.startswith(MADE_HERE)]
    for table, key, columns, found in (
        ("courses", "course_id", ["course_id"], enrolments),
        ("students", "student_id", ["student_id"], named),
        ("enrolments", "enrolment_id", ["enrolment_id", "student_id", "course_id", "occurred_at"], enrolments),
    ):
        new = found[~found[key].isin(batch.lake.read(table)[key])]
        new = new.sort_values("known_at", kind="stable").drop_duplicates(key).set_index("line")
        batch.write(table, new[[*columns, "known_at"]], file=file.name)


def _videos(batch: Batch, rows: pd.DataFrame, file: Path, fastest_speed: float) -> None:
    rows = rows[rows["verb"].isin(_VIDEO_VERBS.values())]
    rows = rows.sort_values(["enrolment_id", "object_id", "occurred_at", "line"], kind="stable")
    made = pd.DataFrame(list(_facts(rows, fastest_speed)), columns=["enrolment_id", "video_id", *_FACT])
    batch.write("videos", made.set_index("line"), file=file.name)


_FACT = ("event_id", "line", "kind", "seconds", "progress", "occurred_at", "known_at")
_STATEMENT = [field.name for field in dataclass_fields(Statement)]
_OPTIONAL = ["position", "target", "progress"]


def _facts(rows: pd.DataFrame, fastest_speed: float) -> Iterator[tuple[Any, ...]]:
    values = attrgetter(*_FACT)
    rows = rows.astype(dict.fromkeys(_OPTIONAL, "object"))
    rows[_OPTIONAL] = rows[_OPTIONAL].where(rows[_OPTIONAL].notna(), None)
    own: Iterator[tuple[Any, ...]] = rows[["enrolment_id", "object_id", *_STATEMENT]].itertuples(index=False, name=None)
    for (enrolment, video), said in groupby(own, itemgetter(0, 1)):
        for fact in facts([Statement(*row[2:]) for row in said], fastest_speed):
            yield enrolment, video, *values(fact)
