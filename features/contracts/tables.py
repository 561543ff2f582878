"""The tables: people, courses, what students do, what is done for them, and what came of it.

Every row has two times. `occurred_at` is when the fact happened; `known_at` is when the school could have
known it. A feature as of a moment uses only rows known before it. Entities (students, courses, enrolments,
assignments) are kept as versions: the newest one known by a moment is the one in force at it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["id", "text", "time", "number", "integer", "flag", "choice", "zone"]


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Attributes:
        kind: what a value is: `id` (1-200 characters, no control characters), `text` (up to 500),
            `time` (an aware moment), `number`, `integer`, `flag` (true or false), `choice`, `zone` (IANA name).
        text: what it means, in words.
        required: whether a value may be missing.
        low, high: bounds, inclusive.
        choices: the allowed values of a `choice`.
        default: what a missing value becomes, where that is safe.
    """

    kind: Kind
    text: str
    required: bool = True
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    default: str | float | bool | None = None


@dataclass(frozen=True)
class Contract:
    """One table.

    Attributes:
        name: the table's name in the lake.
        text: what a row is.
        key: the columns that name a row.
        columns: in their order.
        versioned: entities are; a row with the same key and other content is then a newer version.
        order: pairs (earlier, later) of time columns that a row must respect.
    """

    name: str
    text: str
    key: tuple[str, ...]
    columns: dict[str, Column]
    versioned: bool = False
    order: tuple[tuple[str, str], ...] = field(default=())


def _id(text: str, required: bool = True) -> Column:
    return Column("id", text, required)


def _choice(text: str, *choices: str, default: str | None = None) -> Column:
    return Column("choice", text, choices=choices, default=default)


_KNOWN = {"known_at": Column("time", "when the school could have known this row")}
_TIMES = {"occurred_at": Column("time", "when it happened"), **_KNOWN}
_KNOWN_AFTER = (("occurred_at", "known_at"),)
_STUDENT = {
    "student_id": _id("the student"),
    "enrolment_id": _id("the enrolment it is about; empty when it is about the person", required=False),
}

CHANNELS = ("sms", "call", "email", "messenger", "push", "in_app")
ACTIVITY_KINDS = ("login", "lesson", "lesson_completed", "content", "forum", "quiz", "homework", "live", "other")
TICKET_EVENTS = (
    "opened",
    "responded",
    "resolved",
    "reopened",
    "rated",
    "cancel_requested",
    "refund_requested",
)
FLAG_KINDS = (
    "dispute",
    "complaint",
    "legal",
    "wellbeing",
    "safeguarding",
    "bereavement",
    "medical",
    "conversation",
    "objection",
    "staff",
    "test",
)
CLOSING_OUTCOMES = ("withdrawal", "refund", "nonrenewal", "completion")


def _table(
    name: str,
    text: str,
    key: str,
    columns: dict[str, Column],
    *,
    versioned: bool = False,
    order: tuple[tuple[str, str], ...] = (),
) -> Contract:
    return Contract(name, text, (key,), columns, versioned, order)


_ALL = (
    _table(
        "students",
        "a person who learns",
        "student_id",
        {
            "student_id": _id("the student"),
            "display_name": Column("text", "the name as the student writes it", False),
            "time_zone": Column("zone", "the student's own zone, for quiet hours", False),
            "curator": _id("login of the curator who looks after the student", False),
            "group": _id("study group", False),
            "is_minor": Column("flag", "whether a guardian is the recipient", False),
            "acquisition_channel": Column("text", "where the student came from", False),
            "gender": Column("text", "for auditing only, never a feature", False),
            "age_band": Column("text", "for auditing only, never a feature", False),
            "region": Column("text", "for auditing only, never a feature", False),
            "disability": Column("text", "for auditing only, never a feature", False),
            **_KNOWN,
        },
        versioned=True,
    ),
    _table(
        "identities",
        "another name of a student: the id of a CRM, the keyed hash of a ticket's e-mail address",
        "alias",
        {
            "alias": _id("the other name, as that system's rows carry it in `student_id`"),
            "student_id": _id("the student"),
            "source": Column("text", "who says so", False),
            **_KNOWN,
        },
    ),
    _table(
        "courses",
        "one run of a course",
        "course_id",
        {
            "course_id": _id("the run"),
            "title": Column("text", "its name as students see it", False),
            "starts_at": Column("time", "first day of a fixed-term run", False),
            "ends_at": Column("time", "the moment after the last day of a fixed-term run", False),
            "curator": _id("login of the curator of the whole run", False),
            "lessons": Column("integer", "lessons in the plan", False, low=1),
            "hours": Column("number", "hours of work in the plan", False, low=0),
            **_KNOWN,
        },
        versioned=True,
        order=(("starts_at", "ends_at"),),
    ),
    _table(
        "enrolments",
        "one student in one course run: the thing that churns",
        "enrolment_id",
        {
            "enrolment_id": _id("the enrolment"),
            "student_id": _id("the student"),
            "course_id": _id("the run"),
            "occurred_at": Column("time", "when the student enrolled"),
            "starts_at": Column("time", "own first day, for self-paced courses", False),
            "ends_at": Column("time", "own end, for self-paced courses", False),
            "prior_attempts": Column("integer", "earlier attempts at this course", False, low=0, high=100),
            "study_load": Column("number", "credits or hours studied at the same time", False, low=0),
            "price_minor": Column("integer", "price paid, in minor units of the school's currency", False, low=0),
            **_KNOWN,
        },
        versioned=True,
        order=(("starts_at", "ends_at"),),
    ),
    _table(
        "assignments",
        "a piece of homework of a course",
        "assignment_id",
        {
            "assignment_id": _id("the assignment"),
            "course_id": _id("the run"),
            "title": Column("text", "its name", False),
            "due_at": Column("time", "the moment after which it is overdue; empty when there is none", False),
            "weight": Column("number", "its share of the result, in percent", False, low=0, high=100),
            **_KNOWN,
        },
        versioned=True,
    ),
    _table(
        "submissions",
        "a piece of homework handed in; a score that is known later is a newer version",
        "submission_id",
        {
            "submission_id": _id("the submission"),
            "enrolment_id": _id("the enrolment"),
            "assignment_id": _id("the assignment"),
            **_TIMES,
            "score": Column("number", "0-100", False, low=0, high=100),
            "score_known_at": Column("time", "when the score was known", False),
            "carried_over": Column(
                "flag", "a result of an earlier run: it closes the task, it is no effort", default=False
            ),
        },
        versioned=True,
        order=(*_KNOWN_AFTER, ("occurred_at", "score_known_at")),
    ),
    _table(
        "activity",
        "something a student did on the platform",
        "event_id",
        {
            "event_id": _id("the event"),
            "enrolment_id": _id("the enrolment"),
            "kind": _choice("what it was", *ACTIVITY_KINDS),
            "object_id": _id("the page, lesson or resource", False),
            "quantity": Column("integer", "how many clicks the row stands for", low=1, high=1e6, default=1),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "videos",
        "a stretch of video behaviour",
        "event_id",
        {
            "event_id": _id("the event"),
            "enrolment_id": _id("the enrolment"),
            "video_id": _id("the video"),
            "kind": _choice(
                "opened; watched, skipped (forward) or rewatched for some seconds; completed; left before the end",
                "opened",
                "watched",
                "skipped",
                "rewatched",
                "completed",
                "left",
            ),
            "seconds": Column("number", "length of the stretch", low=0, high=86400, default=0),
            "progress": Column("number", "share of the video reached, 0-1", False, low=0, high=1),
            "speed": Column("number", "playback rate of a `watched` stretch; 1 is normal", False, low=0.1, high=16),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "tickets",
        "one thing that happened to a support ticket (its history, not its present state)",
        "event_id",
        {
            "event_id": _id("the event"),
            "ticket_id": _id("the ticket"),
            **_STUDENT,
            "event": _choice("what happened", *TICKET_EVENTS),
            "category": Column("text", "access, payment, functionality, content, feedback, presale", False),
            "priority": _choice("P1 mass incident, P2 broken for some, P3 individual", "P1", "P2", "P3", default="P3"),
            "score": Column("number", "satisfaction 1-5, for `rated`", False, low=1, high=5),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "ratings",
        "a rating given by a student",
        "event_id",
        {
            "event_id": _id("the event"),
            **_STUDENT,
            "value": Column("number", "stars, 1-5", low=1, high=5),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "nps",
        "an answer to: would you recommend us?",
        "event_id",
        {
            "event_id": _id("the event"),
            **_STUDENT,
            "value": Column("number", "0-10; from 9 on a promoter, up to 6 a detractor", low=0, high=10),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "live",
        "a live class of an enrolment, or what the student did in it",
        "event_id",
        {
            "event_id": _id("the event"),
            "enrolment_id": _id("the enrolment"),
            "class_id": _id("the class"),
            "kind": _choice(
                "held: a class to which the student was invited took place; attended; spoke: speaking turns; wrote: "
                "messages in its chat",
                "held",
                "attended",
                "spoke",
                "wrote",
            ),
            "quantity": Column("integer", "how many turns or messages the row stands for", low=1, high=1e4, default=1),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "payments",
        "something that happened to a student's money",
        "event_id",
        {
            "event_id": _id("the event"),
            **_STUDENT,
            "kind": _choice("what happened", "paid", "failed", "refunded", "card_expiring", "renewed"),
            "amount_minor": Column("integer", "minor units of the school's currency", False, low=0),
            "discount_minor": Column("integer", "taken off the list price, in minor units", False, low=0),
            "expires_at": Column("time", "when the card expires, for `card_expiring`", False),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "touches",
        "a contact with a student, by whomever and in whatever channel; what is learned of it later is a newer version",
        "touch_id",
        {
            "touch_id": _id("the touch"),
            **_STUDENT,
            "channel": _choice("where", *CHANNELS),
            "status": _choice("how it went", "sent", "opened", "answered", "failed", default="sent"),
            "action": _id("the action of the catalogue it carried out", False),
            "decision_id": _id("the decision it carried out", False),
            "by": _id("login of the person who made it; empty when it was automatic", False),
            **_TIMES,
        },
        versioned=True,
        order=_KNOWN_AFTER,
    ),
    _table(
        "consents",
        "a student's word on being contacted",
        "event_id",
        {
            "event_id": _id("the event"),
            "student_id": _id("the student"),
            "channel": _choice("where", "any", *CHANNELS, default="any"),
            "purpose": _choice("what for", "any", "service", "marketing", default="any"),
            "state": _choice(
                "given, withdrawn, asked for a pause, or ended the pause", "given", "withdrawn", "paused", "resumed"
            ),
            "until_at": Column("time", "end of a pause; empty is until resumed", False),
            "source": Column("text", "where the word comes from", False),
            **_TIMES,
        },
        order=(*_KNOWN_AFTER, ("occurred_at", "until_at")),
    ),
    _table(
        "flags",
        "the school's word that only people decide about a student, or that this is over; a person sets it, no program",
        "event_id",
        {
            "event_id": _id("the event"),
            "student_id": _id("the student"),
            "kind": _choice(
                "why: something open between student and school (dispute, complaint, legal); what is sensitive "
                "(wellbeing, safeguarding, bereavement, medical); a conversation with a person; an objection to "
                "automated decisions; an account of staff or for a test",
                *FLAG_KINDS,
            ),
            "state": _choice("set, or cleared", "set", "cleared", default="set"),
            "reference": _id(
                "your own name of the matter, such as a case number, so that one of several can be cleared; a word "
                "without one clears all of the kind",
                False,
            ),
            "until_at": Column("time", "when it ends by itself; empty is until cleared", False),
            "source": Column("text", "who says so; no details of the matter itself", False),
            **_TIMES,
        },
        order=(*_KNOWN_AFTER, ("occurred_at", "until_at")),
    ),
    _table(
        "outcomes",
        "what became of an enrolment",
        "event_id",
        {
            "event_id": _id("the event"),
            "enrolment_id": _id("the enrolment"),
            "kind": _choice("what", *CLOSING_OUTCOMES, "payment_failure"),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
    _table(
        "decisions",
        "a decision taken earlier, by Handrail or by a programme before it",
        "decision_id",
        {
            "decision_id": _id("the decision"),
            **_STUDENT,
            "experiment": _id("the experiment whose arm it was"),
            "arm": _choice("treated, or held out as control", "treatment", "control"),
            "action": _id("the action of the catalogue"),
            "propensity": Column("number", "probability of this action when it was chosen", low=0, high=1, default=1),
            **_TIMES,
        },
        order=_KNOWN_AFTER,
    ),
)

TABLES: dict[str, Contract] = {table.name: table for table in _ALL}
