"""Drawn tables: a few events drawn as a table, one feature, one expected column."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from features.contracts import TABLES
from features.lake import Lake

ZONE = "Europe/Moscow"
_DEFAULTS = {
    "course_id": "course",
    "kind": "login",
    "video_id": "v1",
    "ticket_id": "t1",
    "assignment_id": "a1",
    "channel": "sms",
    "price_minor": None,
}
_KEPT_OUT = {"activity": ("kind",), "videos": ("kind",), "payments": ("kind",)}


@dataclass(frozen=True)
class Drawn:
    """Some events, and what one feature must say of them.

    Attributes:
        feature: its name.
        says: what is shown, in words.
        events: by table, rows drawn with `|`; a date alone is noon of that day in the school's zone.
        expect: rows `enrolment | value`; `-` is unknown.
        as_of: the cut-off.
    """

    feature: str
    says: str
    events: dict[str, str]
    expect: str
    as_of: str = "2026-03-15"
    enrolment: dict[str, str] = field(default_factory=dict)
    course: dict[str, str] = field(default_factory=dict)

    @property
    def expected(self) -> dict[str, float]:
        rows = (line.split("|") for line in self.expect.strip().splitlines())
        return {name.strip(): float("nan") if value.strip() == "-" else float(value) for name, value in rows}


def cells(text: str) -> pd.DataFrame:
    """A drawn table as a frame of text; an empty cell is missing."""
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return pd.DataFrame(rows, columns=head).replace("", None)


def moment(text: str | None) -> pd.Timestamp | None:
    if text is None:
        return None
    stamp = pd.Timestamp(text if ":" in text else f"{text} 12:00")
    return stamp.tz_localize(ZONE).tz_convert("UTC").as_unit("us")


def frame(table: str, text: str) -> pd.DataFrame:
    """Drawn rows, completed to the contract: ids by row number, known when they happened."""
    contract = TABLES[table]
    rows = cells(text)
    for name, column in contract.columns.items():
        if name in rows:
            continue
        if name == contract.key[0]:
            rows[name] = [f"{table}-{i}" for i in range(len(rows))]
        elif name == "student_id":
            rows[name] = rows.get("enrolment_id", "ann")
        elif name == "known_at":
            rows[name] = rows.get("occurred_at", "2026-02-01")
        elif column.required and column.default is None:
            rows[name] = _DEFAULTS[name]
    for name, column in contract.columns.items():
        if column.kind == "time" and name in rows:
            rows[name] = pd.to_datetime(rows[name].map(moment), utc=True).dt.as_unit("us")
    return rows


def people(drawn: Drawn) -> dict[str, pd.DataFrame]:
    """One course of March to May, and an enrolment on its first day for everyone who is expected."""
    names = list(drawn.expected)
    course = {"course_id": ["course"], "known_at": ["2026-02-01"], "starts_at": ["2026-03-01 00:00"]}
    course |= {"ends_at": ["2026-06-01 00:00"]} | {key: [value] for key, value in drawn.course.items()}
    enrolments = {"enrolment_id": names, "student_id": names, "course_id": "course", "occurred_at": "2026-02-20 12:00"}
    enrolments |= {"known_at": "2026-02-20 12:00"} | drawn.enrolment
    made = {"courses": pd.DataFrame(course), "enrolments": pd.DataFrame(enrolments)}
    for table, rows in made.items():
        for name in rows.columns:
            if TABLES[table].columns[name].kind == "time":
                rows[name] = pd.to_datetime(rows[name].map(moment), utc=True).dt.as_unit("us")
    return made


def lake_of(folder: Path, drawn: Drawn, *, shuffled: bool = False) -> Lake:
    lake = Lake(folder / "lake", ZONE)
    with lake.adding("drawn", drawn.feature) as batch:
        for table, rows in (people(drawn) | {name: frame(name, text) for name, text in drawn.events.items()}).items():
            batch.write(table, rows.sample(frac=1, random_state=1) if shuffled else rows, file=table)
        assert batch.report.set_aside == dict.fromkeys(batch.report.set_aside, 0), batch.report.faults
    return lake
