"""The night: everybody scored and decided about, ranked, and published whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from features import clock
from features.errors import NotReady
from features.people import People
from serving.advise import Advice, Adviser
from serving.score import Scored
from serving.store import Entry

SHOWN = ("days_since_start", "progress_share", "course_elapsed_share")  # facts that open a student's card

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class NightReport:
    """What a night did.

    Attributes:
        night_id: its number.
        bands, actions: how many enrolments and students got which.
    """

    night_id: int
    as_of: date
    label: str
    model_version: str
    enrolments: int
    not_enough_data: int
    bands: dict[str, int]
    actions: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.__dict__, "as_of": self.as_of.isoformat()}

    def words(self) -> str:
        """For people."""
        bands = ", ".join(f"{count} {band}" for band, count in self.bands.items())
        actions = ", ".join(f"{count} {action}" for action, count in self.actions.items())
        return (
            f"night of {self.as_of}: {self.enrolments} live enrolments ranked by {self.label} ({bands}; "
            f"{self.not_enough_data} without enough data); recommended: {actions}\nNext: handrail serve"
        )


def run(adviser: Adviser, as_of: date, *, progress: Progress = lambda done, total, what: None) -> NightReport:
    """Makes the list of a night.

    A run that was killed leaves nothing to be seen; run again, it keeps the decisions that were already stored.

    Raises:
        NotReady: no enrolment is live on that day.
    """
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
    actions = Counter(one.decision["action"] for one in advice if one.decision)
    report = NightReport(
        night_id=0,
        as_of=as_of,
        label=label,
        model_version=versions[0],
        enrolments=len(entries),
        not_enough_data=sum(entry.risk is None for entry in entries),
        bands={band: bands[band] for band in ("high", "medium", "low")},
        actions=dict(sorted(actions.items())),
    )
    progress(2, 3, "publishing")
    night = store.open_night(as_of, label, *versions)
    store.publish_night(night.night_id, entries, report.as_dict())
    return NightReport(**{**report.__dict__, "night_id": night.night_id})


def _ranked(advice: list[Advice], people: People, before: dict[str, str | None]) -> list[Entry]:
    pairs = [(one, scored) for one in advice for scored in one.scored]
    pairs.sort(key=lambda pair: (pair[1].risk is None, -(pair[1].risk or 0.0), pair[1].enrolment_id))
    return [
        _entry(rank, one, scored, people, before.get(scored.enrolment_id))
        for rank, (one, scored) in enumerate(pairs, start=1)
    ]


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
        values={
            "display_name": person.display_name,
            "course_title": people.course_title(scored.course_id),
            **{name: scored.values[name] for name in SHOWN},
        },
        decision_id=one.decision["decision_id"] if one.decision else None,
    )
