from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig, BadInput
from features.identity import email_alias
from features.importers import usedesk
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
KEY = "k" * 32


def ticket(
    id: int = 1,
    status: int = 8,
    updated: str = "2025-09-01 09:00:00",
    opened: str = "2025-09-01 09:00:00",
    **changes: Any,
) -> dict[str, Any]:
    return {
        "id": id,
        "status_id": status,
        "subject": "Не открывается урок",
        "client_id": 700,
        "assignee_id": 12,
        "group": "Поддержка",
        "last_updated_at": updated,
        "published_at": opened,
        "message": "Здравствуйте, мой адрес anna@example.ru",
        "priority": "urgent",
        "type": "question",
        "tags": ["доступ"],
        "channel_id": 5,
        "email_channel_email": "anna@example.ru",
        **changes,
    }


def comment(at: str, who: str = "user", kind: str = "public") -> dict[str, Any]:
    return {"id": 1, "message": "private words", "type": kind, "published_at": at, "from": who, "user_id": 12}


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., Path]:
    """Writes one answer."""

    def write(content: Any, name: str = "tickets.json", folder: str = "usedesk") -> Path:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        (target / name).write_text(json.dumps(content, ensure_ascii=False), "utf-8")
        return target

    return write


def settle(school: School, text: str) -> None:
    (school.home / "configs").mkdir(exist_ok=True)
    (school.home / "configs" / "importers.toml").write_text(text, "utf-8")


def told(rows: Rows) -> list[tuple[str, str]]:
    found = rows("tickets").sort_values(["occurred_at", "event"], kind="stable")
    assert (found["occurred_at"] == found["known_at"]).all()
    return [(event, at.strftime("%m-%dT%H:%M")) for event, at in zip(found["event"], found["occurred_at"], strict=True)]


@pytest.mark.parametrize(
    ("status", "expected"), [(1, []), (5, []), (6, []), (8, []), (2, ["resolved"]), (3, ["resolved"])]
)
def test_a_status_is_open_or_resolved_and_is_dated_by_the_last_change(
    school: School, answer: Callable[..., Path], rows: Rows, status: int, expected: list[str]
) -> None:
    report = usedesk.load(school, answer([ticket(1, status, "2025-09-03 10:00:00")]))
    assert report.faults == []
    assert told(rows) == [("opened", "09-01T09:00"), *((event, "09-03T10:00") for event in expected)]
    opened = rows("tickets").iloc[0]
    assert opened["occurred_at"] == pd.Timestamp("2025-09-01T09:00:00Z"), "times are UTC"
    assert (opened["student_id"], opened["ticket_id"]) == ("usedesk:700", "usedesk:1")


@pytest.mark.parametrize(("status", "word"), [(4, "deleted"), (7, "spam"), (9, "mailing"), (10, "merged")])
def test_what_is_no_ticket_is_counted_and_closes_the_one_that_was_there(
    school: School, answer: Callable[..., Path], rows: Rows, status: int, word: str
) -> None:
    usedesk.load(school, answer([ticket(1)]))
    none = [ticket(1, status, "2025-09-02 09:00:00"), ticket(2, status, subject="Возврат денег", tags=["отмена"])]
    report = usedesk.load(school, answer(none, folder="second"))
    assert told(rows) == [("opened", "09-01T09:00"), ("resolved", "09-02T09:00")]
    assert [(reason.split()[4], count) for reason, count in report.ignored.items()] == [(word, 2)]


def test_comments_say_who_answered_when(school: School, answer: Callable[..., Path], rows: Rows) -> None:
    comments = [
        comment("2025-09-01 09:00:00", "client"),
        comment("2025-09-01 09:01:00", "trigger"),
        comment("2025-09-01 09:10:00", kind="private"),
        comment("2025-09-01 10:00:00"),
        comment("2025-09-02 10:00:00"),
    ]
    answer([ticket(1, 2, "2025-09-02 10:05:00")])
    folder = answer({"ticket": ticket(1, 2, "2025-09-02 10:05:00"), "comments": comments}, "ticket-1.json")
    usedesk.load(school, folder)
    assert told(rows) == [
        *(("opened", "09-01T09:00"), ("responded", "09-01T10:00")),
        *(("responded", "09-02T10:00"), ("resolved", "09-02T10:05")),
    ]


def test_the_moment_of_the_status_is_used_where_the_answer_has_it(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    done = ticket(1, 2, "2025-09-08 10:00:00", status_updated_at="2025-09-02 10:00:00")
    usedesk.load(school, answer([done]))
    assert told(rows) == [("opened", "09-01T09:00"), ("resolved", "09-02T10:00")]


def test_a_newer_list_adds_what_happened_and_changes_nothing_before(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    first = answer([ticket(1, 2, "2025-09-01 15:00:00")])
    usedesk.load(school, first)
    assert usedesk.load(school, first).repeated
    before = rows("tickets")
    assert before.set_index("event")["category"]["opened"] == "access"
    assert before.set_index("event")["priority"]["opened"] == "P2"
    newer = [ticket(1, 1, "2025-09-05 10:00:00", priority="extreme", tags="оплата, отмена"), ticket(2)]
    report = usedesk.load(school, answer(newer, folder="second"))
    assert report.kept == {"tickets": 3}
    pd.testing.assert_frame_equal(rows("tickets").head(len(before)), before)
    found = rows("tickets").set_index("event")
    assert (found["category"]["reopened"], found["priority"]["reopened"]) == ("payment", "P1")
    assert found["known_at"]["cancel_requested"] == pd.Timestamp("2025-09-05T10:00:00Z")


def test_bad_rows_are_set_aside_with_their_place(school: School, tmp_path: Path, rows: Rows) -> None:
    file = tmp_path / "tickets.jsonl"
    tickets = [ticket(1), ticket(2, 99), ticket(3, opened="0000-00-00 00:00:00"), ticket(4, client_id=None)]
    file.write_text("\n".join(json.dumps(one) for one in tickets) + "\nno json", "utf-8")
    report = usedesk.load(school, file)
    assert rows("tickets")["ticket_id"].tolist() == ["usedesk:1"]
    found = {fault["row"]: f"{fault['column']} {fault['reason']}" for fault in report.faults}
    assert found == {
        "2": "status_id is not one that Usedesk has",
        "3": "published_at is not one that Usedesk has",
        "4": "client_id is empty",
        "5": " is not sound JSON",
    }


def test_no_address_and_no_words_of_people_are_kept(school: School, answer: Callable[..., Path], rows: Rows) -> None:
    keyed = School(school.home, KEY)
    settle(keyed, '[usedesk]\nnamed_by = "email"\n')
    usedesk.load(keyed, answer({"ticket": ticket(), "comments": [comment("2025-09-01 10:00:00")]}))
    assert set(rows("tickets")["student_id"]) == {email_alias("anna@example.ru", KEY)}
    kept = b"".join(file.read_bytes() for file in school.home.rglob("*") if file.is_file())
    assert b"anna@" not in kept
    assert b"private words" not in kept


@pytest.mark.parametrize("text", ['{"error": "wrong token"}', "[]", "<html>"])
def test_a_file_without_tickets_is_refused_whole(school: School, tmp_path: Path, text: str) -> None:
    (tmp_path / "tickets.json").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=r"holds no ticket of Usedesk's|is not JSON"):
        usedesk.load(school, tmp_path / "tickets.json")
    assert Lake(school.lake, school.zone).is_empty


def test_settings_that_cannot_be_used_are_refused(school: School, answer: Callable[..., Path]) -> None:
    settle(school, '[usedesk]\nsorted_at_opening = "yes"\n')
    with pytest.raises(BadConfig, match=r"sorted_at_opening = 'yes'"):
        usedesk.load(school, answer([ticket()]))
