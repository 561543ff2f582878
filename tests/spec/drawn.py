"""Drawn tables: a few rows drawn as a table, one feature, one expected column; all of them live in one school."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pandas as pd

from features.config import School
from features.contracts import TABLES
from features.lake import Lake

ZONE = "Europe/Moscow"
_UNDRAWN = {
    "courses": {"course_id": "course", "starts_at": "2026-03-01 00:00", "ends_at": "2026-06-01 00:00"},
    "enrolments": {"course_id": "course", "occurred_at": "2026-02-20"},
    "assignments": {"course_id": "course"},
    "activity": {"kind": "login"},
    "videos": {"video_id": "v1"},
    "tickets": {"ticket_id": "t1"},
    "touches": {"channel": "sms"},
}
"""By table, what a row has in a column that is not drawn."""
PROFILE = {
    "acquisition_channel": ["search", "friend"],
    "gender": ["f", "m"],
    "age_band": ["0-35", "35-55", "55<="],
    "region": ["north", "south"],
    "disability": ["no", "yes"],
}
"""What the school of the drawn tables switches on."""
Scene = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]


@dataclass(frozen=True)
class Drawn:
    """Some rows, and what one feature must say of them.

    Attributes:
        feature: its name.
        says: what is shown, in words.
        tables: by name, rows drawn with `|`; a date alone is noon of that day in the school's zone. There is a course,
            and an enrolment in it for everyone who is expected, whether it is drawn or not.
        expect: rows `enrolment | value`, one for each live enrolment; `-` is unknown.
        as_of: the cut-off.
    """

    feature: str
    says: str
    tables: dict[str, str]
    expect: str
    as_of: str = "2026-03-15"

    @property
    def expected(self) -> dict[str, float]:
        rows = ([cell.strip() for cell in line.split("|")] for line in self.expect.strip().splitlines())
        return {name: float("nan") if value == "-" else float(Fraction(value)) for name, value in rows}

    @property
    def scene(self) -> Scene:
        """What happened, to whom; several features may be shown by one."""
        return tuple(self.tables.items()), tuple(self.expected)

    def frames(self) -> dict[str, pd.DataFrame]:
        """The drawn rows, completed to their contracts, with the course and the enrolments that are not drawn."""
        made = {table: frame(table, text) for table, text in ({"courses": "course_id\ncourse"} | self.tables).items()}
        enrolments = frame("enrolments", "\n".join(["enrolment_id", *self.expected]))
        if (drawn := made.get("enrolments")) is not None:
            others = enrolments[~enrolments["enrolment_id"].isin(drawn["enrolment_id"])]
            enrolments = pd.concat([drawn, others], ignore_index=True)
        return made | {"enrolments": enrolments}


def cells(text: str) -> pd.DataFrame:
    """A drawn table as a frame of text; an empty cell is missing."""
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return pd.DataFrame(rows, columns=head, dtype="object").replace("", None)


def moment(text: str | None) -> pd.Timestamp | None:
    if text is None:
        return None
    stamp = pd.Timestamp(text if ":" in text else f"{text} 12:00")
    return stamp.tz_localize(ZONE).tz_convert("UTC").as_unit("us")


def frame(table: str, text: str) -> pd.DataFrame:
    """Drawn rows, completed to the contract: ids by row number, known when they happened."""
    contract = TABLES[table]
    rows = cells(text)
    ids = {contract.key[0]: [f"{table}-{i}" for i in range(len(rows))]}
    for name, value in (ids | _UNDRAWN.get(table, {})).items():
        if name not in rows:
            rows[name] = value
    if "student_id" in contract.columns and "student_id" not in rows:
        rows["student_id"] = rows["enrolment_id"]
    happened = rows.get("occurred_at", pd.Series("2026-01-01", index=rows.index))
    rows["known_at"] = rows["known_at"].fillna(happened) if "known_at" in rows else happened
    for name in rows.columns:
        if contract.columns[name].kind == "time":
            rows[name] = pd.to_datetime(rows[name].map(moment), utc=True).dt.as_unit("us")
    return rows


def one_school(drawn: Sequence[Drawn]) -> tuple[dict[Scene, str], dict[str, pd.DataFrame]]:
    """A school in which all the drawn tables are.

    Returns:
        What the ids of each scene begin with, and the tables.
    """
    scenes = {one.scene: one for one in drawn}
    begins = {scene: f"{number}-" for number, scene in enumerate(scenes)}
    found: dict[str, list[pd.DataFrame]] = {}
    for scene, one in scenes.items():
        for table, rows in one.frames().items():
            ids = [name for name in rows.columns if TABLES[table].columns[name].kind == "id"]
            found.setdefault(table, []).append(rows.assign(**{name: begins[scene] + rows[name] for name in ids}))
    return begins, {table: pd.concat(frames, ignore_index=True) for table, frames in found.items()}


def imported(home: Path, tables: Mapping[str, pd.DataFrame]) -> School:
    """A school whose lake has these rows, in no order."""
    settings = home / "configs" / "school.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("\n".join(["[profile]", *(f"{name} = {values}" for name, values in PROFILE.items())]), "utf-8")
    with Lake(home / "lake", ZONE).adding("drawn", "drawn") as batch:
        for table, rows in tables.items():
            batch.write(table, rows.sample(frac=1, random_state=1), file=table)
        assert not any(batch.report.set_aside.values()), batch.report.faults
    return School(home)
