"""Days are the school's own: every event table at local midnight and a microsecond before it, in zones of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

import pandas as pd
import pytest

from features.build import snapshot
from features.catalogue import FEATURES
from features.clock import day_number, day_start
from features.contracts import TABLES
from tests.features.kinds import KINDS, OF_A_PERSON, Kind
from tests.features.small_school import MICROSECOND, SmallSchool

DAY = timedelta(days=1)
YESTERDAYS = [
    # the day before the cut-off, and how long it is there
    ("Europe/Moscow", date(2024, 2, 29), 24),
    ("America/New_York", date(2025, 3, 9), 23),
    ("America/New_York", date(2025, 11, 2), 25),
    ("Asia/Beirut", date(2025, 3, 30), 23),  # begins at 01:00
    ("Asia/Beirut", date(2025, 10, 25), 25),  # its last hour comes twice
    ("Pacific/Kiritimati", date(2025, 3, 9), 24),  # UTC+14
    ("Etc/GMT+12", date(2025, 3, 9), 24),  # UTC-12
]
FULL = YESTERDAYS[1], YESTERDAYS[3]
"""Where every table is tried; elsewhere the activity alone."""


NAMES = [kind.name for kind in KINDS]
OF_ANOTHER_MOMENT = {"sla_breaches_90d"}
"""Features whose window holds what became of the event: the moment at which a promise about it fell due."""


def windows(table: str) -> list[int]:
    """The windows of the features that read a table."""
    return sorted({f.window_days for f in FEATURES.values() if f.window_days and table in f.tables})


class Town:
    """One enrolment for each kind of event and moment of it, all of one course, at several cut-offs.

    Args:
        yesterday: the day before the cut-off.
        kinds: which ones.
    """

    def __init__(self, home: Any, zone: str, yesterday: date, kinds: list[Kind]) -> None:
        self.school, self.cut = SmallSchool(zone), yesterday + DAY
        begins, known = self.start(-150), self.start(-170)
        self.school.add("courses", course_id="c", starts_at=begins, ends_at=self.start(60), lessons=5, known=known)
        self.school.add("assignments", assignment_id="a", course_id="c", due_at=self.start(-20), known=known)
        for kind in kinds:
            for variant, (moment, told) in self.variants(kind.table).items():
                self._enrol(kind, f"{kind.name}: {variant}", moment, told)
        self._a_day_of_visits(yesterday)
        self.cuts = [self.cut + n * DAY for n in (-1, 0, 1, 6, 7)]
        self.home = self.school.write(home)
        self.table = snapshot(self.home, self.cuts).set_index(["enrolment_id", "day"])

    def start(self, days: int) -> Any:
        """The first moment of a day, so many days after the cut-off."""
        return day_start(self.cut + days * DAY, self.school.zone)

    def variants(self, table: str) -> dict[str, tuple[Any, Any]]:
        """When it happens and when it is known, by name."""
        prompt = {"never": None, "before": self.start(0) - MICROSECOND, "at": self.start(0)}
        for days in windows(table):
            prompt |= {f"first of {days}": self.start(-days), f"before {days}": self.start(-days) - MICROSECOND}
        noon = self.start(-3) + timedelta(hours=12)
        late = {"told before": (noon, self.start(0) - MICROSECOND), "told at": (noon, self.start(0))}
        return {name: (moment, moment) for name, moment in prompt.items()} | late

    def _enrol(self, kind: Kind, name: str, moment: Any, told: Any) -> None:
        self.school.enrol(name, self.start(-160))
        facts = [(self.start(-100), self.start(-100), table, row) for table, row in kind.before]
        facts += [] if moment is None else [(moment, told, kind.table, kind.row)]
        for at, known, table, row in facts:
            row = row | ({"student_id": name} if table in OF_A_PERSON else {"enrolment_id": name})
            row |= {"ticket_id": f"ticket of {name}"} if table == "tickets" else {}
            row |= {"score_known_at": known} if table == "submissions" else {}
            self.school.add(table, at, known, **row)

    def _a_day_of_visits(self, yesterday: date) -> None:
        self.school.enrol("visitor", self.start(-160))
        self.school.enrol("nobody", self.start(-160))
        for moment in (self.start(-1), self.start(-1) + timedelta(hours=2, minutes=30), self.start(0) - MICROSECOND):
            self.school.add("activity", moment, enrolment_id="visitor", kind="login")

    def row(self, name: str, days: int = 0) -> pd.Series | None:
        """Features at the cut-off, or so many days after it; None if the enrolment is not live."""
        at = (name, day_number(self.cut + days * DAY))
        return self.table.loc[at].drop(["student_id"]) if at in self.table.index else None


def said(one: Any) -> str:
    return one if isinstance(one, str) else f"{one[0]} {one[1]}"


CASES = [(one, name) for one in YESTERDAYS for name in (NAMES if one in FULL else NAMES[:1])]
every_kind = pytest.mark.parametrize(("town", "name"), CASES, indirect=["town"], ids=said)
every_zone = pytest.mark.parametrize("town", YESTERDAYS, indirect=True, ids=said)


@pytest.fixture(scope="module")
def towns(tmp_path_factory) -> Callable[..., Town]:
    @cache
    def made(zone: str, yesterday: date, hours: int) -> Town:
        assert day_start(yesterday + DAY, zone) - day_start(yesterday, zone) == timedelta(hours=hours)
        kinds = KINDS if (zone, yesterday, hours) in FULL else KINDS[:1]
        return Town(tmp_path_factory.mktemp("town") / "home", zone, yesterday, kinds)

    return made


@pytest.fixture
def town(request, towns) -> Town:
    return towns(*request.param)


def changed(one: pd.Series | None, other: pd.Series | None) -> set[str]:
    """The columns in which two rows differ; `live` if only one of them is there."""
    if one is None or other is None:
        return set() if one is other else {"live"}
    return {
        name for name in one.index if not (one[name] == other[name] or (pd.isna(one[name]) and pd.isna(other[name])))
    }


@every_kind
def test_an_event_counts_from_the_midnight_after_it(town, name):
    assert not changed(town.row(f"{name}: at"), town.row(f"{name}: never"))
    assert changed(town.row(f"{name}: before"), town.row(f"{name}: never"))
    assert changed(town.row(f"{name}: at", 1), town.row(f"{name}: never", 1))


@every_kind
def test_an_event_counts_from_the_midnight_after_it_is_told(town, name):
    assert not changed(town.row(f"{name}: told at"), town.row(f"{name}: never"))
    assert changed(town.row(f"{name}: told before"), town.row(f"{name}: never"))
    assert changed(town.row(f"{name}: told at", 1), town.row(f"{name}: never", 1))


@every_kind
def test_a_window_begins_with_its_first_midnight(town, name):
    """A feature that sees the event yesterday sees it at the window's first moment, and never a microsecond before."""
    table = KINDS[NAMES.index(name)].table
    never = town.row(f"{name}: never")
    seen = changed(town.row(f"{name}: before"), never)
    for days in windows(table):
        own = {f.name for f in FEATURES.values() if f.window_days == days and table in f.tables}
        own -= OF_ANOTHER_MOMENT
        first, before = (changed(town.row(f"{name}: {which} {days}"), never) for which in ("first of", "before"))
        assert not before & own, f"look further back than {days} days"
        assert first & own >= seen & own, f"begin later than {days} days ago"


@every_zone
def test_one_student_alone_has_the_same_row(town):
    students = sorted(town.table["student_id"].unique())
    alone = snapshot(town.home, town.cuts, students=students[::7]).set_index(["enrolment_id", "day"])
    pd.testing.assert_frame_equal(alone, town.table[town.table["student_id"].isin(students[::7])], check_exact=True)


@every_zone
def test_a_day_is_one_day_however_long_it_is(town):
    expected = {
        # days after the cut-off: active days in 7, clicks in 7, days without login
        -1: (0, 0, None),
        0: (1, 3, 0),
        1: (1, 3, 1),
        6: (1, 3, 6),
        7: (0, 0, 7),
    }
    for days, (active, clicks, since) in expected.items():
        row = town.row("visitor", days)
        assert (row["active_days_7d"], row["clicks_7d"]) == (active, clicks)
        assert row["days_without_login"] == (town.row("nobody", days)["days_without_login"] if since is None else since)
        assert town.row("nobody", days)["days_since_start"] == 150 + days


def test_every_event_table_is_tried():
    read = {table for feature in FEATURES.values() for table in feature.tables}
    events = {name for name in read if "occurred_at" in TABLES[name].columns} - {"enrolments"}
    assert events <= {kind.table for kind in KINDS}
