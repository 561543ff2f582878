"""Time: the only place that asks what time it is, and the only place that knows what a school's day is.

A *day number* is the count of days from 1970-01-01 to a date of the school's own calendar. A cut-off is
the start of a day: at cut-off ``t`` everything known before that local midnight is known, nothing else.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

_EPOCH = date(1970, 1, 1)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def seconds() -> float:
    """A clock for the length of things; its zero means nothing."""
    return perf_counter()


def today(zone: str) -> date:
    """Today's date in the zone."""
    return now().astimezone(ZoneInfo(zone)).date()


def day_number(day: date) -> int:
    """Days from 1970-01-01 to ``day``."""
    return (day - _EPOCH).days


def date_of(day: int) -> date:
    """The date of a day number; the inverse of `day_number`."""
    return _EPOCH + timedelta(days=int(day))


def day_start(day: date | int, zone: str) -> datetime:
    """The first moment of a local day, in UTC.

    Where a zone skips midnight (a clock change at 00:00), this is the first moment that exists.
    """
    day = day if isinstance(day, date) else date_of(day)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def local_day(moment: datetime, zone: str) -> int:
    """The day number of an aware moment in the zone; of many moments, `local_days`."""
    return day_number(moment.astimezone(ZoneInfo(zone)).date())


def midnights(days: np.ndarray, zone: str) -> np.ndarray:
    """The first moments of local days, as `day_start` gives them.

    Args:
        days: (n,) day numbers.
        zone: an IANA zone name.

    Returns:
        (n,) int64, microseconds since 1970-01-01 UTC.
    """
    local = pd.DatetimeIndex(np.asarray(days, dtype="int64").astype("datetime64[D]").astype("datetime64[us]"))
    first = local.tz_localize(zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward")
    return first.tz_convert("UTC").as_unit("us").asi8


def local_days(moments: pd.Series, zone: str) -> pd.Series:
    """Day numbers of aware moments in the zone.

    Args:
        moments: (n,) ``datetime64[us, UTC]``; missing values stay missing.
        zone: an IANA zone name.

    Returns:
        (n,) nullable ``Int32``.
    """
    local = moments.dt.tz_convert(zone).dt.tz_localize(None).to_numpy("datetime64[us]")
    days = local.astype("datetime64[D]").astype("int64")
    missing = np.isnat(local)
    return pd.Series(pd.arrays.IntegerArray(np.where(missing, 0, days).astype("int32"), missing), index=moments.index)
