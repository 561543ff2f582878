"""The night: everybody scored and decided about, ranked, and published whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from math import fsum
from typing import Any

from features import clock
from features.errors import NotReady
from features.freshness import Stale
from features.people import People
from model.bundle import NO_MODEL
from serving import shadow
from serving.advise import RISK_STEPS, Advice, Adviser, Record, check_begun
from serving.decide import Gates
from serving.doubts import Doubts
from serving.score import Scored
from serving.store import Entry

SILENCE = "days_without_login"
SHOWN = ("days_since_start", "progress_share", "course_elapsed_share")  # facts that open a student's card

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class NightReport:
    """What a night did.

    Attributes:
        night_id: its number.
        bands, actions: how many enrolments and students got which.
        arms: the same of the actions, by arm.
        risks: their histogram: `steps`, how many are `at_most` as high as each, and their `sum`.
        stale: the tables that have stopped delivering, as plain values of `features.freshness.Stale`.
        data_health: the verdict of the newest check of the data; None before the first.
        holds: what waits because of them: `automatic`, `all` or `none`; None where there is no such doubt.
        held: how many students have an action held back by them.
        level: the step of the ladder that decided.
        routed: how many students only people may decide about.
        explored: for how many the lot chose.
        carried_over: how many actions wait because the day's capacity is used up.
        capacity: by resource that is limited, `used` and `cap` of the day.
        book: the day's prices, as plain values of `serving.decide.book.PriceBook`; None where there are none.
        policy_fault: why the files of the policy cannot be used, when the one before decided.
        shadow: how far the shadow is from the model that serves, as `serving.shadow.beside` gives it; None without one.
    """

    night_id: int
    as_of: date
    label: str
    model_version: str
    enrolments: int
    not_enough_data: int
    bands: dict[str, int]
    actions: dict[str, int]
    arms: dict[str, dict[str, int]]
    risks: dict[str, Any]
    stale: list[dict[str, Any]]
    data_health: str | None
    holds: str | None
    held: int
    level: str
    routed: int
    explored: int
    carried_over: int
    capacity: dict[str, dict[str, float]]
    book: dict[str, Any] | None
    policy_fault: str | None
    shadow: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.__dict__, "as_of": self.as_of.isoformat()}

    def words(self) -> str:
        """For people."""
        bands = ", ".join(f"{count} {band}" for band, count in self.bands.items())
        actions = ", ".join(f"{count} {action}" for action, count in self.actions.items())
        ranked = f"ranked by {self.label}"
        if self.model_version == NO_MODEL:
            ranked = f"ranked by {SILENCE}, since there is no model of {self.label} yet; the rules decide alone"
        doubts = [f"OLD DATA: {one['table']}, the last of {one['last_day']}" for one in self.stale]
        doubts += ["THE CHECK OF THE DATA IS RED: handrail drift says why"] if self.data_health == "red" else []
        doubts += [f"held back by that: the actions of {self.held} students"] if doubts else []
        return "\n".join(
            [
                f"night of {self.as_of}: {self.enrolments} live enrolments {ranked} ({bands}; "
                f"{self.not_enough_data} without enough data); recommended: {actions}",
                *doubts,
                *self._deciding(),
                *(shadow.words(self.shadow) if self.shadow else ()),
                "Next: handrail serve",
            ]
        )

    def _deciding(self) -> list[str]:
        """How it was decided, where that is worth a word."""
        said = []
        if self.policy_fault:
            said.append(f"THE POLICY'S FILES CANNOT BE USED, the one before decided: {self.policy_fault}")
        if self.book and self.book["muted"]:
            muted = ", ".join(self.book["muted"])
            said.append(f"RULES THAT HOLD FOR TOO MANY, left out today: {muted}; handrail rules simulate shows them")
        if self.routed:
            said.append(f"{self.routed} students are for people only")
        if self.explored:
            said.append(f"{self.explored} drawn by lot, to learn what helps")
        if self.carried_over:
            priced = (self.book or {"prices": ()})["prices"]
            scarce = [(name, self.capacity[name]) for name in priced if name in self.capacity]
            short = [f"{name} {one['used']:g} of {one['cap']:g}" for name, one in scarce]
            said.append(f"{self.carried_over} actions wait for capacity" + (f" ({', '.join(short)})" if short else ""))
        return said


def run(adviser: Adviser, as_of: date, *, progress: Progress = lambda done, total, what: None) -> NightReport:
    """Makes the list of a night.

    A run that was killed leaves nothing to be seen; run again, it keeps the decisions that were already stored.

    Raises:
        NotReady: no enrolment is live on that day.
        BadInput: the day has not begun.
    """
    check_begun(as_of, adviser.school.zone)
    school, store, label = adviser.school, adviser.store, adviser.label.name
    versions = (adviser.bundle.version, adviser.policy.version, adviser.lake.version)
    progress(0, 3, "scoring and deciding")
    advice = adviser.advise(as_of)
    if not advice:
        raise NotReady(f"no enrolment is live on {as_of}", where=str(school.home), mend="Choose another --as-of")
    progress(1, 3, "ranking")
    before = store.night_before(as_of, label)
    entries = _ranked(advice, People(school, clock.day_number(as_of)), store.bands(before.night_id) if before else {})
    bands = Counter(entry.band for entry in entries if entry.band)
    decisions = [one.decision for one in advice if one.decision]
    actions = Counter(record["action"] for record in decisions)
    doubts, book = adviser.doubts(as_of), adviser.book(as_of)
    report = NightReport(
        night_id=0,
        as_of=as_of,
        label=label,
        model_version=versions[0],
        enrolments=len(entries),
        not_enough_data=sum(entry.risk is None for entry in entries),
        bands={band: bands[band] for band in ("high", "medium", "low")},
        actions=dict(sorted(actions.items())),
        arms=_by_arm(decisions),
        risks=_histogram([entry.risk for entry in entries if entry.risk is not None]),
        stale=[_plain(one) for one, _ in doubts.stale],
        data_health=doubts.health,
        holds=_holds(doubts, adviser.policy.gates),
        held=sum(any(no["gate"] == "G11" for no in record["blocked"]) for record in decisions),
        level=adviser.policy.level,
        routed=sum(not record["in_scope"] for record in decisions),
        explored=sum(record["explored"] for record in decisions),
        carried_over=sum(no["gate"] == "G9" for record in decisions for no in record["blocked"]),
        capacity={name: {"used": used, "cap": cap} for name, (cap, used) in store.capacity_of(as_of).items()},
        book=book.to_record() if book else None,
        policy_fault=adviser.fault,
        shadow=shadow.beside(school, label, adviser.bundle, [scored for one in advice for scored in one.scored]),
    )
    progress(2, 3, "publishing")
    night = store.open_night(as_of, label, *versions)
    store.publish_night(night.night_id, entries, report.as_dict())
    return NightReport(**{**report.__dict__, "night_id": night.night_id})


def _by_arm(decisions: Iterable[Record]) -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for record in decisions:
        counted.setdefault(record["arm"], Counter())[record["action"]] += 1
    return {arm: dict(sorted(actions.items())) for arm, actions in sorted(counted.items())}


def _plain(one: Stale) -> dict[str, Any]:
    return {**asdict(one), "families": list(one.families), "last_day": one.last_day.isoformat()}


def _histogram(risks: Collection[float]) -> dict[str, Any]:
    at_most = [sum(risk <= step for risk in risks) for step in RISK_STEPS]
    return {"steps": list(RISK_STEPS), "at_most": at_most, "sum": fsum(risks)}


def _holds(doubts: Doubts, gates: Gates) -> str | None:
    """What waits because of doubts about the data; None where there are none."""
    red = doubts.health == "red"
    if not doubts.stale and not red:
        return None
    if doubts.stale and gates.stale_blocks != "none":
        return gates.stale_blocks
    return "automatic" if red and gates.red_health_blocks else "none"


def _ranked(advice: list[Advice], people: People, before: dict[str, str | None]) -> list[Entry]:
    pairs = [(one, scored) for one in advice for scored in one.scored]
    pairs.sort(key=lambda pair: _place(pair[1]))
    return [
        _entry(rank, one, scored, people, before.get(scored.enrolment_id))
        for rank, (one, scored) in enumerate(pairs, start=1)
    ]


def _place(scored: Scored) -> tuple[bool, float, str]:
    """The riskiest first; those without a risk last, the most silent of them first."""
    silent = scored.values[SILENCE] or 0.0
    return scored.risk is None, -(silent if scored.risk is None else scored.risk), scored.enrolment_id


def _entry(rank: int, one: Advice, scored: Scored, people: People, previous: str | None) -> Entry:
    person = people.person(scored.student_id, scored.course_id)
    return Entry(
        rank=rank,
        enrolment_id=scored.enrolment_id,
        student_id=scored.student_id,
        course_id=scored.course_id,
        curator=person.curator,
        state=scored.state,
        risk=scored.risk,
        band=scored.band,
        previous_band=previous,
        changed=previous is not None and previous != scored.band,
        reasons=scored.reasons,
        strength=scored.strength,
        families=scored.families,
        what_ifs=scored.what_ifs,
        values={
            "display_name": person.display_name,
            "course_title": people.course_title(scored.course_id),
            **{name: scored.values[name] for name in SHOWN},
        },
        decision_id=one.decision["decision_id"] if one.decision else None,
    )
