from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.importers.support_tickets import Event, Shown, Ticket, Words, moment, write
from features.lake import Lake
from tests.thorough import examples

START = pd.Timestamp("2025-09-01T06:00:00Z").as_unit("us")
ZONE = "Europe/Moscow"
WORDS = {
    "priorities": {"Высокий": "P1"},
    "categories": {"оплата": "payment", "доступ": "access", "прочее": ""},
    "asked_by_tag": {"Отмена": "cancel_requested"},
    "asked_by_subject": {"отмен*": "cancel_requested", "вернуть деньги": "refund_requested"},
}


def hour(n: float) -> pd.Timestamp:
    return START + pd.Timedelta(hours=n)


def imported(lake: Lake, name: str, *tickets: Ticket, sorted_at_opening: bool = False) -> None:
    with lake.adding("desk", name) as batch:
        write(batch, "tickets.json", tickets, ZONE, sorted_at_opening=sorted_at_opening)


def opened() -> Event:
    return Event("opened", START, 1)


def is_open(events: pd.DataFrame, at: pd.Timestamp) -> bool:
    moves = events[events["event"].isin(["opened", "resolved", "reopened"]) & (events["known_at"] <= at)]
    return bool(moves.sort_values("occurred_at", kind="stable")["event"].iloc[-1] != "resolved")


@settings(max_examples=examples(30), deadline=None)
@given(
    moves=st.lists(st.integers(1, 200), max_size=6, unique=True),
    exports=st.lists(st.integers(0, 220), min_size=1, max_size=8, unique=True),
    cut=st.integers(0, 8),
)
def test_the_states_that_exports_showed_are_those_of_the_lake_and_nothing_is_dated_earlier(
    moves: list[int], exports: list[int], cut: int
) -> None:
    moves.sort()
    exports.sort()

    def shown(at: int) -> Shown:
        made = [move for move in moves if move <= at]
        return Shown(hour(max(made, default=0)), 1, "resolved" if len(made) % 2 else "open")

    states = [shown(at) for at in exports]
    with tempfile.TemporaryDirectory() as folder:
        lake, other = Lake(Path(folder) / "one", ZONE), Lake(Path(folder) / "two", ZONE)
        imported(lake, "all", Ticket("t", "s", opened(), shown=list(reversed(states))))
        imported(other, "first", Ticket("t", "s", opened(), shown=states[:cut]))
        imported(other, "second", Ticket("t", "s", opened(), shown=states[cut:]))
        found, again = (one.read("tickets").sort_values("event_id", ignore_index=True) for one in (lake, other))
    pd.testing.assert_frame_equal(found, again)
    assert all(is_open(found, state.at) == (state.state == "open") for state in states)
    later = found[found["event"] != "opened"]
    assert set(later["occurred_at"]) <= {hour(move) for move in moves}
    assert (later["occurred_at"] == later["known_at"]).all()


def test_a_step_that_moves_nothing_is_no_event(tmp_path: Path) -> None:
    lake = Lake(tmp_path, ZONE)
    steps = [("reopened", 1), ("resolved", 2), ("resolved", 3), ("reopened", 4), ("reopened", 5), ("responded", 6)]
    imported(lake, "a", Ticket("t", "s", opened(), [Event(name, hour(at), at) for name, at in reversed(steps)]))
    found = lake.read("tickets").sort_values("occurred_at")
    assert found["event"].tolist() == ["opened", "resolved", "reopened", "responded"]
    assert found["occurred_at"].tolist() == [hour(0), hour(2), hour(4), hour(6)]


def test_a_ticket_that_was_never_opened_here_has_no_events(tmp_path: Path) -> None:
    lake = Lake(tmp_path, ZONE)
    imported(lake, "a", Ticket("t", "s", None, [Event("resolved", hour(1), 1)], [Shown(hour(2), 1, "resolved")]))
    assert lake.read("tickets").empty


def test_the_day_of_the_opening_is_the_schools(tmp_path: Path) -> None:
    lake = Lake(tmp_path, ZONE)
    late = Ticket("late", "s", Event("opened", hour(14), 1), shown=[Shown(hour(15), 1, "open", "access", "P1")])
    same = Ticket("same", "s", Event("opened", hour(12), 1), shown=[Shown(hour(14), 1, "open", "access", "P1")])
    imported(lake, "a", late, same)  # Moscow's midnight is at hour 15
    kinds = lake.read("tickets").set_index("ticket_id")["category"]
    assert kinds["same"] == "access"
    assert pd.isna(kinds["late"])


def test_a_rating_is_told_once_for_each_score(tmp_path: Path) -> None:
    lake = Lake(tmp_path, ZONE)
    scores = [(1, 5.0), (2, 5.0), (3, None), (4, 1.0), (5, 1.0)]
    shown = [Shown(hour(at), at, "open", score=score) for at, score in scores]
    imported(lake, "a", Ticket("t", "s", opened(), shown=shown[:2]))
    imported(lake, "b", Ticket("t", "s", opened(), shown=shown[2:]))
    rated = lake.read("tickets").query("event == 'rated'")
    assert rated["score"].tolist() == [5, 1]
    assert rated["occurred_at"].tolist() == [hour(1), hour(4)]


def test_the_student_of_a_ticket_stays(tmp_path: Path) -> None:
    lake = Lake(tmp_path, ZONE)
    imported(lake, "a", Ticket("t", "first", opened()))
    imported(lake, "b", Ticket("t", "second", opened(), [Event("resolved", hour(1), 1)]))
    assert lake.read("tickets")["student_id"].tolist() == ["first", "first"]


def test_words_are_found_whole_and_without_regard_to_case() -> None:
    words = Words.of("desk", WORDS)
    assert words.category(["ДОСТУП", "Оплата"]) == "payment", "the first of the settings"
    assert words.category(["прочее", "неизвестно"]) is None
    assert (words.priority("высокий"), words.priority("низкий"), words.priority(None)) == ("P1", None, None)
    assert words.asked(["отмена", "отмена "]) == ["cancel_requested"]
    assert words.asked_in("Хочу  Вернуть деньги и отменить всё") == ["cancel_requested", "refund_requested"]
    assert words.asked_in("Безотменный тариф, вернуть деньгиии") == []


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2025-09-01T09:00:00Z", "", "2025-09-01T09:00:00Z"),
        ("2025-09-01T12:00:00+03:00", "", "2025-09-01T09:00:00Z"),
        ("2025-09-01 09:00:00", "UTC", "2025-09-01T09:00:00Z"),
        ("2025-09-01 09:00:00", "", None),
        ("0000-00-00 00:00:00", "UTC", None),
        (None, "UTC", None),
        (5, "UTC", None),
    ],
)
def test_moments_have_an_offset_or_a_zone(value: object, zone: str, expected: str | None) -> None:
    assert moment(value, zone) == (expected and pd.Timestamp(expected))
