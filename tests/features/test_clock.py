from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from features.clock import date_of, day_number, day_start, local_day, local_days, midnights


def days(*moments: str, zone: str) -> list:
    return local_days(pd.to_datetime(pd.Series(moments), utc=True).dt.as_unit("us"), zone).tolist()


def test_a_day_number_and_its_date_are_inverse():
    assert day_number(date(1970, 1, 1)) == 0
    assert day_number(date(2024, 2, 29)) == 19782
    assert date_of(19782) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("UTC", "2026-03-10T23:59:59.999999Z", date(2026, 3, 10)),
        ("UTC", "2026-03-11T00:00:00Z", date(2026, 3, 11)),
        ("Europe/Moscow", "2026-03-10T21:00:00Z", date(2026, 3, 11)),
        ("Pacific/Kiritimati", "2026-03-10T10:00:00Z", date(2026, 3, 11)),  # UTC+14
        ("Etc/GMT+12", "2026-03-10T11:59:59Z", date(2026, 3, 9)),
        ("Europe/Berlin", "2026-03-28T23:30:00Z", date(2026, 3, 29)),  # the day of 23 hours
        ("Europe/Berlin", "2026-03-29T21:59:59Z", date(2026, 3, 29)),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", date(2026, 10, 25)),  # the day of 25 hours
        ("Europe/Berlin", "2026-10-25T22:59:59Z", date(2026, 10, 25)),
    ],
)
def test_a_moment_falls_on_the_day_of_the_schools_calendar(zone, moment, day):
    assert days(moment, zone=zone) == [day_number(day)]
    assert local_day(datetime.fromisoformat(moment), zone) == day_number(day)


def test_a_missing_moment_has_no_day():
    assert pd.isna(days(None, zone="UTC")[0])


def test_a_day_starts_at_local_midnight_even_when_the_clock_changes():
    assert day_start(date(2026, 3, 29), "Europe/Berlin") == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert day_start(date(2026, 3, 30), "Europe/Berlin") == datetime(2026, 3, 29, 22, tzinfo=UTC)


ZONES = [
    "UTC",
    "Europe/Moscow",
    "Europe/Berlin",
    "Europe/Dublin",  # its summer time is the standard one
    "Asia/Beirut",  # skips midnight in spring, its last hour of an October's day comes twice
    "America/Havana",  # skips midnight in spring, midnight comes twice in autumn
    "America/Sao_Paulo",
    "America/Asuncion",
    "Africa/Cairo",
    "Asia/Tehran",
    "Asia/Gaza",
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",  # changes by half an hour
]


SAMOA = pytest.param(
    "Pacific/Apia",
    marks=pytest.mark.xfail(strict=True, reason="pandas begins 2010-09-26, which had no midnight, an hour late"),
)


@pytest.mark.parametrize("zone", [*ZONES, SAMOA])
def test_midnights_are_the_starts_of_the_days(zone):
    every = np.arange(day_number(date(2009, 1, 1)), day_number(date(2027, 1, 1)))
    first = midnights(every, zone)
    # As arrays: where one of thousands is off, as it is in Samoa, pytest would take hours to show how lists differ.
    assert np.array_equal(first, [day_start(int(day), zone).timestamp() * 1e6 for day in every])


@pytest.mark.parametrize("zone", ZONES)
def test_a_midnight_is_the_first_moment_of_its_day(zone):
    every = np.arange(day_number(date(2009, 1, 1)), day_number(date(2027, 1, 1)))
    first = midnights(every, zone)
    for moments, expected in ((first, every), (first - 1, every - 1)):
        stamps = pd.Series(pd.to_datetime(moments, unit="us", utc=True)).dt.as_unit("us")
        assert np.array_equal(local_days(stamps, zone), expected)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Beirut", date(2025, 3, 30), 23),
        ("Asia/Beirut", date(2025, 10, 25), 25),
        ("America/Havana", date(2025, 3, 9), 23),
        ("America/Havana", date(2025, 11, 2), 25),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Moscow", date(2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_it_is(zone, day, hours):
    first, after = midnights(np.array([day_number(day), day_number(day + timedelta(days=1))]), zone)
    assert after - first == hours * 3_600_000_000


def test_no_days_have_no_midnights():
    assert midnights(np.array([], dtype="int64"), "Asia/Beirut").tolist() == []
