from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.build import snapshot
from features.business_hours import BusinessHours
from features.errors import BadConfig
from tests.features.small_school import SmallSchool
from tests.thorough import examples

WEEK = {"opens": 10, "closes": 19, "days": [0, 1, 2, 3, 4], "holidays": ["2026-03-09"]}
HOURS = BusinessHours.from_config(WEEK, "Europe/Moscow")


def due(start: str, hours: float, of: BusinessHours = HOURS) -> str:
    moment = pd.Series([pd.Timestamp(start).tz_localize(of.zone).tz_convert("UTC").as_unit("us")])
    return f"{of.add(moment, np.array([hours])).dt.tz_convert(of.zone).iloc[0]:%a %d %H:%M}"


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        ("2026-03-03 11:00", 2, "Tue 03 13:00"),
        ("2026-03-03 18:00", 2, "Wed 04 11:00"),  # over the night
        ("2026-03-03 08:00", 2, "Tue 03 12:00"),  # before opening
        ("2026-03-03 10:00", 9, "Tue 03 19:00"),  # to the last minute of the day
        ("2026-03-06 18:30", 2, "Tue 10 11:30"),  # over a weekend and the holiday of Monday
        ("2026-03-07 12:00", 1, "Tue 10 11:00"),  # written on a Saturday
    ],
)
def test_working_hours_are_added(start, hours, expected):
    assert due(start, hours) == expected


def brute_force(start: datetime, minutes: int) -> datetime:
    """Counts working minutes one by one."""
    now, zone, left = start, ZoneInfo("Europe/Moscow"), minutes
    while left:
        local = now.astimezone(zone)
        if local.weekday() < 5 and 10 <= local.hour < 19 and f"{local:%Y-%m-%d}" != "2026-03-09":
            left -= 1
        now += timedelta(minutes=1)
    return now


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 60 * 24 * 20), st.integers(1, 60 * 30))
def test_it_agrees_with_counting_minutes(offset, minutes):
    start = datetime(2026, 2, 27, tzinfo=UTC) + timedelta(minutes=offset)
    found = HOURS.add(pd.Series([pd.Timestamp(start).as_unit("us")]), np.array([minutes / 60])).iloc[0]
    assert abs(found.to_pydatetime() - brute_force(start, minutes)) < timedelta(seconds=1)


@pytest.mark.parametrize("wrong", [{"opens": 19, "closes": 10}, {"days": []}, {"days": [9]}, {"holidays": ["soon"]}])
def test_hours_that_make_no_sense_are_refused(wrong):
    with pytest.raises(BadConfig, match=r"support.hours"):
        BusinessHours.from_config(WEEK | wrong, "UTC")


def moments(*starts: str, zone: str = "Europe/Moscow") -> pd.Series:
    return pd.to_datetime(pd.Series(starts)).dt.tz_localize(zone).dt.tz_convert("UTC").dt.as_unit("us")


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-03-03 11:00", "2026-03-03 13:30", 2.5),
        ("2026-03-03 18:00", "2026-03-04 11:00", 2),
        ("2026-03-03 08:00", "2026-03-03 09:59", 0),  # before opening
        ("2026-03-03 19:00", "2026-03-04 10:00", 0),
        ("2026-03-03 08:00", "2026-03-03 23:00", 9),
        ("2026-03-06 18:30", "2026-03-10 11:30", 2),  # over a weekend and the holiday of Monday
        ("2026-03-07 12:00", "2026-03-09 12:00", 0),
        ("2026-03-03 11:00", "2026-03-10 11:00", 36),
    ],
)
def test_the_clock_of_working_hours_stands_still_outside_of_them(start, end, hours):
    first, last = HOURS.clock(moments(start, end))
    assert last - first == pytest.approx(hours)


def test_the_clock_goes_by_the_wall_where_it_changes():
    berlin = BusinessHours.from_config(WEEK | {"opens": 0, "closes": 24, "days": list(range(7))}, "Europe/Berlin")
    first, last = berlin.clock(moments("2026-03-28 12:00", "2026-03-29 12:00", zone="Europe/Berlin"))
    assert last - first == pytest.approx(24)  # the night has 23 hours


def test_no_moments_have_no_clock():
    assert HOURS.clock(moments()[:0].astype("datetime64[us, UTC]")).tolist() == []


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 60 * 24 * 20), st.integers(0, 60 * 60))
def test_the_clock_has_gone_on_by_the_hours_that_were_added(offset, minutes):
    start = pd.Series([pd.Timestamp(datetime(2026, 2, 27, tzinfo=UTC) + timedelta(minutes=offset)).as_unit("us")])
    due = HOURS.add(start, np.array([minutes / 60]))
    assert (HOURS.clock(due) - HOURS.clock(start))[0] == pytest.approx(minutes / 60, abs=1e-6)


LAUNCH = {"first": "2026-03-03", "last": "2026-03-04", "times": 2}


def test_a_promise_is_widened_on_exceptional_days_both_included():
    days = moments("2026-03-02 23:59", "2026-03-03 00:00", "2026-03-04 23:59", "2026-03-05 00:00")
    assert HOURS.corridor(days, [LAUNCH]).tolist() == [1, 2, 2, 1]
    assert HOURS.corridor(days, []).tolist() == [1, 1, 1, 1]
    assert HOURS.corridor(days[:0], [LAUNCH]).tolist() == []


def test_where_spells_overlap_the_wider_one_counts():
    spells = [LAUNCH, {"first": "2026-03-04", "last": "2026-03-06", "times": 3}, LAUNCH | {"times": 1.5}]
    days = moments("2026-03-03 12:00", "2026-03-04 12:00", "2026-03-06 12:00")
    assert HOURS.corridor(days, spells).tolist() == [2, 3, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": 0.5},
        {"times": "often"},
        {"times": float("nan")},
        {"first": "soon"},
        {"first": "2026-03-05"},
        {"last": None},
    ],
)
def test_a_spell_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(BadConfig, match="exceptional_days"):
        HOURS.corridor(moments("2026-03-03 12:00"), [LAUNCH | wrong])
    with pytest.raises(BadConfig, match="exceptional_days"):
        HOURS.corridor(moments("2026-03-03 12:00"), [{"first": "2026-03-03"}])


def breaches(home, own: str) -> list[float]:
    """Broken promises known on Wednesday, Thursday and Friday; Tuesday's ticket was answered after 3 hours."""
    made = SmallSchool()
    made.enrol("ann", "2026-02-02")
    ticket = {"student_id": "ann", "ticket_id": "t", "priority": "P2"}
    made.add("tickets", "2026-03-03T10:00", event="opened", **ticket)
    made.add("tickets", "2026-03-03T13:00", event="responded", **ticket)
    made.add("tickets", "2026-03-03T13:00", event="resolved", **ticket)
    school = made.write(home)
    with (school.home / "configs" / "school.toml").open("a", encoding="utf-8") as file:
        file.write(own)
    return snapshot(school, [date(2026, 3, day) for day in (4, 5, 6)])["sla_breaches_90d"].tolist()


@pytest.mark.parametrize(
    ("first", "times", "expected"),
    [(None, None, 1), ("2026-03-03", 2, 0), ("2026-03-03", 1.5, 0), ("2026-03-03", 1.4, 1), ("2026-03-04", 2, 1)],
)
def test_an_answer_within_the_widened_promise_breaks_none(tmp_path, first, times, expected):
    """Two hours were promised; what counts is the day on which the ticket was opened."""
    spell = f'[[support.exceptional_days]]\nfirst = "{first}"\nlast = "2026-03-04"\ntimes = {times}\n'
    assert breaches(tmp_path / "home", spell if first else "") == [expected] * 3
