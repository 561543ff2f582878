"""Which recommended contacts count, and which ones a newer decision stands in the place of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.decide.case import RECOMMENDED, Touch
from serving.decide.contacts import contacts, replaced


@pytest.mark.parametrize(
    ("day", "hours", "reported", "counts", "gives_way"),
    [
        (0, -1, False, True, False),  # due: it may have been made
        (0, 1, False, False, True),
        (0, 1, True, True, False),  # made already, before its time
        (-1, 1, False, True, False),  # of yesterday, for today
        (1, 20, False, False, False),  # of a day that is decided about later
    ],
)
def test_what_is_due_counts_and_what_is_not_gives_way(make_case, noon, day, hours, reported, counts, gives_way) -> None:
    at, made_on = noon + timedelta(hours=hours), noon.date() + timedelta(days=day)
    touches = [Touch("d1", "sms", at, RECOMMENDED, "d1", made_on)]
    touches += [Touch("t1", "sms", noon - timedelta(hours=1), "sent", "d1")] if reported else []
    case = make_case(decision_date=noon.date(), touches=tuple(touches))
    assert [touch.decision_id for touch in contacts(case, noon)] == ["d1"] * counts
    assert [touch.decision_id for touch in replaced(case, noon)] == ["d1"] * gives_way
