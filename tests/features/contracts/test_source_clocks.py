"""The clocks of the sources are not trusted: a row without a credible time stamp is set aside, never counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from features.contracts import TABLES, check
from features.errors import BadInput
from features.lake import Lake

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EVENTS = [name for name, table in TABLES.items() if "occurred_at" in table.columns]


def row(table: str, occurred_at: object = NOW, known_at: object = NOW) -> dict[str, object]:
    """A sound row of a table, but for its times."""
    found: dict[str, object] = {}
    for name, column in TABLES[table].columns.items():
        if column.required and column.default is None and column.kind != "time":
            found[name] = column.choices[0] if column.choices else (column.low or 1) if column.kind == "number" else "x"
    if "occurred_at" in TABLES[table].columns:
        found["occurred_at"] = occurred_at
    return found | {"known_at": known_at}


@pytest.fixture(autouse=True)
def at_noon(monkeypatch):
    monkeypatch.setattr("features.clock.now", lambda: NOW)


def faults(table: str, **times: object) -> list[tuple[str, str]]:
    found = check(table, pd.DataFrame([row(table, **times)]), file="export.csv")
    assert len(found.rows) + found.rejected == 1
    return list(zip(found.rejects["column"], found.rejects["reason"], strict=True))


@pytest.mark.parametrize("table", TABLES)
def test_totals_as_of_today_are_taken_with_their_time_stamp_only(table):
    """A total without the moment at which it was so might be of after the cut-off."""
    assert not faults(table)
    frame = pd.DataFrame([row(table)])
    with pytest.raises(BadInput, match=r"export.csv: lacks the column known_at"):
        check(table, frame.drop(columns="known_at"), file="export.csv")
    assert faults(table, known_at=None) == [("known_at", "is empty")]


@pytest.mark.parametrize("table", EVENTS)
def test_what_was_known_before_it_happened_is_set_aside(table):
    """The clock of a client that runs ahead; nobody knows by how much."""
    late = {"occurred_at": NOW, "known_at": NOW - timedelta(microseconds=1)}
    expected = [] if table == "enrolments" else [("known_at", "known_at is before occurred_at")]
    assert faults(table, **late) == expected


@pytest.mark.parametrize("table", TABLES)
def test_a_day_of_skew_is_borne_and_no_more(table):
    tomorrow = NOW + timedelta(days=1)
    assert not faults(table, known_at=tomorrow)
    assert faults(table, known_at=tomorrow + SECOND) == [("known_at", "known_at is in the future")]


@pytest.mark.parametrize("table", sorted(set(EVENTS) - {"enrolments"}))
def test_an_event_of_the_future_is_set_aside_whenever_it_says_it_was_known(table):
    coming = NOW + timedelta(days=30)
    assert faults(table, occurred_at=coming) == [("known_at", "known_at is before occurred_at")]
    assert faults(table, occurred_at=coming, known_at=coming) == [("known_at", "known_at is in the future")]


@pytest.mark.parametrize("moment", [datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00Z", "1989-12-31T23:59:59Z"])
def test_a_clock_that_starts_at_1970_is_set_aside(moment):
    assert ("occurred_at", "is before 1990") in faults("activity", occurred_at=moment)
    assert ("known_at", "is before 1990") in faults("activity", known_at=moment)


@pytest.mark.parametrize("moment", ["2026-03-15 12:00:00", "2026-03-15T12:00:00", datetime(2026, 3, 15, 12)])
def test_a_moment_without_a_zone_is_set_aside(moment):
    assert ("occurred_at", "has no time zone") in faults("activity", occurred_at=moment)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2025-03-30T02:30:00+01:00", "2025-03-30T01:30:00Z"),  # an hour that Berlin skips
        ("2025-10-26T02:30:00+02:00", "2025-10-26T00:30:00Z"),  # and one that comes twice
        ("2025-10-26T02:30:00+01:00", "2025-10-26T01:30:00Z"),
        ("2024-02-29T23:59:59.999999-12:00", "2024-03-01T11:59:59.999999Z"),
        ("2024-03-01T00:00:00+14:00", "2024-02-29T10:00:00Z"),
    ],
)
def test_a_moment_is_the_one_that_its_offset_says(written, moment):
    found = check("activity", pd.DataFrame([row("activity", occurred_at=written)]))
    assert found.rows["occurred_at"].tolist() == [pd.Timestamp(moment)]


def test_a_clock_that_is_put_back_during_an_import_sets_rows_aside_and_loses_none(tmp_path, monkeypatch):
    lake = Lake(tmp_path / "lake", "Europe/Moscow")
    with lake.adding("test", "1") as batch:
        batch.write("activity", pd.DataFrame([row("activity") | {"event_id": "before"}]))
        monkeypatch.setattr("features.clock.now", lambda: NOW - timedelta(days=1))
        batch.write("activity", pd.DataFrame([row("activity") | {"event_id": "a day back"}]))
        monkeypatch.setattr("features.clock.now", lambda: NOW - timedelta(days=3))
        batch.write("activity", pd.DataFrame([row("activity") | {"event_id": "three days back"}]))
    assert lake.read("activity")["event_id"].tolist() == ["before", "a day back"]
    assert lake.rejects()["reason"].tolist() == ["known_at is in the future"]
    with lake.adding("test", "2") as batch:  # the clock is right again
        monkeypatch.setattr("features.clock.now", lambda: NOW)
        batch.write("activity", pd.DataFrame([row("activity") | {"event_id": "three days back"}]))
    assert len(lake.read("activity")) == 3
