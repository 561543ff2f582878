"""Open edX tracking logs, one JSON object a line: what each event was, brought to the few fields in use.

The fields are those of Open edX's own reference (Events in the Tracking Logs). An event is named by `event_type`,
which browsers, servers and the mobile apps share; `name` stands in where there is none. A page that the server was
asked for is an event whose type is the path.
"""

from __future__ import annotations

import hashlib
import math
import re
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

# What an event says of the student's work; events that only echo another one are in ECHOES.
KINDS = {
    **dict.fromkeys(("problem_check", "problem_check_fail", "problem_save", "problem_reset", "problem_show"), "quiz"),
    **dict.fromkeys(("showanswer", "edx.problem.hint.demandhint_displayed"), "quiz"),
    **dict.fromkeys(("seq_goto", "seq_next", "seq_prev", "show_transcript", "hide_transcript"), "lesson"),
    **dict.fromkeys(("book", "edx.bookmark.accessed"), "content"),
    "page_close": "other",
}
PREFIXES = {
    "edx.forum.": "forum",
    "edx.ui.lms.": "lesson",
    "edx.video.": "lesson",
    "textbook.": "content",
    "openassessmentblock.": "homework",
    "edx.drag_and_drop_v2.": "quiz",
    "edx.special_exam.": "quiz",
}
# The part of a course's site that a path leads to. To open its home page is the log's nearest thing to a login.
PAGES = {
    **dict.fromkeys(("", "course", "info", "home"), "login"),
    **dict.fromkeys(("courseware", "jump_to", "jump_to_id"), "lesson"),
    **dict.fromkeys(("wiki", "course_wiki", "pdfbook", "htmlbook", "book", "syllabus"), "content"),
    "discussion": "forum",
}
ECHOES = frozenset({"problem_graded", "save_problem_success", "save_problem_fail", "edx.grades.problem.submitted"})
COMPLETED = frozenset({"edx.done.toggled", "edx.completion.block_completion.changed"})
FACTS = {
    "edx.course.enrollment.activated": "enrolled",
    "edx.course.enrollment.deactivated": "withdrawal",
    "edx.certificate.created": "completion",
}
VIDEO_VERBS = {
    **dict.fromkeys(("load_video", "edx.video.loaded"), "initialized"),
    **dict.fromkeys(("play_video", "edx.video.played"), "played"),
    **dict.fromkeys(("pause_video", "edx.video.paused"), "paused"),
    **dict.fromkeys(("seek_video", "edx.video.position.changed"), "seeked"),
    **dict.fromkeys(("stop_video", "edx.video.stopped"), "completed"),
    "speed_change_video": "speed",
}
NO_PERSON = "of nobody who was logged in"
NO_COURSE = "of no course"

_COURSE = re.compile(r"/courses/([^/+]+[/+][^/+]+[/+][^/?#]+)(/[^?#]*)?")
_UNIT = re.compile(r"^/xblock/(block-v1:([^+]+\+[^+]+\+[^+]+)\+type@[^/?]+)")


class Event(NamedTuple):
    """What is used of one line; None where it says nothing.

    Attributes:
        kind: of activity; None for what is done to a student rather than by one.
        fact: enrolled, withdrawal, completion or submission.
        verb: of a video event, a verb of `features.importers.video` or "speed".
        score: of a submission, 0-100.
        position: place in the video, seconds; where a seek started.
        target: where a seek ended, seconds.
        duration: length of the video, seconds.
        old_speed, new_speed: of a change of speed; 1 is normal.
    """

    line: int
    event_id: str
    student_id: str
    course_id: str
    kind: str | None
    fact: str | None
    verb: str | None
    object_id: str | None
    time: str | None
    received_at: str | None
    session: str
    score: float | None
    position: float | None
    target: float | None
    duration: float | None
    old_speed: float | None
    new_speed: float | None


def parse(line: bytes) -> dict[str, Any] | str:
    """The event of a line, or in words why there is none; what a collector wrote before the brace is passed over."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    try:
        event = orjson.loads(line[max(line.find(b"{"), 0) :])
    except orjson.JSONDecodeError:
        return "is not sound JSON"
    named = isinstance(event, dict) and isinstance(event.get("event_type") or event.get("name"), str)
    return event if named and "time" in event else "is not a tracking event"


def fields(number: int, line: bytes, event: dict[str, Any], person: str) -> Event | str:
    """The fields in use, or in words why the event is no fact about a student in a course.

    Args:
        number: of the line.
        line: its text, which names the event, for it has no id of its own.
        event: its content.
        person: what names a student, "user_id" or "username".
    """
    said = event.get("event_type") or event["name"]
    context = _members(event.get("context"))
    details = _details(event.get("event"))
    fact = FACTS.get(said)
    kind = None if fact else kind_of(said, str(event.get("event_source")), _done(details))
    if fact is None and kind is None:
        return _passed_over(said)
    student = _student(event, context, details, person, about_another=kind is None or said in COMPLETED)
    if student is None:
        return NO_PERSON
    course = _text(context.get("course_id")) or _text(details.get("course_id")) or _course_of(said, event, context)
    if course is None:
        return NO_COURSE
    verb = VIDEO_VERBS.get(said)
    score = _score(details) if said == "problem_check" else None
    if score is not None or said == "openassessmentblock.create_submission":
        fact = "submission"
    position, target, duration = _places(verb, details) if verb else (None, None, None)
    return Event(
        line=number,
        event_id=hashlib.blake2b(line.strip(), digest_size=16).hexdigest(),
        student_id=student,
        course_id=course,
        kind=kind,
        fact=fact,
        verb=verb,
        object_id=_object(said, details, context, verb is not None),
        time=_text(event.get("time")),
        received_at=_text(context.get("received_at")),
        session=_text(event.get("session")) or "",
        score=score,
        position=position,
        target=target,
        duration=duration,
        old_speed=_number(details.get("old_speed")) if verb == "speed" else None,
        new_speed=_number(details.get("new_speed")) if verb == "speed" else None,
    )


@lru_cache(maxsize=65536)
def kind_of(said: str, source: str, done: bool) -> str | None:
    """The kind of activity, or None where the event is none.

    Args:
        said: the event's type: a name, or the path of a page.
        source: browser, server, mobile or task.
        done: whether the event says that something was completed.
    """
    if said.startswith("/"):
        unit, page = _UNIT.match(said), _COURSE.match(said)
        if page is None:
            return "lesson" if unit else None
        part = (page[2] or "/").split("/")[1]
        return None if part in ("xblock", "instructor", "about") else PAGES.get(part, "other")
    if said in COMPLETED:
        return "lesson_completed" if done and source != "browser" else None
    if said in ECHOES or (said == "problem_check" and source == "browser"):
        return None  # the server tells of the same answer
    if said in VIDEO_VERBS:
        return "lesson"
    return KINDS.get(said) or next((kind for prefix, kind in PREFIXES.items() if said.startswith(prefix)), None)


def _passed_over(said: str) -> str:
    if not said.startswith("/"):
        return f"event {said}"[:120]
    page = _COURSE.match(said)
    part = (page[2] or "/").split("/")[1] if page else ""
    names = {
        "xblock": "a call of a block, which logs its own events",
        "instructor": "a page of the instructors",
        "about": "a look at a course from outside",
    }
    return names.get(part, "a page outside of the courses")


def _details(event: Any) -> dict[str, Any]:
    """The event's own fields: an object, or an object written as a text; browsers also send other texts."""
    if isinstance(event, str) and event.startswith("{"):
        try:
            event = orjson.loads(event)
        except orjson.JSONDecodeError:
            return {}  # platforms cut long texts off
    return _members(event)


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _student(
    event: dict[str, Any], context: dict[str, Any], details: dict[str, Any], person: str, *, about_another: bool
) -> str | None:
    """Who the event is about; what is done to a student names the student in its own fields."""
    actor, subject = _id(context.get("user_id")), _id(details.get("user_id"))
    if person == "username":
        name = _text(event.get("username"))
        return None if about_another and subject and subject != actor else name
    return (subject or actor) if about_another else actor


def _course_of(said: str, event: dict[str, Any], context: dict[str, Any]) -> str | None:
    unit = _UNIT.match(said)
    if unit:
        return f"course-v1:{unit[2]}"
    for place in (said, event.get("page"), context.get("path")):
        found = _COURSE.search(unquote(place)) if isinstance(place, str) else None
        if found:
            return found[1]
    return None


def _object(said: str, details: dict[str, Any], context: dict[str, Any], is_video: bool) -> str | None:
    """The page, problem, video or thread; a name longer than an id may be is none."""
    module = _members(context.get("module"))
    found: str | None
    if is_video:
        found = _text(details.get("id")) or _text(module.get("usage_key"))
    elif said.startswith("/"):
        unit, page = _UNIT.match(said), _COURSE.match(said)
        found = unit[1] if unit else (page[2] or "").strip("/") or None if page else None
    else:
        names = (details.get("problem_id"), details.get("block_id"), module.get("usage_key"), details.get("id"))
        found = next(filter(None, map(_text, names)), None)
    return found if found and len(found) <= 200 else None


def _done(details: dict[str, Any]) -> bool:
    return details.get("done") is True or details.get("completion") in (1, 1.0)


def _places(verb: str, details: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Where in the video: position, target of a seek, length; browsers and apps write the first in their own ways."""
    names = ("old_time",) if verb == "seeked" else ("currentTime", "current_time")
    position = next((number for number in (_number(details.get(name)) for name in names) if number is not None), None)
    return position, _number(details.get("new_time")), _number(details.get("duration"))


def _score(details: dict[str, Any]) -> float | None:
    grade, most = _number(details.get("grade")), _number(details.get("max_grade"))
    return round(100 * grade / most, 4) if grade is not None and most and _text(details.get("problem_id")) else None


def _id(value: Any) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)  # players send speeds as texts
        except ValueError:
            return None
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    return number if math.isfinite(number) else None
