from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.business_hours import BusinessHours
from features.errors import BadConfig

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


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60 * 24 * 20), st.integers(1, 60 * 30))
def test_it_agrees_with_counting_minutes(offset, minutes):
    start = datetime(2026, 2, 27, tzinfo=UTC) + timedelta(minutes=offset)
    found = HOURS.add(pd.Series([pd.Timestamp(start).as_unit("us")]), np.array([minutes / 60])).iloc[0]
    assert abs(found.to_pydatetime() - brute_force(start, minutes)) < timedelta(seconds=1)


@pytest.mark.parametrize("wrong", [{"opens": 19, "closes": 10}, {"days": []}, {"days": [9]}, {"holidays": ["soon"]}])
def test_hours_that_make_no_sense_are_refused(wrong):
    with pytest.raises(BadConfig, match=r"support.hours"):
        BusinessHours.from_config(WEEK | wrong, "UTC")
