from datetime import UTC, date, datetime

import pandas as pd
import pytest

from features.clock import date_of, day_number, day_start, local_days


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


def test_a_missing_moment_has_no_day():
    assert pd.isna(days(None, zone="UTC")[0])


def test_a_day_starts_at_local_midnight_even_when_the_clock_changes():
    assert day_start(date(2026, 3, 29), "Europe/Berlin") == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert day_start(date(2026, 3, 30), "Europe/Berlin") == datetime(2026, 3, 29, 22, tzinfo=UTC)
