from __future__ import annotations

from datetime import date

import pytest

from features.build import snapshot
from tests.features.small_school import SmallSchool

CUT = date(2026, 3, 6)


@pytest.mark.parametrize(
    ("opened", "answered", "hours"),
    [
        ("2026-03-03T12:00", ["2026-03-03T12:00"], 0),  # at the very moment
        ("2026-03-03T12:00", ["2026-03-03T12:30", "2026-03-03T14:00"], 0.5),  # the first one counts
        ("2026-03-03T12:00", ["2026-03-03T11:59", "2026-03-03T13:00"], 1),  # an answer to something before
        ("2026-03-03T20:00", ["2026-03-03T23:00"], 0),  # nobody works at night
        ("2026-03-03T18:00", ["2026-03-04T11:00"], 2),
    ],
)
def test_working_hours_to_the_first_answer(tmp_path, opened, answered, hours):
    made = SmallSchool()
    made.enrol("ann", "2026-02-02")
    made.add("tickets", opened, student_id="ann", ticket_id="t", event="opened")
    for at in answered:
        made.add("tickets", at, student_id="ann", ticket_id="t", event="resolved")
    row = snapshot(made.write(tmp_path / "home"), [CUT]).iloc[0]
    assert row["first_response_hours_90d"] == pytest.approx(hours)
    assert row["resolution_hours_90d"] == pytest.approx(hours)


def test_moves_of_one_moment_come_in_their_natural_order(tmp_path):
    made = SmallSchool()
    made.enrol("ann", "2026-02-02")
    for ticket, events in {"a": ["resolved", "opened"], "b": ["reopened", "resolved", "opened"]}.items():
        for event in events:
            made.add("tickets", "2026-03-03T12:00", student_id="ann", ticket_id=ticket, event=event)
    assert snapshot(made.write(tmp_path / "home"), [CUT])["tickets_open_now"].tolist() == [1]  # b
