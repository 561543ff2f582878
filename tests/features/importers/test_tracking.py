"""One line of a tracking log -> what is used of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from features.importers.tracking import Event, fields, kind_of, parse

COURSE = "course-v1:edX+Demo+2026"


def event(said: str, details: Any = None, *, source: str = "server", **more: Any) -> dict[str, Any]:
    return {
        "event_type": said,
        "event_source": source,
        "time": "2026-03-01T09:00:00.000000+00:00",
        "context": {"user_id": 7, "course_id": COURSE},
        "event": {} if details is None else details,
        **more,
    }


def used(said: dict[str, Any], person: str = "user_id") -> Event:
    found = fields(3, json.dumps(said).encode(), said, person)
    assert isinstance(found, Event), found
    return found


def left_out(said: dict[str, Any], person: str = "user_id") -> str:
    found = fields(3, json.dumps(said).encode(), said, person)
    assert isinstance(found, str), found
    return found


@pytest.mark.parametrize(
    ("said", "source", "kind"),
    [
        ("problem_check", "server", "quiz"),
        ("problem_check", "browser", None),
        ("problem_graded", "browser", None),
        ("showanswer", "server", "quiz"),
        ("seq_next", "browser", "lesson"),
        ("edx.ui.lms.sequence.next_selected", "browser", "lesson"),
        ("edx.forum.thread.created", "server", "forum"),
        ("play_video", "mobile", "lesson"),
        ("edx.video.played", "mobile", "lesson"),
        ("textbook.pdf.page.navigated", "browser", "content"),
        ("openassessmentblock.save_submission", "server", "homework"),
        ("page_close", "browser", "other"),
        (f"/courses/{COURSE}/courseware/week1/one/", "server", "lesson"),
        ("/courses/edX/Demo/2014/courseware/week1/", "server", "lesson"),
        (f"/courses/{COURSE}/", "server", "login"),
        (f"/courses/{COURSE}", "server", "login"),
        (f"/courses/{COURSE}/info", "server", "login"),
        (f"/courses/{COURSE}/discussion/forum/abc/threads/1", "server", "forum"),
        (f"/courses/{COURSE}/progress", "server", "other"),
        (f"/courses/{COURSE}/about", "server", None),
        (f"/courses/{COURSE}/instructor", "server", None),
        (f"/courses/{COURSE}/xblock/block-v1:x/handler/xmodule_handler/problem_get", "server", None),
        ("/xblock/block-v1:edX+Demo+2026+type@vertical+block@1", "server", "lesson"),
        ("/dashboard", "server", None),
        ("edx.bi.something", "server", None),
    ],
)
def test_kinds(said: str, source: str, kind: str | None) -> None:
    assert kind_of(said, source, False) == kind


def test_an_answer_is_graded_by_the_server() -> None:
    found = used(event("problem_check", {"problem_id": "block-v1:p1", "grade": 2, "max_grade": 3, "attempts": 1}))
    assert (found.kind, found.fact, found.object_id, found.score) == ("quiz", "submission", "block-v1:p1", 66.6667)
    for ungraded in ({"problem_id": "p", "grade": 0, "max_grade": 0}, {"grade": 1, "max_grade": 1}, {}):
        found = used(event("problem_check", ungraded))
        assert (found.kind, found.fact, found.score) == ("quiz", None, None)


def test_the_events_own_fields_may_be_a_text() -> None:
    found = used(event("play_video", '{"id": "v1", "currentTime": 12.5, "duration": 100}', source="browser"))
    assert (found.verb, found.object_id, found.position, found.duration) == ("played", "v1", 12.5, 100.0)
    cut = used(event("play_video", '{"id": "v1", "currentTi', source="browser"))
    assert (cut.kind, cut.object_id) == ("lesson", None)
    assert used(event("problem_save", "input_1=2&input_2=3", source="browser")).kind == "quiz"


def test_players_tell_times_in_many_ways() -> None:
    sought = used(event("seek_video", {"id": "v", "old_time": 5, "new_time": 65.5}))
    assert (sought.verb, sought.position, sought.target) == ("seeked", 5.0, 65.5)
    faster = used(event("speed_change_video", {"id": "v", "current_time": 9, "old_speed": 1, "new_speed": "1.50"}))
    assert (faster.verb, faster.position, faster.target) == ("speed", 9.0, None)
    assert (faster.old_speed, faster.new_speed) == (1.0, 1.5)
    odd = used(event("play_video", {"id": "v", "currentTime": True, "duration": "NaN"}))
    assert (odd.position, odd.duration) == (None, None)


def test_a_course_is_found_where_the_context_lacks_it() -> None:
    bare: dict[str, Any] = {"context": {"user_id": 7, "course_id": ""}}
    assert used(event("seq_next", {"id": "s"}, **bare, page=f"https://x.org/courses/{COURSE}/courseware/a/")).course_id
    page = used(event("page_close", None, **bare, page="https://x.org/courses/course-v1%3AedX%2BDemo%2B2026/info#a"))
    assert page.course_id == COURSE
    assert used(event("seq_next", {"course_id": "edX/Demo/2014"}, **bare)).course_id == "edX/Demo/2014"
    unit = used(event("/xblock/block-v1:edX+Demo+2026+type@vertical+block@1", **bare))
    assert (unit.course_id, unit.object_id) == (COURSE, "block-v1:edX+Demo+2026+type@vertical+block@1")
    assert left_out(event("seq_next", {"id": "s"}, **bare)) == "of no course"


@pytest.mark.parametrize("who", [None, "", " ", True, 1.5])
def test_nobody_logged_in(who: Any) -> None:
    assert left_out(event("seq_next", None, context={"user_id": who, "course_id": COURSE})) == (
        "of nobody who was logged in"
    )
    assert left_out(event("seq_next", None, context=None)) == "of nobody who was logged in"


def test_what_is_done_to_a_student_names_the_student() -> None:
    made = event(
        "edx.course.enrollment.activated", {"user_id": 8, "course_id": COURSE, "mode": "honor"}, username="boss"
    )
    assert (used(made).student_id, used(made).kind, used(made).fact) == ("8", None, "enrolled")
    own = event("edx.course.enrollment.deactivated", {"user_id": 7, "course_id": COURSE}, username="ann")
    assert (used(own, "username").student_id, used(own).fact) == ("ann", "withdrawal")
    assert left_out(made, "username") == "of nobody who was logged in"  # the log tells only the number
    assert used(event("edx.certificate.created", {"user_id": "9"})).student_id == "9"


def test_completed_blocks() -> None:
    done = used(event("edx.completion.block_completion.changed", {"block_id": "b1", "completion": 1.0, "user_id": 8}))
    assert (done.kind, done.object_id, done.student_id) == ("lesson_completed", "b1", "8")
    toggled = event(
        "edx.done.toggled", {"done": True}, context={"user_id": 7, "course_id": COURSE, "module": {"usage_key": "b"}}
    )
    assert (used(toggled).kind, used(toggled).object_id) == ("lesson_completed", "b")
    assert left_out(event("edx.done.toggled", {"done": True}, source="browser")) == "event edx.done.toggled"
    assert left_out(event("edx.done.toggled", {"done": False})) == "event edx.done.toggled"


def test_what_is_left_out_is_named() -> None:
    assert left_out(event("/dashboard")) == "a page outside of the courses"
    assert left_out(event(f"/courses/{COURSE}/about")) == "a look at a course from outside"
    assert left_out(event(f"/courses/{COURSE}/instructor/api/x")) == "a page of the instructors"
    assert left_out(event(f"/courses/{COURSE}/xblock/b/handler/x")) == "a call of a block, which logs its own events"
    assert left_out(event("edx.bi.thing")) == "event edx.bi.thing"


def test_an_object_is_never_longer_than_an_id() -> None:
    assert used(event(f"/courses/{COURSE}/courseware/{'x' * 300}/")).object_id is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"event_type": "x", ', "is not sound JSON"),
        (b"[]", "is not a tracking event"),
        (b"{}", "is not a tracking event"),
        (b'{"event_type": {}, "time": "x"}', "is not a tracking event"),
        (b'{"event_type": "x"}', "is not a tracking event"),
        ('{"event_type": "é"}'.encode("latin-1"), "is not UTF-8 text"),
    ],
)
def test_broken_lines(line: bytes, reason: str) -> None:
    assert parse(line) == reason


def test_what_a_collector_writes_before_the_event_is_passed_over() -> None:
    found = parse(b'Mar  1 09:00:00 host [tracking] INFO - {"name": "edx.video.played", "time": "x"}\n')
    assert found == {"name": "edx.video.played", "time": "x"}
