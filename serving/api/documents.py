"""What answers look like: the shape of a risk and of what is told beside it, for the OpenAPI description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Unit = Literal["days", "hours", "minutes", "count", "share", "points", "ratio"]


class Document(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Reason(Document):
    """One factor of a risk: the student's value, what is usual among course-mates, last week's, and its direction."""

    feature: str = Field(description="name in the catalogue; see docs/reference/features.md")
    family: str = Field(description="its family; a rank belongs to what it ranks")
    value: float | None = Field(description="the student's; null is unknown")
    unit: Unit = Field(description="of all values; a share is 0-1")
    usual_low: float | None = Field(description="a quarter of the course-mates has less")
    usual: float | None = Field(description="the middle of the course-mates")
    usual_high: float | None = Field(description="a quarter of the course-mates has more")
    week_ago: float | None = Field(description="the student's value seven days earlier")
    change: float | None = Field(description="value minus week_ago")
    contribution: float = Field(description="exact TreeSHAP, in log-odds of the risk")
    direction: Literal["raises", "lowers"]
    text: str = Field(description="all of it in words, in the language asked for")


class Share(Document):
    """What a family of features adds to the log-odds of a risk; with the base, all of them make it up."""

    family: str = Field(description="`background` is calendar and enrolment, `base` what is so for anybody")
    contribution: float = Field(description="the sum of its features' contributions, in log-odds")
    name: str = Field(description="in the language asked for")


class WhatIf(Document):
    """What the model would say if one thing that can be changed were as is usual; no promise."""

    feature: str
    from_: float = Field(alias="from", description="the student's value")
    to: float = Field(description="the middle of the course-mates")
    unit: Unit
    risk: float = Field(ge=0, le=1, description="what the model would say then")
    text: str = Field(description="in words, in the language asked for")


class Enrolment(Document):
    """The risk of one live enrolment, with its reasons."""

    enrolment_id: str
    course_id: str
    state: Literal["scored", "not_enough_data"] = Field(description="without enough data there is no risk")
    risk: float | None = Field(description="probability of the label within its horizon, 0-1")
    band: Literal["high", "medium", "low"] | None
    reasons: list[Reason] = Field(description="what raises the risk most, strongest first; steady from night to night")
    strength: Reason | None = Field(description="what goes well, to open the talk with")
    families: list[Share]
    what_ifs: list[WhatIf] = Field(description="what would lower the risk, lowest first; for high and medium only")


class Advice(Document):
    """The answer about one student."""

    student_id: str
    as_of: str
    label: str
    label_version: int
    horizon_days: int
    model_version: str
    policy_version: str
    state: Literal["live", "no_live_enrolment"]
    enrolments: list[Enrolment]
    decision: dict[str, Any] | None = Field(description="stored before it was told; see GET /v1/decisions/{id}")


class Batch(Document):
    """The answers about many students."""

    answers: list[Advice]
    unknown: list[str] = Field(description="ids that the school does not have")
