"""Freshness: a table that stopped is told from one that is quiet, by its own rhythm and by what was known then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from math import inf, log

import numpy as np
import pytest

from features.catalogue import FEATURES
from features.clock import day_number
from features.freshness import FEEDS, newest_facts, stale, usual_gap
from features.lake import PLANS, Lake
from tests.features.small_school import SmallSchool

LAST = date(2026, 5, 5)  # a Tuesday


@pytest.fixture
def lake_of(tmp_path) -> Callable[[SmallSchool], Lake]:
    def make(told: SmallSchool) -> Lake:
        school = told.write(tmp_path / "home")
        return Lake(school.lake, school.zone)

    return make


def before(last: date, ages: Iterable[int]) -> list[date]:
    return [last - timedelta(days=age) for age in ages]


def logins(days: Iterable[date], each: int = 10, known: Callable[[date], date] = lambda day: day) -> SmallSchool:
    told = SmallSchool()
    told.enrol("ann", "2026-01-01")
    for day in days:
        for _ in range(each):
            told.add("activity", f"{day} 12:00", f"{known(day)} 12:00", enrolment_id="ann", kind="login")
    return told


def ages(lake: Lake, first: date, days: int) -> dict[int, int]:
    """By days after ``first``: how old the stale table is there."""
    found = {day: stale(lake, first + timedelta(days=day)) for day in range(days)}
    return {day: stopped[0].age_days for day, stopped in found.items() if stopped}


def test_a_daily_feed_that_stops_is_stale_after_two_whole_days_of_silence(lake_of):
    lake = lake_of(logins(before(LAST, range(40))))
    assert ages(lake, LAST + timedelta(days=1), 4) == {2: 3, 3: 4}
    [found] = stale(lake, date(2026, 5, 8))
    assert (found.table, found.last_day, found.age_days) == ("activity", LAST, 3)
    assert found.families == ("activity", "progress", "peers")
    assert found.usual_gap_days == pytest.approx(log(100) / log(40))
    assert all("2026-05-05" in said and "3" in said for said in found.words.values())
    assert set(found.words) == {"en", "ru", "zh"}


def test_a_weekend_is_no_alarm_and_a_silent_week_is_one(lake_of):
    days = [day for day in before(date(2026, 5, 1), range(150)) if day.weekday() < 5]
    lake = lake_of(logins(days, each=20))
    assert ages(lake, date(2026, 5, 2), 6) == {3: 4, 4: 5, 5: 6}, "the 1st was a Friday; Monday is silent too"


def test_three_events_a_month_are_no_alarm(lake_of):
    lake = lake_of(logins(before(LAST, range(0, 360, 10)), each=1))
    assert ages(lake, LAST, 60) == {}


def test_a_quiet_weekend_of_a_few_facts_is_no_alarm(lake_of):
    lake = lake_of(logins(before(LAST, range(60)), each=4))
    assert min(ages(lake, LAST, 9)) == 6, "five silent days lack twenty facts"


def test_what_never_came_is_absent_and_what_has_hardly_begun_has_no_rhythm(lake_of):
    lake = lake_of(logins(before(LAST, range(14))))
    assert stale(lake, LAST + timedelta(days=30)) == []
    assert list(newest_facts(lake)) == ["activity"]


def test_everything_that_stops_is_named(lake_of):
    told = logins(before(LAST, range(40)))
    for day in before(LAST, range(40)):
        for _ in range(10):
            told.add("videos", f"{day} 12:00", enrolment_id="ann", video_id="v", kind="opened")
    found = stale(lake_of(told), LAST + timedelta(days=4))
    assert [one.table for one in found] == ["activity", "videos"]


def test_what_is_told_once_a_week_may_be_a_week_old(lake_of):
    monday = date(2026, 5, 4)
    lake = lake_of(logins(before(monday, range(1, 200)), each=3, known=lambda day: day + timedelta(7 - day.weekday())))
    usual = 8 * log(100) / log(29)  # 28 times it was eight days old when the news of a Monday came
    assert min(ages(lake, monday, 20).values()) == int(usual) + 1


def test_a_past_that_was_told_at_once_has_the_rhythm_of_its_days(lake_of):
    lake = lake_of(logins(before(LAST, range(100)), known=lambda day: max(day, LAST - timedelta(days=3))))
    assert min(ages(lake, LAST, 5)) == 3


def test_an_outage_of_the_past_does_not_hide_the_next_one(lake_of):
    lake = lake_of(logins(before(LAST, [*range(100), *range(115, 250)])))
    assert min(ages(lake, LAST, 5)) == 3


def test_only_what_was_known_by_then_counts(lake_of):
    told = logins(before(LAST, range(40)))
    told.add("activity", "2026-05-08 12:00", "2026-05-20 12:00", enrolment_id="ann", kind="login")
    lake = lake_of(told)
    assert [one.last_day for one in stale(lake, date(2026, 5, 20))] == [LAST]
    assert [one.last_day for one in stale(lake, date(2026, 6, 20))] == [date(2026, 5, 8)]


@pytest.mark.parametrize(("due", "alarm"), [(None, True), ("2026-05-07", True), ("2026-04-30", False)])
def test_homework_fails_to_come_only_where_some_was_due(lake_of, due, alarm):
    told = SmallSchool()
    told.enrol("ann", "2026-01-01")
    told.add("assignments", known="2026-01-01", assignment_id="a", course_id="c", due_at=due)
    for day in before(LAST, range(40)):
        for _ in range(10):
            told.add("submissions", f"{day} 12:00", enrolment_id="ann", assignment_id="a")
    assert bool(stale(lake_of(told), LAST + timedelta(days=5))) == alarm


def test_the_feeds_are_the_tables_of_events_that_features_are_made_of():
    tables = {table for feature in FEATURES.values() for table in feature.tables}
    assert set(FEEDS) == tables - set(PLANS)
    assert all(set(names) == {"en", "ru", "zh"} and all(names.values()) for names in FEEDS.values())


def test_too_few_gaps_say_nothing():
    assert usual_gap(np.ones(13)) == inf
    assert usual_gap(np.ones(14)) < 2


def test_many_gaps_are_judged_by_their_order():
    assert usual_gap(np.arange(1, 100)) == 99
    assert usual_gap(np.r_[np.ones(250), 15.0]) == 1


@pytest.mark.parametrize("n", [20, 60, 120, 300])
def test_about_one_gap_in_a_hundred_is_longer_than_usual(n):
    rng = np.random.default_rng(5)
    longer = [rng.exponential(9.0) > usual_gap(rng.exponential(9.0, n)) for _ in range(4000)]
    assert 0.002 < np.mean(longer) < 0.03


def test_a_newest_fact_is_a_moment(lake_of):
    assert newest_facts(lake_of(logins([LAST])))["activity"].isoformat() == "2026-05-05T09:00:00+00:00"
    assert day_number(LAST) == 20578
