"""What requests may hold: strict types, nothing unknown, nothing without bounds."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Id = Annotated[
    str,
    Field(
        min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="1-200 characters, none of control"
    ),
]
Day = Annotated[date, Field(ge=date(1990, 1, 1), le=date(2100, 1, 1))]
MOST_STUDENTS, MOST_EVENTS = 100, 1000


class Body(BaseModel):
    """A request: what is not named here is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class FreshEvent(Body):
    """Something that happened and is not imported yet; the columns are those of the table of this name."""

    table: Literal["activity", "videos", "submissions", "tickets", "ratings", "payments"]
    row: dict[str, str | float | bool | None] = Field(
        description="columns of the table; see docs/reference/contracts.md"
    )


class ScoreRequest(Body):
    """One student to score."""

    student_id: Id
    as_of: Day | None = Field(
        None, description="the cut-off day in the school's zone, at most today; the last night's if not given"
    )
    events: list[FreshEvent] = Field(default=[], max_length=MOST_EVENTS)


class BatchRequest(Body):
    """Several students to score."""

    students: list[Id] = Field(min_length=1, max_length=MOST_STUDENTS)
    as_of: Day | None = Field(None, description="as for one student")


class TouchReport(Body):
    """A contact with a student, as the CRM or a messenger reports it.

    What is learned of it later (opened, answered, who made it) is told under the same `touch_id`, with the moment of
    the contact itself. A field left out then says nothing new; one that contradicts what was told is not taken.
    """

    touch_id: Id
    student_id: Id
    enrolment_id: Id | None = None
    channel: Literal["sms", "call", "email", "messenger", "push", "in_app"]
    status: Literal["sent", "opened", "answered", "failed"] = "sent"
    action: Id | None = None
    decision_id: Id | None = None
    by: Id | None = Field(None, description="login of the person who made it; left out when it was automatic")
    occurred_at: AwareDatetime = Field(description="when the contact was made")


class ConsentReport(Body):
    """A student's word on being contacted."""

    event_id: Id
    student_id: Id
    channel: Literal["any", "sms", "call", "email", "messenger", "push", "in_app"] = "any"
    purpose: Literal["any", "service", "marketing"] = "any"
    state: Literal["given", "withdrawn", "paused", "resumed"]
    until_at: AwareDatetime | None = None
    source: Annotated[str, Field(max_length=500)] | None = None
    occurred_at: AwareDatetime


class FlagReport(Body):
    """A person's word that only people decide about a student, or that this is over.

    Of each kind, or of each matter of a kind where it has a `reference`, the latest word counts; `cleared` without a
    `reference` ends all of the kind. See the table `flags` in docs/reference/contracts.md for what each is for.
    """

    event_id: Id
    student_id: Id
    kind: Literal[
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
    ]
    state: Literal["set", "cleared"] = "set"
    reference: Id | None = Field(
        None, description="your own name of the matter, such as a case number: clears this one and leaves the others"
    )
    until_at: AwareDatetime | None = Field(None, description="when it ends by itself; left out until it is cleared")
    source: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="who says so; no details of the matter itself"
    )
    occurred_at: AwareDatetime


class Touches(Body):
    """Contacts to write down."""

    touches: list[TouchReport] = Field(min_length=1, max_length=MOST_EVENTS)


class Consents(Body):
    """Words to write down."""

    consents: list[ConsentReport] = Field(min_length=1, max_length=MOST_EVENTS)


class Flags(Body):
    """Flags to write down."""

    flags: list[FlagReport] = Field(min_length=1, max_length=MOST_EVENTS)


class VerdictReport(Body):
    """A curator's word on an entry of the last list."""

    enrolment_id: Id
    word: Literal["done", "wrong_flag", "already_spoke"]
    note: Annotated[str, Field(max_length=1000)] = ""


Answer = dict[str, Any]
