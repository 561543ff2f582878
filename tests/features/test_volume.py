"""Volume: what a feed delivered in a week, as it was known at the week's end, for each live enrolment."""

from __future__ import annotations

from datetime import date, timedelta

from features.lake import Lake
from features.volume import volumes
from tests.features.small_school import SmallSchool

AS_OF = date(2026, 5, 4)


def test_weeks_are_counted_as_they_were_known_at_their_ends(tmp_path) -> None:
    told = SmallSchool()
    told.enrol("ann", "2026-01-01")
    told.enrol("bob", "2026-04-22")  # live from the second week before the as-of day
    for back in range(1, 29):
        day = AS_OF - timedelta(days=back)
        told.add("activity", f"{day} 12:00", enrolment_id="ann", kind="login")
    late = AS_OF - timedelta(days=8)
    told.add("activity", f"{late} 13:00", f"{AS_OF} 01:00", enrolment_id="ann", kind="login")  # known on the as-of day
    told.add("activity", f"{late} 14:00", f"{AS_OF - timedelta(days=2)} 01:00", enrolment_id="ann", kind="login")
    school = told.write(tmp_path / "home")
    [found] = volumes(Lake(school.lake, school.zone), AS_OF, weeks=8)
    assert found.table == "activity"
    assert (found.events, found.rate) == (7, 7 / 2 / 7)
    assert found.past_events == (7, 7, 7), "the feed began four weeks ago; what came late is not counted"
    assert found.past == (7 / 2 / 7, 7 / 1 / 7, 7 / 1 / 7)


def test_a_feed_that_fell_silent_is_there_with_nothing(tmp_path) -> None:
    told = SmallSchool()
    told.enrol("ann", "2026-01-01")
    for back in range(10, 40):
        told.add("activity", f"{AS_OF - timedelta(days=back)} 12:00", enrolment_id="ann", kind="login")
    school = told.write(tmp_path / "home")
    lake = Lake(school.lake, school.zone)
    [found] = volumes(lake, AS_OF, weeks=2)
    assert (found.events, found.past_events) == (0, (5, 7))
    assert volumes(lake, date(2025, 12, 1), weeks=2) == [], "nobody was live and nothing known"
