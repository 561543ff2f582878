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
from features.importers import zendesk
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
KEY = "k" * 32


def ticket(
    id: int = 1,
    status: str = "open",
    updated: str = "2025-09-01T09:00:00Z",
    created: str = "2025-09-01T09:00:00Z",
    **changes: Any,
) -> dict[str, Any]:
    return {
        "url": f"https://school.zendesk.com/api/v2/tickets/{id}.json",
        "id": id,
        "external_id": None,
        "via": {"channel": "email", "source": {"from": {"address": "anna@example.ru", "name": "Анна"}}},
        "created_at": created,
        "updated_at": updated,
        "generated_timestamp": int(pd.Timestamp(updated).timestamp()),
        "type": "question",
        "subject": "Не открывается урок",
        "description": "Здравствуйте, anna@example.ru",
        "priority": "high",
        "status": status,
        "requester_id": 700,
        "assignee_id": 900,
        "tags": ["доступ", "web"],
        "custom_fields": [{"id": 360001, "value": None}],
        "satisfaction_rating": {"score": "unoffered"},
        **changes,
    }


def audit(id: int, at: str, *events: dict[str, Any], ticket: int = 1, author: int = 900) -> dict[str, Any]:
    return {"id": id, "ticket_id": ticket, "created_at": at, "author_id": author, "events": list(events)}


def change(field: str, value: Any, previous: Any = None) -> dict[str, Any]:
    return {"id": 5, "type": "Change", "field_name": field, "value": value, "previous_value": previous}


def create(field: str, value: Any) -> dict[str, Any]:
    return {"id": 5, "type": "Create", "field_name": field, "value": value}


def comment(author: int, *, public: bool = True) -> dict[str, Any]:
    return {"id": 6, "type": "Comment", "author_id": author, "public": public, "body": "private words"}


OPENING = audit(
    *(10, "2025-09-01T09:00:00Z", comment(700), create("status", "new"), create("priority", "urgent")),
    *(create("tags", ["оплата"]), create("subject", "Не открывается урок")),
    author=700,
)


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., Path]:
    """Writes one answer."""

    def write(name: str = "tickets.json", folder: str = "zendesk", **lists: Any) -> Path:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        (target / name).write_text(json.dumps({**lists, "end_of_stream": True}, ensure_ascii=False), "utf-8")
        return target

    return write


def settle(school: School, text: str) -> None:
    (school.home / "configs").mkdir(exist_ok=True)
    (school.home / "configs" / "importers.toml").write_text(text, "utf-8")


def told(rows: Rows) -> list[tuple[str, str]]:
    found = rows("tickets").sort_values(["occurred_at", "event"], kind="stable")
    assert (found["occurred_at"] == found["known_at"]).all()
    return [(event, at.strftime("%m-%dT%H:%M")) for event, at in zip(found["event"], found["occurred_at"], strict=True)]


def test_a_ticket_is_opened_when_it_was_created_and_its_state_is_dated_by_its_last_change(
    school: School, page: Callable[..., Path], rows: Rows
) -> None:
    report = zendesk.load(school, page(tickets=[ticket(1, "closed", "2025-09-07T12:00:00Z"), ticket(2)]))
    assert report.faults == []
    found = rows("tickets").set_index("event_id")
    assert found["event"].to_dict() == {
        "zendesk:1": "opened",
        "zendesk:1:resolved:20250907T120000": "resolved",
        "zendesk:2": "opened",
    }
    assert set(found["student_id"]) == {"zendesk:700"}
    assert set(found["ticket_id"]) == {"zendesk:1", "zendesk:2"}
    assert found["known_at"]["zendesk:1"] == pd.Timestamp("2025-09-01T09:00:00Z")
    assert found["known_at"]["zendesk:1:resolved:20250907T120000"] == pd.Timestamp("2025-09-07T12:00:00Z")


def test_a_state_is_not_known_before_it_was_written_out(school: School, page: Callable[..., Path], rows: Rows) -> None:
    later = int(pd.Timestamp("2025-09-09T08:00:00Z").timestamp())
    solved = ticket(1, "solved", "2025-09-07T12:00:00Z", generated_timestamp=later)
    zendesk.load(school, page(tickets=[solved]))
    assert told(rows) == [("opened", "09-01T09:00"), ("resolved", "09-09T08:00")]


def test_kind_and_priority_belong_to_the_opening_only_if_nothing_changed_since_its_day(
    school: School, page: Callable[..., Path], rows: Rows, tmp_path: Path
) -> None:
    late = ticket(2, "open", "2025-09-03T09:00:00Z")
    zendesk.load(school, page(tickets=[ticket(1, "pending", "2025-09-01T15:00:00Z"), late]))
    found = rows("tickets").set_index("event_id")
    assert (found["category"]["zendesk:1"], found["priority"]["zendesk:1"]) == ("access", "P2")
    assert pd.isna(found["category"]["zendesk:2"])
    assert found["priority"]["zendesk:2"] == "P3"
    other = School(tmp_path / "other")
    other.home.mkdir()
    settle(other, "[zendesk]\nsorted_at_opening = true\n")
    zendesk.load(other, page(tickets=[late], folder="other_export"))
    (opened,) = Lake(other.lake, other.zone).read("tickets").to_dict("records")
    assert (opened["category"], opened["priority"]) == ("access", "P2")


def test_the_same_ticket_in_a_newer_state_adds_what_happened_and_changes_nothing_before(
    school: School, page: Callable[..., Path], rows: Rows
) -> None:
    first = page(tickets=[ticket(1, "solved", "2025-09-02T10:00:00Z")])
    zendesk.load(school, first)
    assert zendesk.load(school, first).repeated
    before = rows("tickets")
    newer = ticket(1, "open", "2025-09-05T10:00:00Z", priority="urgent", tags=["оплата"])
    report = zendesk.load(school, page(tickets=[newer, ticket(1, "closed", "2025-09-06T10:00:00Z")], folder="second"))
    assert report.kept == {"tickets": 2}
    pd.testing.assert_frame_equal(rows("tickets").head(len(before)), before)
    assert told(rows) == [
        *(("opened", "09-01T09:00"), ("resolved", "09-02T10:00")),
        *(("reopened", "09-05T10:00"), ("resolved", "09-06T10:00")),
    ]
    reopened = rows("tickets").query("event == 'reopened'").iloc[0]
    assert (reopened["category"], reopened["priority"]) == ("payment", "P1")
    again = zendesk.load(school, page(tickets=[ticket(1, "closed", "2025-09-08T10:00:00Z")], folder="third"))
    assert again.kept == {"tickets": 0}


def test_one_import_of_all_pages_and_one_of_each_give_the_same(
    school: School, page: Callable[..., Path], rows: Rows, tmp_path: Path
) -> None:
    states = [("new", "01T09"), ("solved", "02T09"), ("open", "03T09"), ("closed", "08T09")]
    pages = [[ticket(1, status, f"2025-09-{at}:00:00Z")] for status, at in states]
    for number, tickets in enumerate(pages):
        zendesk.load(school, page(f"page-{number}.json", folder=f"night-{number}", tickets=tickets))
    other = School(tmp_path / "other")
    for number, tickets in enumerate(reversed(pages)):
        page(f"page-{number}.json", folder="all", tickets=tickets)
    zendesk.load(other, tmp_path / "all")
    columns = ["event_id", "event", "category", "priority", "occurred_at", "known_at", "student_id"]
    first, second = (
        table[columns].sort_values("event_id", ignore_index=True)
        for table in (rows("tickets"), Lake(other.lake, other.zone).read("tickets"))
    )
    pd.testing.assert_frame_equal(first, second)


def test_audits_tell_the_history_with_the_kind_of_each_moment(
    school: School, page: Callable[..., Path], rows: Rows
) -> None:
    page(tickets=[ticket(1, "closed", "2025-09-12T09:00:00Z", satisfaction_rating={"score": "good"})])
    folder = page(
        "audits.json",
        audits=[
            audit(15, "2025-09-06T10:00:00Z", change("satisfaction_score", "good", "offered"), author=700),
            OPENING,
            audit(11, "2025-09-01T09:30:00Z", comment(900, public=False)),
            audit(12, "2025-09-01T10:00:00Z", comment(900), change("status", "pending", "new")),
            audit(13, "2025-09-02T10:00:00Z", change("status", "solved", "pending"), change("tags", ["возврат"], [])),
            audit(14, "2025-09-03T10:00:00Z", comment(700), change("status", "open", "solved"), author=700),
            audit(16, "2025-09-05T10:00:00Z", comment(900), change("status", "solved", "open")),
            audit(17, "2025-09-09T10:00:00Z", change("status", "closed", "solved")),
        ],
    )
    zendesk.load(school, folder)
    assert told(rows) == [
        *(("opened", "09-01T09:00"), ("responded", "09-01T10:00"), ("refund_requested", "09-02T10:00")),
        *(("resolved", "09-02T10:00"), ("reopened", "09-03T10:00"), ("resolved", "09-05T10:00")),
        *(("responded", "09-05T10:00"), ("rated", "09-06T10:00")),
    ]
    found = rows("tickets").set_index("event")
    assert (found["category"]["opened"], found["priority"]["opened"]) == ("payment", "P1")
    assert found["score"]["rated"] == 5
    assert pd.isna(found["category"]["reopened"]), "the tag was taken away on the day before"


def test_audits_that_end_before_the_ticket_leave_the_rest_to_its_state(
    school: School, page: Callable[..., Path], rows: Rows
) -> None:
    page(tickets=[ticket(1, "solved", "2025-09-12T09:00:00Z")])
    zendesk.load(school, page("audits.json", audits=[OPENING]))
    assert told(rows) == [("opened", "09-01T09:00"), ("resolved", "09-12T09:00")]


def test_audits_that_come_later_belong_to_the_ticket_of_the_lake(
    school: School, page: Callable[..., Path], rows: Rows
) -> None:
    zendesk.load(school, page(tickets=[ticket(1)]))
    solved = audit(12, "2025-09-04T10:00:00Z", change("status", "solved", "open"))
    report = zendesk.load(school, page(audits=[solved, {**solved, "id": 13, "ticket_id": 99}], folder="second"))
    assert told(rows) == [("opened", "09-01T09:00"), ("resolved", "09-04T10:00")]
    assert set(rows("tickets")["student_id"]) == {"zendesk:700"}
    assert report.ignored == {"said of a ticket that is not there: import the tickets too": 1}


def test_fields_with_their_own_moment_date_replies_and_solutions(
    school: School, page: Callable[..., Path], rows: Rows
) -> None:
    metrics = {
        "solved_at": "2025-09-02T10:00:00Z",
        "reply_time_in_minutes": {"calendar": 90, "business": 30},
        "reopens": 4,
        "replies": 7,
    }
    zendesk.load(school, page(tickets=[ticket(1, "closed", "2025-09-07T12:00:00Z", metric_set=metrics)]))
    assert told(rows) == [("opened", "09-01T09:00"), ("responded", "09-01T10:30"), ("resolved", "09-02T10:00")]


def test_audits_say_more_than_metrics(school: School, page: Callable[..., Path], rows: Rows) -> None:
    metrics = {"solved_at": "2025-09-02T10:00:30Z", "reply_time_in_minutes": {"calendar": 59, "business": 30}}
    page(tickets=[ticket(1, "solved", "2025-09-07T12:00:00Z", metric_set=metrics)])
    answer = audit(12, "2025-09-01T10:00:00Z", comment(900))
    solved = audit(13, "2025-09-02T10:00:00Z", change("status", "solved", "new"))
    zendesk.load(school, page("audits.json", audits=[OPENING, answer, solved]))
    assert told(rows) == [("opened", "09-01T09:00"), ("responded", "09-01T10:00"), ("resolved", "09-02T10:00")]


def test_metric_events_and_ratings_date_what_happened(school: School, page: Callable[..., Path], rows: Rows) -> None:
    def metric(name: str, kind: str, time: str) -> dict[str, Any]:
        return {"id": 1, "ticket_id": 1, "metric": name, "instance_id": 1, "type": kind, "time": time}

    page(tickets=[ticket(1, "closed", "2025-09-09T12:00:00Z")])
    page(
        "metrics.json",
        ticket_metric_events=[
            metric("reply_time", "activate", "2025-09-01T09:00:00Z"),
            metric("requester_wait_time", "activate", "2025-09-01T09:00:00Z"),
            metric("reply_time", "fulfill", "2025-09-01T11:00:00Z"),
            metric("requester_wait_time", "fulfill", "2025-09-02T11:00:00Z"),
            metric("requester_wait_time", "activate", "2025-09-03T11:00:00Z"),
            metric("resolution_time", "fulfill", "2025-09-05T11:00:00Z"),
        ],
    )
    rating = {"id": 3, "ticket_id": 1, "score": "bad", "requester_id": 700, "comment": "anna@example.ru"}
    times = {"created_at": "2025-09-05T12:00:00Z", "updated_at": "2025-09-06T12:00:00Z"}
    zendesk.load(school, page("ratings.json", satisfaction_ratings=[rating | times]))
    assert told(rows) == [
        *(("opened", "09-01T09:00"), ("responded", "09-01T11:00"), ("resolved", "09-02T11:00")),
        *(("reopened", "09-03T11:00"), ("resolved", "09-05T11:00"), ("rated", "09-06T12:00")),
    ]
    assert rows("tickets").set_index("event")["score"]["rated"] == 1


def test_requests_are_found_in_subjects_tags_and_fields(school: School, page: Callable[..., Path], rows: Rows) -> None:
    tickets = [
        ticket(1, subject="Прошу ВОЗВРАТ денег"),
        ticket(2, subject="Не могу вернуться к уроку"),
        ticket(3, "open", "2025-09-04T09:00:00Z", tags=["refund"], subject="Вопрос"),
        ticket(4, "open", "2025-09-04T09:00:00Z", custom_fields=[{"id": 1, "value": "cancellation"}]),
    ]
    zendesk.load(school, page(tickets=tickets))
    asked = rows("tickets").query("event.str.endswith('_requested')").set_index("ticket_id")
    assert asked["event"].to_dict() == {
        "zendesk:1": "refund_requested",
        "zendesk:3": "refund_requested",
        "zendesk:4": "cancel_requested",
    }
    assert asked["known_at"]["zendesk:1"] == pd.Timestamp("2025-09-01T09:00:00Z")
    assert asked["known_at"]["zendesk:3"] == pd.Timestamp("2025-09-04T09:00:00Z"), "a tag may have come at any time"
    again = [ticket(3, "open", "2025-09-05T09:00:00Z", tags=["refund"])]
    assert zendesk.load(school, page(tickets=again, folder="second")).kept == {"tickets": 0}


def test_a_deleted_ticket_is_none_and_closes_the_one_that_was_there(
    school: School, page: Callable[..., Path], rows: Rows
) -> None:
    zendesk.load(school, page(tickets=[ticket(1)]))
    gone = [ticket(1, "deleted", "2025-09-03T09:00:00Z"), ticket(2, "deleted", "2025-09-03T09:00:00Z")]
    report = zendesk.load(school, page(tickets=gone, folder="second"))
    assert told(rows) == [("opened", "09-01T09:00"), ("resolved", "09-03T09:00")]
    assert report.ignored == {"a deleted ticket": 2}


def test_json_lines_are_read_and_a_broken_line_is_set_aside_without_its_text(
    school: School, tmp_path: Path, rows: Rows
) -> None:
    file = tmp_path / "tickets.jsonl"
    solved = audit(12, "2025-09-04T10:00:00Z", change("status", "solved", "open"))
    lines = [
        json.dumps(ticket(1)),
        '{"id": 2, "email": "anna@exa',
        "",
        json.dumps(solved),
        json.dumps(ticket(3, created="?")),
    ]
    file.write_text("\n".join(lines), "utf-8")
    report = zendesk.load(school, file)
    assert told(rows) == [("opened", "09-01T09:00"), ("resolved", "09-04T10:00")]
    found = {fault["row"]: f"{fault['column']} {fault['reason']}" for fault in report.faults}
    assert found == {"2": " is not sound JSON", "5": "created_at is not a moment with an offset"}
    assert "anna" not in str(report.as_dict())


def test_people_go_by_number_or_by_the_hidden_address_and_no_address_is_kept(
    school: School, page: Callable[..., Path], rows: Rows, tmp_path: Path
) -> None:
    people = [{"id": 700, "email": "Anna@Example.ru", "name": "Анна"}, {"id": 701, "email": None}]
    folder = page(tickets=[ticket(1), ticket(2, requester_id=701)], users=people)
    zendesk.load(school, folder)
    assert set(rows("tickets")["student_id"]) == {"zendesk:700", "zendesk:701"}
    assert rows("identities").empty
    keyed = School(tmp_path / "keyed", KEY)
    keyed.home.mkdir()
    settle(keyed, '[zendesk]\nnamed_by = "email"\n')
    zendesk.load(keyed, folder)
    found = Lake(keyed.lake, keyed.zone).read("tickets").set_index("ticket_id")["student_id"].to_dict()
    assert found == {"zendesk:1": email_alias("anna@example.ru", KEY), "zendesk:2": "zendesk:701"}
    for home in (school.home, keyed.home):
        kept = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file()).lower()
        assert b"anna@" not in kept
        assert b"private words" not in kept


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("tickets.json", "<html>", "is not JSON"),
        ("tickets.json", '{"tickets": []}', "holds nothing of Zendesk's"),
        ("tickets.json", '{"error": "Unauthorized"}', "holds nothing of Zendesk's"),
        ("tickets.json", "", "the file is empty"),
    ],
)
def test_a_file_that_is_no_export_is_refused_whole(
    school: School, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(BadInput, match=words):
        zendesk.load(school, tmp_path / name)
    assert Lake(school.lake, school.zone).is_empty


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[zendesk.priorities]\nhigh = "P4"', "'high' cannot be 'P4'"),
        ('[zendesk.categories]\nspam = "spam"', "'spam' cannot be 'spam'. Write one of: access"),
        ('[zendesk.asked_by_tag]\nx = "refund"', "'x' cannot be 'refund'"),
        ("[zendesk.scores]\ngood = 9", "good = 9. Write 1 to 5"),
        ("[zendesk]\nsort = true", "unknown setting sort"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    school: School, page: Callable[..., Path], text: str, words: str
) -> None:
    settle(school, text)
    with pytest.raises(BadConfig, match=words):
        zendesk.load(school, page(tickets=[ticket()]))
