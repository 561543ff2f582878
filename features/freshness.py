"""Freshness: which tables have stopped delivering, each judged by its own rhythm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import ceil, inf, log
from pathlib import Path

import duckdb
import numpy as np

from features.catalogue import FEATURES
from features.clock import date_of, day_number
from features.lake import Lake

FEEDS: dict[str, dict[str, str]] = {
    "activity": {"en": "activity", "ru": "активность", "zh": "学习活动"},
    "submissions": {"en": "homework", "ru": "домашние задания", "zh": "作业"},
    "videos": {"en": "video", "ru": "видео", "zh": "视频"},
    "live": {"en": "live classes", "ru": "живые занятия", "zh": "直播课"},
    "tickets": {"en": "support tickets", "ru": "обращения в поддержку", "zh": "工单"},
    "ratings": {"en": "ratings", "ru": "оценки", "zh": "评分"},
    "nps": {"en": "NPS", "ru": "NPS", "zh": "NPS"},
    "touches": {"en": "contacts", "ru": "контакты", "zh": "联系记录"},
    "payments": {"en": "payments", "ru": "платежи", "zh": "支付"},
}
"""The tables of events that features are made of, with what people call them."""

_LOOK_BACK = 365  # days of a table's past that say what is usual, so that a yearly holiday is among them
_LEAST_GAPS = 14  # with fewer, a table has no rhythm yet that it could fall out of
_ONE_IN = 100  # gaps: so many go by before one is taken for a stop that is none
_RATE_WEEKS = 4  # weeks before the newest fact that say how many facts a day of the week has
_LEAST_MISSED = 20.0  # facts; they come in clumps (a ticket is opened, answered, solved), so these are some six events,
# and of six that come by chance (Poisson) all stay away once in 400 times


@dataclass(frozen=True)
class Stale:
    """A table that used to deliver and has stopped.

    Attributes:
        table: its name.
        families: the families of features that it feeds.
        last_day: of its newest fact.
        usual_gap_days: how old its newest fact may become in the ordinary course of things; see `stale`.
        age_days: days from ``last_day`` to the as-of day; facts of yesterday are 1 day old.
    """

    table: str
    families: tuple[str, ...]
    last_day: date
    usual_gap_days: float
    age_days: int

    @property
    def words(self) -> dict[str, str]:
        """The same for people, by language."""
        name, last, usual = FEEDS[self.table], self.last_day, f"{self.usual_gap_days:.0f}"
        return {
            "en": f"no data of {name['en']} since {last}: {self.age_days} days, usually at most {usual}",
            "ru": f"нет новых данных ({name['ru']}) с {last}: {self.age_days} дн., обычно не больше {usual}",
            "zh": f"自{last}起没有{name['zh']}数据：已{self.age_days}天，通常不超过{usual}天",
        }


def stale(lake: Lake, as_of: date) -> list[Stale]:
    """The tables that had stopped delivering by an as-of day, as far as was known then.

    A table is stale when its newest fact known before that day is older than the freshness limit of the features made
    of it and older than it usually gets (`usual_gap`), and when enough facts have failed to come: twenty, at the pace
    of the same days of the weeks before, so that a quiet weekend of a small school is no alarm. Where deadlines
    are kept, homework may be as old as it likes until the next one. A table that never had a row is absent, not stale.

    Returns:
        In the order of `FEEDS`.
    """
    return list(_stale(lake.root, lake.zone, lake.version, as_of))


@lru_cache(maxsize=64)
def _stale(root: Path, zone: str, version: str, as_of: date) -> tuple[Stale, ...]:
    """The same, remembered for a state of the lake: each single answer asks."""
    lake, found = Lake(root, zone), []
    for table in FEEDS:
        facts = _facts(lake, table).known_before(day_number(as_of))
        if not len(facts.day):
            continue
        last = int(facts.day[-1])
        age = day_number(as_of) - last
        usual = _to_deadline(lake, last, last + age) if table == "submissions" else None
        usual = usual_gap(_ages(facts)) if usual is None else usual
        features = [feature for feature in FEATURES.values() if table in feature.tables]
        limit = min(feature.freshness_hours for feature in features)
        # The newest fact may be of the last minute of its day, so only whole days of silence count.
        silent = np.arange(last + 1, last + age)
        if age <= usual or len(silent) * 24 < limit or _missed(facts, silent) < _LEAST_MISSED:
            continue
        families = tuple(dict.fromkeys(feature.family for feature in features))
        found.append(Stale(table, families, date_of(last), usual, age))
    return tuple(found)


def newest_facts(lake: Lake) -> dict[str, datetime]:
    """When the newest fact of each feed happened; feeds without any are left out."""
    newest = {table: _facts(lake, table).newest_us for table in FEEDS if lake.paths(table)}
    return {table: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at) for table, at in newest.items()}


def usual_gap(gaps: np.ndarray) -> float:
    """The gap that only one in a hundred is longer than; infinite where there are too few to say.

    From 99 gaps on it is an order statistic: the k-th smallest of n exchangeable gaps is exceeded by the next one with
    probability 1 - k / (n + 1), whatever their distribution (Hahn and Meeker, Statistical Intervals, 1991, chapter 5).
    So a rare outage or holiday in the past does not hide the next one. With fewer gaps that order statistic does not
    exist, and the longest is stretched: of n gaps between facts that come at random (exponential gaps) the longest is
    about mean x ln(n + 1), and one in a hundred is longer than mean x ln(100).

    Args:
        gaps: (n,) days.
    """
    n = len(gaps)
    if n < _LEAST_GAPS:
        return inf
    if n < _ONE_IN - 1:
        return float(gaps.max() * log(_ONE_IN) / log(n + 1))
    return float(np.sort(gaps)[ceil((n + 1) * (1 - 1 / _ONE_IN)) - 1])


@dataclass(frozen=True)
class _Facts:
    """How many facts a table has by the day they happened and the day they became known.

    Attributes:
        day, known, count: (n,) int64, by day and then by the day known.
        newest_us: moment of the newest fact, microseconds since 1970.
    """

    day: np.ndarray
    known: np.ndarray
    count: np.ndarray
    newest_us: int

    def known_before(self, day: int) -> _Facts:
        """What was known at the start of a day."""
        seen = self.known < day
        return _Facts(self.day[seen], self.known[seen], self.count[seen], self.newest_us)


def _ages(facts: _Facts) -> np.ndarray:
    """How old the newest known fact became, in days, each time before a newer one was known.

    For a table told at once these are the gaps between the days that have facts; for one told a week at a time, the
    week. A past that was told all at once says nothing of that, and the gaps between its days stand in.
    """
    recent = facts.day > facts.day[-1] - _LOOK_BACK
    day, known = facts.day[recent], facts.known[recent]
    told = np.lexsort((day, known))
    newest = np.maximum.accumulate(day[told])
    last_of_day = np.append(np.diff(known[told]) > 0, True)  # what was told on one day is one piece of news
    moment, newest = known[told][last_of_day], newest[last_of_day]
    news = np.flatnonzero(np.diff(newest) > 0) + 1
    ages = moment[news] - newest[news - 1]
    return ages if len(ages) >= _LEAST_GAPS else np.diff(np.unique(day))


def _missed(facts: _Facts, silent: np.ndarray) -> float:
    """The facts that silent days should have had, at the mean of the same days of the weeks before."""
    first = int(facts.day[-1]) + 1 - 7 * _RATE_WEEKS
    recent = facts.day >= first
    weeks = min(_RATE_WEEKS, (int(facts.day[-1]) - int(facts.day[0])) // 7 + 1)
    usual = np.bincount((facts.day[recent] - first) % 7, weights=facts.count[recent], minlength=7) / weeks
    return float(usual[(silent - first) % 7].sum())


def _to_deadline(lake: Lake, last: int, as_of: int) -> float | None:
    """Days from a day to the next deadline known at another; infinite after the last, None where none are kept."""
    tasks = lake.read("assignments").sort_values("known_at", kind="stable")
    tasks = tasks[tasks["known_day"] < as_of].drop_duplicates("assignment_id", keep="last")
    due = tasks["due_day"].dropna().to_numpy("float64")
    return float((due[due > last] - last).min(initial=inf)) if len(due) else None


def _facts(lake: Lake, table: str) -> _Facts:
    return _read(tuple(str(path) for path in lake.paths(table)))


@lru_cache(maxsize=64)
def _read(paths: tuple[str, ...]) -> _Facts:
    """Counts a table once: the files of a lake never change, so their names are enough to remember the answer by."""
    if not paths:
        none = np.empty(0, dtype="int64")
        return _Facts(none, none, none, 0)
    query = (
        "SELECT day, known_day, count(*), max(epoch_us(occurred_at)) FROM read_parquet(?) "
        "GROUP BY day, known_day ORDER BY day, known_day"
    )
    with duckdb.connect() as engine:
        found = engine.execute(query, [list(paths)]).fetchnumpy()
    day, known, count, newest = (np.asarray(column) for column in found.values())
    return _Facts(day.astype("int64"), known.astype("int64"), count.astype("int64"), int(newest.max()))
