from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts import TABLES
from features.contracts.check import empty
from features.lake import with_days
from features.panes import Pane
from features.panes.counted import Counted, Flags, Sum, where
from features.panes.queries import COUNTED
from features.panes.school import build
from tests.features.small_school import typed
from tests.thorough import examples

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
IDS = pd.Index(["e0", "e1"], name="enrolment_id")
NUMBERS = {
    "quantity": st.integers(1, 5),
    # Whole milliseconds at any of the speeds; halves have a test of their own.
    "seconds": st.integers(0, 22_500).map(lambda n: n * 4 / 1000),
    "speed": st.none() | st.sampled_from([0.5, 1.0, 1.25, 2.0]),
    "score": st.none() | st.sampled_from([1.0, 3.25, 5.0]),
    "value": st.integers(1, 5),
    "amount_minor": st.none() | st.integers(0, 10**9),
    "discount_minor": st.none() | st.integers(0, 10**6),
}


def events_of(table: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Events of two enrolments on a few days."""
    columns = {name: NUMBERS[name] for name in TABLES[table].columns if name in NUMBERS}
    for name, column in TABLES[table].columns.items():
        if column.kind == "choice":
            columns[name] = st.sampled_from(column.choices)
    times = st.tuples(st.integers(0, 4 * 8), st.sampled_from([0, 1, 30]))
    about = {"enrolment_id": st.sampled_from(list(IDS)), "times": times}
    return st.lists(st.fixed_dictionaries(columns | about), min_size=1, max_size=12)


def frame_of(table: str, events: list[dict[str, Any]]) -> pd.DataFrame:
    """The events as rows of the lake; an event of a person names its enrolment."""
    rows = []
    for i, event in enumerate(events):
        quarters, later = event["times"]
        at = NOON.replace(hour=1) + timedelta(hours=6 * quarters)
        row = {TABLES[table].key[0]: f"x{i}", "occurred_at": at, "known_at": at + timedelta(hours=later)}
        row |= {"student_id": "ann"} if "student_id" in TABLES[table].columns else {}
        rows.append(row | {name: value for name, value in event.items() if name != "times"})
    return with_days(typed(table, rows), "UTC")


def asked(name: str, frame: pd.DataFrame) -> Pane:
    """The pane by its query."""
    people = [{"enrolment_id": one, "student_id": "ann", "course_id": "c"} for one in IDS]
    enrolled = with_days(typed("enrolments", [one | {"occurred_at": NOON, "known_at": NOON} for one in people]), "UTC")
    nobody = with_days(empty("identities"), "UTC")
    sources = {COUNTED[name].table: frame, "enrolments": enrolled.assign(until_day=pd.NA), "identities": nobody}
    return build(sources, IDS, "UTC", panes=[name]).panes[name]


def by_query(name: str, frame: pd.DataFrame) -> dict[tuple[int, int, int], dict[str, int]]:
    pane = asked(name, frame)
    rows = zip(pane.at.tolist(), pane.day.tolist(), pane.known_day.tolist(), strict=True)
    return {row: {m: int(values[i]) for m, values in pane.measures.items()} for i, row in enumerate(rows)}


def one_by_one(counted: Counted, frame: pd.DataFrame) -> dict[tuple[int, int, int], dict[str, int]]:
    """The pane counted in Python."""
    frame = frame.assign(quarter=frame["occurred_at"].dt.hour // 6).astype("object")
    events = frame.where(frame.notna(), None).to_dict("records")
    return {
        (at, *days): sums
        for at, name in enumerate(IDS)
        for days, sums in counted.of([one for one in events if one["enrolment_id"] == name]).items()
    }


@pytest.mark.parametrize("name", COUNTED)
def test_events_counted_in_python_are_what_the_query_counts(name):
    counted = COUNTED[name]

    @settings(max_examples=examples(8), deadline=None)
    @given(events_of(counted.table))
    def agree(events):
        frame = frame_of(counted.table, events)
        assert one_by_one(counted, frame) == by_query(name, frame)

    agree()


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("ratings", {"value": 2.125}),
        ("ratings", {"value": 1.005}),
        ("videos", {"kind": "skipped", "seconds": 0.0005, "speed": None, "progress": None}),
        ("videos", {"kind": "watched", "seconds": 0.0015, "speed": 1.0, "progress": None}),
        ("videos", {"kind": "watched", "seconds": 0.1, "speed": 1.1, "progress": None}),
    ],
)
def test_what_lies_between_two_whole_numbers_is_rounded_alike(name, event):
    frame = frame_of(COUNTED[name].table, [event | {"enrolment_id": "e1", "times": (0, 0)}])
    assert one_by_one(COUNTED[name], frame) == by_query(name, frame)


def test_an_event_that_lacks_a_factor_adds_nothing():
    played = Sum(("seconds", "speed"), 1000)
    assert played.value({"seconds": 2.5, "speed": 2.0}) == 5000
    assert played.value({"seconds": 2.5, "speed": None}) == 0


def test_an_event_counts_where_every_condition_holds():
    rated = Sum(where=where(event=["rated", "scored"], score=None))
    events = [("rated", 3), ("scored", 1), ("rated", None), ("opened", 3), (None, 3)]
    assert [rated.value({"event": event, "score": score}) for event, score in events] == [1, 1, 0, 0, 0]


def test_flags_are_bits_from_the_lowest_column_on():
    flags = Flags((("kind", ("a", "b")), ("quarter", (0, 1))))
    assert [flags.value({"kind": kind, "quarter": quarter}) for kind, quarter in (("a", 1), ("b", 0), ("z", 7))] == [
        0b1001,
        0b0110,
        0,
    ]
    assert flags.add(0b1001, 0b0110) == 0b1111
    assert flags.add(0b1001, 0b0001) == 0b1001
