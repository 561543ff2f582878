"""The gates: what forbids an action, whoever proposes it, and what only makes it wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from experiments.assign import in_holdout
from serving.decide.actions import CHANNELS, NO_ACTION, PURPOSES, Action, Catalogue
from serving.decide.cascade import State, refusal
from serving.decide.case import Case, Consent, EnrolmentCase, utc
from serving.decide.collision import AGE, OWN, Collisions
from serving.decide.config import Faults, Table
from serving.decide.contacts import contacts
from serving.decide.people_only import PeopleOnly, standing
from serving.decide.quiet import QuietHours
from serving.decide.stages import Cascade

ALL_ACTIONS = "*"
"""What a no to everything automatic is a no to."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A gate's no: a value, not an error.

    Attributes:
        action: the action that may not be done; `ALL_ACTIONS` where only people decide.
        gate: `G1` consent, `G2` pause, `G3` frequency cap, `G4` cascade, `G6` people only, `G7` sensitive, `G8` control
            group, `G10` collision, `G11` freshness.
        reason: `consent_withdrawn`, `consent_unknown`, `paused`, `unsubscribed`, `frequency_cap`, `control_group`,
            `onboarding`, `collision`, `stale_data` or `data_health`; of G4 one of `serving.decide.cascade.REASONS`;
            of G6 and G7 the name in the settings.
        params: what the reason's words need (channel, purpose, most, hours; contact, scope, names; campaign, days;
            tables, days).
        until: when this gate opens by itself; None when it does not.
        follow_up: whether it was the later contact of a rule that is blocked.
    """

    action: str
    gate: str
    reason: str
    params: Mapping[str, Any]
    until: datetime | None = None
    follow_up: bool = False


@dataclass(frozen=True, slots=True)
class Cap:
    """A frequency cap: at most so many contacts in any so many hours.

    Attributes:
        name: its name in the settings.
        channel: the channel it counts, or `any`.
        most: contacts allowed.
        hours: the length of the window.
        counts_failed: whether contacts that did not get through count.
    """

    name: str
    channel: str
    most: int
    hours: float
    counts_failed: bool


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates' settings.

    Attributes:
        unknown_allows: by purpose, whether a student who never said anything may be contacted.
        caps: the frequency caps.
        quiet: the quiet hours.
        holdout_share: share of students in the control group.
        holdout_salt: what their drawing is salted with.
        stale_blocks: which actions may not rest on data that has stopped coming: `automatic`, `all` or `none`.
        red_health_blocks: whether a red check of the data holds back automatic actions that we start ourselves.
        health_days: how many days a check of the data speaks for.
        most_share: the share of the students that a rule may hold for and still be believed.
        people: because of what only people decide about a student, in the order in which it is told.
        collisions: which campaigns keep out of each other's way.
        cascade: the steps of help and how long each may work.
    """

    unknown_allows: Mapping[str, bool]
    caps: tuple[Cap, ...]
    quiet: QuietHours
    holdout_share: float
    holdout_salt: str
    stale_blocks: str
    red_health_blocks: bool
    health_days: int
    most_share: float
    people: tuple[PeopleOnly, ...]
    collisions: Collisions
    cascade: Cascade

    @property
    def features(self) -> frozenset[str]:
        """What some gate looks at: features, and `risk` and `band` where a condition names them."""
        return frozenset({AGE, *(one.name for reason in self.people for one in reason.when)})

    def holds_out(self, student_id: str) -> bool:
        """Whether the student is in the control group."""
        return in_holdout(student_id, self.holdout_salt, self.holdout_share)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], catalogue: Catalogue, known_features: Collection[str], faults: Faults
    ) -> Gates:
        """Reads ``gates.toml``; what cannot be used is noted in ``faults``.

        Args:
            config: the file's content.
            catalogue: the actions that it may name.
            known_features: names that conditions may use, besides `risk` and `band`.
            faults: where faults are noted.
        """
        top = Table("gates.toml", config, faults)
        consent, quiet, holdout = top.table("consent_unknown"), top.table("quiet_hours"), top.table("holdout")
        freshness, rules = top.table("freshness"), top.table("rules")
        gates = cls(
            unknown_allows={purpose: consent.choice(purpose, ("allow", "deny")) == "allow" for purpose in PURPOSES},
            caps=tuple(_cap(name, one) for name, one in sorted(top.tables("frequency_cap", name="frequency cap"))),
            quiet=QuietHours(quiet.clock("starts"), quiet.clock("ends")),
            holdout_share=holdout.number("share", 0, 0.5),
            holdout_salt=holdout.text("salt"),
            stale_blocks=freshness.choice("blocks", ("automatic", "all", "none")),
            red_health_blocks=freshness.flag("health_red_blocks", True),
            health_days=freshness.whole("health_days", 1, 365),
            most_share=rules.number("most_share", 0, 1),
            people=PeopleOnly.read(top, known_features),
            collisions=Collisions.read(top, catalogue),
            cascade=Cascade.read(top, catalogue),
        )
        for table in (consent, quiet, holdout, freshness, rules, top):
            table.close()
        return gates


def _cap(name: str, table: Table) -> Cap:
    cap = Cap(
        name=name,
        channel=table.choice("channel", ("any", *CHANNELS)),
        most=table.whole("most", 0, 1000),
        hours=table.number("hours", 1, 24 * 30),
        counts_failed=table.flag("counts_failed", True),
    )
    table.close()
    return cap


def judge(
    action: Action,
    case: Case,
    gates: Gates,
    now: datetime,
    rests_on: Collection[str] = (),
    campaign: str | None = None,
    about: EnrolmentCase | None = None,
    state: State | None = None,
) -> tuple[Blocked, ...]:
    """Every gate's no to an action, in the gates' fixed order; empty when it may be done.

    Doing nothing is never blocked. Quiet hours do not block: see `QuietHours.wait`.

    Args:
        action: what is proposed.
        case: the student's case.
        gates: the settings.
        now: the moment to judge for, aware.
        rests_on: what the rule that proposes it looks at; see `serving.decide.rules.Rule.rests_on`.
        campaign: of the rule that proposes it; see `serving.decide.rules.Rule`.
        about: the enrolment that it is proposed for; None is any of the student's.
        state: where the student stands in the cascade at that moment, for those who judge many actions; see
            `serving.decide.cascade.state_of`.

    Raises:
        ValueError: ``now`` has no time zone.
    """
    if action.id == NO_ACTION:
        return ()
    now = utc(now)
    noes = (
        _consent(action, case, gates, now),
        _pause(action, case, now),
        _frequency(action, case, gates, now),
        _cascade(action, case, gates, now, state),
        _control(action, case, gates),
        _collision(action, case, gates, now, campaign or OWN, about),
        _freshness(action, case, gates, rests_on),
    )
    return tuple(no for no in noes if no is not None)


def people_only(case: Case, gates: Gates, now: datetime) -> tuple[Blocked, ...]:
    """G6 and G7: why only people decide about a student; empty when it may be decided here.

    Each is a no to all actions. Its params have the ``contact`` to turn to, the ``scope`` (`none`: no student at
    all, and nobody is turned to) and the ``names`` of the reason by language. The first is the one to tell.

    Args:
        case: the student's case.
        gates: the settings.
        now: the moment to judge for, aware.
    """
    stands = standing(case.flags, utc(now))
    noes = []
    for one in gates.people:
        ends = [stands[kind] for kind in one.flags if kind in stands]
        fact = one.holds(case.enrolments)
        if not ends and not fact:
            continue
        known = [end for end in ends if end is not None]
        until = None if fact or len(known) < len(ends) else max(known)
        params = {"contact": one.contact, "scope": one.scope, "names": dict(one.names)}
        noes.append(Blocked(ALL_ACTIONS, one.gate, one.name, params, until))
    return tuple(noes)


def _consent(action: Action, case: Case, gates: Gates, now: datetime) -> Blocked | None:
    """G1: the latest word for the channel and the purpose decides; without one, the settings do."""
    if action.channel is None:
        return None
    params = {"channel": action.channel, "purpose": action.purpose}
    word = _latest(case.consents, action, now)
    if word is None:
        allowed = gates.unknown_allows[action.purpose]
        return None if allowed else Blocked(action.id, "G1", "consent_unknown", params)
    return Blocked(action.id, "G1", "consent_withdrawn", params) if word.state == "withdrawn" else None


def _pause(action: Action, case: Case, now: datetime) -> Blocked | None:
    """G2: the student asked for a pause, or not to be written to at all."""
    if action.channel is None:
        return None
    word = _latest(case.consents, action, now)
    if word is not None and word.state == "withdrawn" and word.channel == word.purpose == "any":
        return Blocked(action.id, "G2", "unsubscribed", {})
    paused, until = _paused(case.consents, action, now)
    return Blocked(action.id, "G2", "paused", {}, until) if paused else None


def _paused(words: Collection[Consent], action: Action, now: datetime) -> tuple[bool, datetime | None]:
    """Whether a pause of (sorted) words covers the action, and its end; None is until resumed.

    A later pause takes the place of an earlier one only where it covers all that the earlier one does: a week without
    messages by SMS does not end a pause of everything.
    """
    pauses: list[Consent] = []
    for word in words:
        if not _covers(word, action):
            continue
        if word.state == "paused":
            pauses = [one for one in pauses if not _within(one, word)] + [word]
        elif word.state == "resumed" and word.occurred_at <= now:
            pauses = []
    ends = [one.until_at for one in pauses if one.until_at is None or one.until_at > now]
    known = [end for end in ends if end is not None]
    return bool(ends), max(known) if known and len(known) == len(ends) else None


def _covers(word: Consent, action: Action) -> bool:
    return word.channel in ("any", action.channel) and word.purpose in ("any", action.purpose)


def _within(word: Consent, other: Consent) -> bool:
    return other.channel in ("any", word.channel) and other.purpose in ("any", word.purpose)


def _latest(words: Collection[Consent], action: Action, now: datetime) -> Consent | None:
    """The latest word (of a sorted collection) on whether the student may be contacted by the action.

    A permission dated in the future does not count yet; a refusal counts as soon as it is known.
    """
    found = None
    for word in words:
        counts = word.state == "withdrawn" or (word.state == "given" and word.occurred_at <= now)
        if counts and _covers(word, action):
            found = word
    return found


def _frequency(action: Action, case: Case, gates: Gates, now: datetime) -> Blocked | None:
    """G3: the cap that stays closed longest, over contacts of all channels, whoever made them."""
    if action.channel is None:
        return None
    worst: Blocked | None = None
    made = contacts(case, now)
    for cap in gates.caps:
        if cap.channel not in ("any", action.channel):
            continue
        window = timedelta(hours=cap.hours)
        counted = [
            touch.at
            for touch in made
            if (cap.channel in ("any", touch.channel))
            and (cap.counts_failed or touch.status != "failed")
            and touch.at + window > now
        ]
        if len(counted) < cap.most:
            continue
        until = counted[len(counted) - cap.most] + window if cap.most else None
        params = {"channel": cap.channel, "most": cap.most, "hours": cap.hours}
        if worst is None or until is None or (worst.until is not None and until > worst.until):
            worst = Blocked(action.id, "G3", "frequency_cap", params, until)
    return worst


def _cascade(action: Action, case: Case, gates: Gates, now: datetime, state: State | None) -> Blocked | None:
    """G4: one step at a time, never back, and no more when nothing helps; the student's return begins anew."""
    no = refusal(action, case, gates.cascade, now, state)
    return Blocked(action.id, "G4", no.reason, no.params, no.until) if no else None


def _control(action: Action, case: Case, gates: Gates) -> Blocked | None:
    """G8: the control group gets nothing but what is exempt, so that the programme's effect can be measured."""
    if action.holdout_exempt or not gates.holds_out(case.student_id):
        return None
    return Blocked(action.id, "G8", "control_group", {})


def _collision(
    action: Action, case: Case, gates: Gates, now: datetime, campaign: str, about: EnrolmentCase | None
) -> Blocked | None:
    """G10: campaigns keep out of each other's way."""
    if action.holdout_exempt:  # what answers a student's own request waits for no campaign
        return None
    ends = gates.collisions.onboarding(campaign, case, now, about)
    if ends is not None:
        return Blocked(action.id, "G10", "onboarding", {"days": gates.collisions.onboarding_days}, ends)
    running = gates.collisions.running(campaign, contacts(case, now), now)
    if running is None:
        return None
    return Blocked(action.id, "G10", "collision", {"campaign": running.campaign, "days": running.days}, running.until)


def _freshness(action: Action, case: Case, gates: Gates, rests_on: Collection[str]) -> Blocked | None:
    """G11: nothing is done with confidence on data that has stopped coming, or that a check found unsound."""
    automatic = action.performer == "automatic"
    if gates.stale_blocks == "all" or (gates.stale_blocks == "automatic" and automatic):
        old = [source for source in case.stale if not set(rests_on).isdisjoint(source.feeds)]
        if old:
            params = {"tables": [source.table for source in old], "days": max(source.age_days for source in old)}
            return Blocked(action.id, "G11", "stale_data", params)
    # What answers a student's own request is never held up by doubts about the others' data.
    if automatic and not action.holdout_exempt and gates.red_health_blocks and case.data_health == "red":
        return Blocked(action.id, "G11", "data_health", {})
    return None
