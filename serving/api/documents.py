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


class Effect(Document):
    """What an action is measured to do: how much more probable it makes it that the student stays."""

    tau: float = Field(ge=-1, le=1, description="on the probability scale")
    low: float = Field(description="of its interval")
    high: float
    why: list[tuple[str, float]] = Field(
        default_factory=list, description="exact SHAP: the features that move tau most from the average, and how far"
    )


class Offer(Document):
    """An action that was weighed: `value` is gain less cost and harm, `net` is what is left at the day's prices."""

    action: str
    enrolment_id: str
    rule: str | None = Field(description="that proposed it")
    value: float = Field(description="minor units of money; at level L0 points, the risk by the order of the rules")
    price: float = Field(description="of the capacity that it takes, in the unit of value")
    net: float
    uses: dict[str, float] = Field(default_factory=dict, description="of the day's capacity, by resource")
    effect: Effect | None = Field(default=None, description="null where no effect is measured")
    gain: float = 0.0
    cost: float = 0.0
    harm: float = 0.0


class NextBest(Document):
    """What would change the answer: the next best action, and how much more it would have to be worth."""

    action: str
    short_by: float = Field(ge=0, description="in the unit of the offers' net")


class Fired(Document):
    """A rule that holds."""

    rule: str
    enrolment_id: str


class FollowUp(Document):
    """A later contact that is planned; it is decided about once more on its day."""

    action: str
    not_before: str


class Blocked(Document):
    """A gate's no."""

    action: str = Field(description="`*` is every one: only people decide")
    gate: str
    reason: str
    params: dict[str, Any]
    until: str | None = Field(description="when the gate opens by itself")
    follow_up: bool = Field(description="whether it is a no to a later contact")
    text: str = Field(description="in words, in the language asked for")


class Decision(Document):
    """One decision; `GET /v1/decisions/{id}` has the case that it was made from too."""

    decision_id: str
    student_id: str
    decision_date: str
    request_digest: str
    model_version: str
    policy_version: str
    level: Literal["L0", "L1", "L2", "L3"] = Field(description="L0: rules decide; above: measured effects")
    decided_at: str
    action: str = Field(description="an id of the school's catalogue; `route_to_human`: see contact")
    action_name: str
    channel: str | None
    enrolment_id: str | None = Field(description="what the action is about")
    rule: str | None = Field(description="that proposed it; null where its worth alone or a lot chose it")
    rule_text: str | None
    ask: str | None = Field(description="what to ask on the same occasion")
    not_before: str | None = Field(description="the first moment of the contact; quiet hours wait")
    follow_ups: list[FollowUp]
    fired: list[Fired]
    blocked: list[Blocked]
    arm: Literal["treatment", "control"]
    holdout: bool
    propensities: dict[str, float] = Field(description="the chance that each eligible action had; they sum to 1")
    eligible: list[str]
    in_scope: bool = Field(description="false: only people decide about this student")
    a_star: str = Field(description="the action of the highest net worth; another was done only where a lot chose")
    explored: bool = Field(description="whether a lot chose")
    u: float | None = Field(description="the number drawn, 0-1")
    offers: list[Offer]
    next_best: NextBest | None
    replaces: list[str] = Field(description="earlier decisions of the day whose contact is not to be made any more")
    uses: dict[str, float] = Field(description="what the action takes of the day's capacity")
    book_id: str | None = Field(description="of the day's prices; null where there were none")
    contact: str | None = Field(description="who takes over where only people decide")


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
    decision: Decision | None = Field(description="stored before it was told; see GET /v1/decisions/{id}")


class Batch(Document):
    """The answers about many students."""

    answers: list[Advice]
    unknown: list[str] = Field(description="ids that the school does not have")
