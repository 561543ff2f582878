"""The cascade: which step of help may come next for a student, folded anew from the history whenever it is asked."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from serving.decide.actions import Action
from serving.decide.case import Case, Touch, utc
from serving.decide.contacts import contact_day, contacts
from serving.decide.stages import (
    COOL_DOWN_OVER,
    LAPSED,
    NONE,
    RETURNED,
    STAGES,
    STOP_OVER,
    STOPPED,
    STUDY,
    TOO_MANY,
    TRANSITIONS,
    Cascade,
)

REASONS: Mapping[str, str] = {
    "stopped": "`stop_after` contacts of the episode led to nothing",
    "cool_down": "the student came back to study",
    "stage_passed": "the episode is past the stage of the action",
    "open_step": "the last step may still work",
    "needs_soft_touch": "help or a suggestion of a pause would be the first word to the student",
}
"""Why the gate G4 says no: the reason of the record, and what it means."""

_NEEDS_SOFT = ("help", "pause")  # never the first word to a student
_WORDS = ("given", "withdrawn")
_EVER = datetime.min.replace(tzinfo=UTC)


class Proposal(NamedTuple):
    """What a switch proposes now: to go on by another channel.

    Attributes:
        action: of the catalogue.
        switch: its name in the settings.
        touch_id: the contact that it goes on from.
    """

    action: str
    switch: str
    touch_id: str


class Move(NamedTuple):
    """One transition that happened: when, from where, by which event and to where."""

    at: datetime
    here: str
    event: str
    there: str


@dataclass(frozen=True, slots=True)
class State:
    """Where a student stands in the cascade at a moment.

    Attributes:
        stage: one of `STAGES`, or `none`, `stopped`, `returned`.
        opened_at, last_at: the first and the last contact of the episode.
        unsuccessful: its contacts that led to nothing, so far.
        soft: whether it had a contact before help.
        waits_until: until then its last step may still work.
        ends_at: when it is over by itself.
        stopped_until: when a stop is over by itself.
        returned_on: the day of the last return to study.
        rests_until: nothing is done before that, because of the return.
        proposals: what switches propose.
        opted_out: whether the student asked not to be contacted at all; the gates G1 and G2 hold to it.
    """

    stage: str = NONE
    opened_at: datetime | None = None
    last_at: datetime | None = None
    unsuccessful: int = 0
    soft: bool = False
    waits_until: datetime | None = None
    ends_at: datetime | None = None
    stopped_until: datetime | None = None
    returned_on: date | None = None
    rests_until: datetime | None = None
    proposals: tuple[Proposal, ...] = ()
    opted_out: bool = False


_NOTHING, _OPTED_OUT = State(), State(opted_out=True)


class _Walk:
    """The fold: goes through contacts and days of study in order, by `TRANSITIONS`."""

    def __init__(self, cascade: Cascade, zone: ZoneInfo) -> None:
        self.cascade, self.zone = cascade, zone
        self.stage = NONE
        self.moves: list[Move] = []
        # of the episode
        self.steps: list[tuple[Touch, str]] = []
        self.in_vain: list[datetime] = []  # when contacts were seen to lead to nothing, by time
        self.waits_until = _EVER  # when the last step can work no more
        self.dials = 0
        self.stopped_until = _EVER
        # of the last return
        self.returned_on: date | None = None
        self.rests_until: datetime | None = None

    def contact(self, touch: Touch, stage: str) -> None:
        self.pass_time(touch.at)
        if self.stage != STOPPED:
            self._step(touch, stage)
        self._move(touch.at, stage)

    def _step(self, touch: Touch, stage: str) -> None:
        self.steps.append((touch, stage))
        failed = touch.status == "failed"
        end = touch.at if failed else touch.at + self.cascade.waits[stage]  # what did not get through cannot work
        self.waits_until = max(self.waits_until, end)
        dial = failed and touch.channel == "call"
        if touch.status != "answered" and not (dial and self.dials % self.cascade.dials_as_one):
            insort(self.in_vain, end)
        self.dials += dial

    def study(self, day: date) -> None:
        """A day of study; it comes after the contacts of the same day."""
        at = utc(datetime.combine(day, time(), self.zone))
        self.pass_time(at)
        if (self.stage, STUDY) in TRANSITIONS:
            self.returned_on, self.rests_until = day, at + self.cascade.rest_after_return
            self._close(max(at, self.moves[-1].at), STUDY)

    def pass_time(self, at: datetime) -> None:
        """All that time alone brings about until a moment."""
        if self.stage in STAGES:
            most = self.cascade.stop_after
            if len(self.in_vain) >= most and self.in_vain[most - 1] <= at:
                self.stopped_until = self.in_vain[most - 1] + self.cascade.rest_after_stop
                self._move(self.in_vain[most - 1], TOO_MANY)
            elif self.ends_at <= at:
                self._close(self.ends_at, LAPSED)
        if self.stage == STOPPED and self.stopped_until <= at:
            self._close(self.stopped_until, STOP_OVER)
        if self.stage == RETURNED and self.rests_until is not None and self.rests_until <= at:
            self._move(self.rests_until, COOL_DOWN_OVER)

    @property
    def ends_at(self) -> datetime:
        """When the episode is over by itself."""
        return max(self.steps[-1][0].at + self.cascade.episode, self.waits_until)

    def _close(self, at: datetime, event: str) -> None:
        self._move(at, event)
        self.steps, self.in_vain, self.waits_until, self.dials = [], [], _EVER, 0

    def _move(self, at: datetime, event: str) -> None:
        there = TRANSITIONS[self.stage, event]
        self.moves.append(Move(at, self.stage, event, there))
        self.stage = there


def _walked(case: Case, cascade: Cascade, now: datetime) -> tuple[_Walk, datetime] | None:
    """The fold and how far it went; None where the cascade never contacted the student.

    A clock that was set back changes nothing: the history is never looked at from before its newest contact.
    """
    steps = [(touch, stage) for touch in contacts(case, now) if (stage := cascade.stage(touch)) is not None]
    if not steps:
        return None
    zone = ZoneInfo(case.time_zone)
    walk, days = _Walk(cascade, zone), list(reversed(case.active_days))
    for touch, stage in steps:
        while days and days[-1] < contact_day(touch, zone):
            walk.study(days.pop())
        walk.contact(touch, stage)
    while days:
        walk.study(days.pop())
    until = max(now, steps[-1][0].at)
    walk.pass_time(until)
    return walk, until


def state_of(case: Case, cascade: Cascade, now: datetime) -> State:
    """Where a student stands in the cascade, from the contacts and the days of study of the case alone.

    A day of study is the school's; the day of a contact is that of the student's own zone.

    Args:
        case: the student's case.
        cascade: the settings.
        now: the moment, in UTC.
    """
    found = _walked(case, cascade, now)
    opted_out = bool(case.consents) and _opted_out(case)
    if found is None:
        return _OPTED_OUT if opted_out else _NOTHING
    walk, until = found
    if not walk.steps:
        return State(walk.stage, returned_on=walk.returned_on, rests_until=walk.rests_until, opted_out=opted_out)
    open_ = walk.stage in STAGES
    return State(
        stage=walk.stage,
        opened_at=walk.steps[0][0].at,
        last_at=walk.steps[-1][0].at,
        unsuccessful=sum(at <= until for at in walk.in_vain),
        soft=any(stage not in _NEEDS_SOFT for _, stage in walk.steps),
        waits_until=walk.waits_until if open_ else None,
        ends_at=walk.ends_at if open_ else None,
        stopped_until=None if open_ else walk.stopped_until,
        returned_on=walk.returned_on,
        rests_until=walk.rests_until,
        proposals=tuple(_proposed(*walk.steps[-1], cascade, now)) if open_ else (),
        opted_out=opted_out,
    )


def _opted_out(case: Case) -> bool:
    """Whether the student's last word on being contacted at all is a no."""
    words = [word for word in case.consents if word.channel == word.purpose == "any" and word.state in _WORDS]
    return bool(words) and words[-1].state == "withdrawn"


def _proposed(touch: Touch, stage: str, cascade: Cascade, now: datetime) -> Iterator[Proposal]:
    """What switches propose after the newest contact of an episode, as long as it could still have worked.

    Nothing goes on from a suggestion of a pause: it is the last word.
    """
    if stage == STAGES[-1]:
        return
    for switch in cascade.switches:
        unreached = (touch.channel, touch.status) == (switch.after_channel, switch.status)
        if unreached and touch.at + switch.after <= now < touch.at + cascade.waits[stage]:
            yield Proposal(switch.action, switch.name, touch.touch_id)


def proposals(case: Case, cascade: Cascade, now: datetime) -> tuple[Proposal, ...]:
    """What switches propose now: each contact is gone on from once, by the contact that then is the newest."""
    return state_of(case, cascade, now).proposals


def path(case: Case, cascade: Cascade, now: datetime) -> tuple[Move, ...]:
    """How the student came to where `state_of` says, transition by transition."""
    found = _walked(case, cascade, now)
    return tuple(found[0].moves) if found else ()


class Refusal(NamedTuple):
    """The cascade's no: one of `REASONS`, what its words need, and when it ends by itself (None: it does not)."""

    reason: str
    params: dict[str, Any]
    until: datetime | None


def refusal(action: Action, case: Case, cascade: Cascade, now: datetime, state: State | None = None) -> Refusal | None:
    """Why the cascade forbids an action now; None where it does not, or where the action is none of its own.

    Args:
        action: what is proposed.
        case: the student's case.
        cascade: the settings.
        now: the moment, in UTC.
        state: of `state_of` at that moment, where it is known already.
    """
    stage = cascade.stage_of.get(action.id)
    if stage is None:
        return None
    state = state or state_of(case, cascade, now)
    if state.stopped_until is not None:
        return Refusal("stopped", {"most": cascade.stop_after}, state.stopped_until)
    if state.rests_until is not None and now < state.rests_until:
        return Refusal("cool_down", {"days": cascade.rest_after_return.days}, state.rests_until)
    if any(one.action == action.id for one in state.proposals):
        return None  # it stands for the step that did not reach the student
    if state.ends_at is not None and STAGES.index(stage) < STAGES.index(state.stage):
        return Refusal("stage_passed", {"stage": state.stage}, state.ends_at)
    if state.waits_until is not None and now < state.waits_until:
        return Refusal("open_step", {"stage": state.stage}, state.waits_until)
    if stage in _NEEDS_SOFT and not state.soft:
        risk = max((one.risk for one in case.enrolments if one.risk is not None), default=0.0)
        if stage != "help" or risk < cascade.extreme_risk:
            return Refusal("needs_soft_touch", {}, None)
    return None
