"""A small school's newest list, made with the real store and the real policy; all names are made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from argon2 import PasswordHasher

from experiments.assign import in_holdout
from serving.decide import Case, Consent, Decision, EnrolmentCase, Policy, Touch, decide
from serving.store import Entry, Night, Store

AS_OF = date(2026, 3, 10)
AT = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)  # 04:00 in Moscow: inside the quiet hours
LABEL = "withdrawal_28d"
PASSWORD = "four made up words"
QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)  # a hash says itself how much work it is
COURSES = {"py-1": "Python from zero", "da-2": "Data analysis", "en-3": "English B1"}
HIGH, MEDIUM = 0.3, 0.12
SIZE = 72


@dataclass(frozen=True)
class Made:
    """One student of the list: what the model and the school know."""

    name: str
    course: str
    curator: str | None
    risk: float | None
    reasons: Sequence[dict[str, Any]] = ()
    strength: dict[str, Any] | None = None
    values: dict[str, float] = field(default_factory=dict)
    touches: tuple[Touch, ...] = ()
    consents: tuple[Consent, ...] = ()
    held_out: bool = False
    previous_band: str | None = None
    families: dict[str, float] = field(default_factory=dict)
    what_ifs: Sequence[dict[str, Any]] = ()


def reason(
    feature: str, value: float, low: float, usual: float, high: float, week_ago: float | None, gain: float = 0.5
) -> dict[str, Any]:
    """A stored reason; ``gain`` below zero is a strength."""
    return {
        "feature": feature,
        "family": "",
        "value": value,
        "usual_low": low,
        "usual": usual,
        "usual_high": high,
        "week_ago": week_ago,
        "contribution": gain,
        "direction": "raises" if gain > 0 else "lowers",
    }


def what_if(feature: str, now: float, then: float, risk: float) -> dict[str, Any]:
    """A stored step that would lower a risk."""
    return {"feature": feature, "from": now, "to": then, "risk": risk}


def _away(days: float, was: float) -> dict[str, Any]:
    return reason("days_without_login", days, 0, 1, 3, was, 0.9)


def _overdue(tasks: float, was: float) -> dict[str, Any]:
    return reason("homework_overdue_now", tasks, 0, 0, 1, was, 0.6)


def _active(days: float, was: float) -> dict[str, Any]:
    return reason("active_days_28d", days, 11, 15, 20, was, 0.4)


def _score(points: float) -> dict[str, Any]:
    return reason("homework_mean_score", points, 64, 72, 83, points - 1, -0.3)


_YESTERDAY = AT - timedelta(hours=20)
NAMED = (
    Made(
        "Daria Melnikova",
        "py-1",
        "anna",
        0.63,
        (_away(12, 5), _overdue(3, 1), _active(4, 9)),
        _score(91),
        {"days_without_login": 12},
        previous_band="medium",
        families={"activity": 1.6, "homework": 0.8, "video": -0.2, "background": 0.4, "payments": 0.001, "base": -2.1},
        what_ifs=(what_if("days_without_login", 12, 1, 0.41), what_if("homework_overdue_now", 3, 0, 0.52)),
    ),
    Made(
        "Chen Jing",
        "da-2",
        "anna",
        0.57,
        (
            reason("cancel_requested_30d", 1, 0, 0, 0, 0, 1.1),
            reason("progress_gap", 0.18, -0.04, 0.02, 0.07, 0.12, 0.5),
            reason("homework_last_delay", 2.5, -2, -0.5, 1, 0.5, 0.3),
        ),
        reason("video_watched_minutes_28d", 310, 120, 190, 260, 280, -0.3),
        {"cancel_requested_30d": 1},
    ),
    Made(
        "Oleg Tarasov",
        "en-3",
        "wei",
        0.49,
        (reason("ratings_below_3_in_a_row", 3, 0, 0, 0, 2, 0.8), reason("tickets_open_now", 2, 0, 0, 0, 1, 0.5)),
        reason("homework_submitted_share", 1.0, 0.7, 0.85, 0.95, 1.0, -0.4),
        {"ratings_below_3_in_a_row": 3},
    ),
    Made(
        "Ilya Sokolov",
        "py-1",
        "anna",
        0.46,
        (_away(9, 2), _overdue(2, 2), reason("active_days_14d_rank", 0.12, 0.25, 0.5, 0.75, 0.4, 0.4)),
        _score(84),
        {"days_without_login": 9},
        held_out=True,
    ),
    Made(
        "Marta Nowak",
        "da-2",
        "anna",
        0.41,
        (
            reason("video_skip_share_28d", 0.71, 0.06, 0.14, 0.25, 0.55, 0.7),
            reason("activity_trend", -6, -2, 0, 2, -3, 0.5),
            reason("days_since_submission", 15, 2, 5, 8, 8, 0.3),
        ),
        _score(95),
        {"video_skip_share_28d": 0.71},
    ),
    Made(
        "Sofia Lindqvist",
        "en-3",
        "anna",
        0.38,
        (_away(8, 3), reason("homework_late_share", 0.6, 0.05, 0.1, 0.25, 0.5, 0.4)),
        None,
        {"days_without_login": 8},
        touches=(Touch("t-1", "sms", _YESTERDAY, "opened"),),
    ),
    Made(
        "Tomas Ferreira",
        "py-1",
        None,
        0.35,
        (_away(7, 1), _active(7, 12)),
        _score(80),
        {"days_without_login": 7},
        consents=(Consent("sms", "any", "withdrawn", AT - timedelta(days=30)),),
    ),
    Made("Zhao Ming", "da-2", "wei", 0.31, (_overdue(2, 0), _active(8, 11)), _score(77), {"days_without_login": 3}),
    Made("Nora Berg", "da-2", "anna", 0.19, (_overdue(1, 1), _active(9, 10)), _score(70)),
)
_FIRST = ("Alina", "Bruno", "Clara", "Denis", "Elif", "Farid", "Greta", "Hugo", "Irina", "Jonas", "Kira", "Li Na")
_LAST = ("Antonova", "Bauer", "Costa", "Dubois", "Egorova", "Fischer", "Guo", "Horvat")


def publish(store: Store, policy: Policy, days: int = 6) -> Night:
    """Publishes the lists of some days up to `AS_OF`, with an answer and a contact, and gives the newest."""
    made = _everybody()
    ids = _ids(made, policy)
    night = None
    for ago in reversed(range(days)):
        night = _publish_one(store, policy, made, ids, ago)
    assert night is not None
    sofia, nora = ids[_at(made, "Sofia Lindqvist")], ids[_at(made, "Nora Berg")]
    store.add_touches(
        [
            {
                "touch_id": "t-1",
                "student_id": sofia,
                "channel": "sms",
                "status": "opened",
                "occurred_at": _YESTERDAY,
                "action": "care_sms",
            }
        ]
    )
    store.add_verdict(night.night_id, f"{nora}-1", "already_spoke", "Was ill last week, is back.", "anna")
    return night


def accounts(store: Store) -> None:
    """Two curators, their head, and one who has no students; all with `PASSWORD`."""
    for login, role, language in (
        ("anna", "curator", "en"),
        ("wei", "curator", "zh"),
        ("head", "head", "ru"),
        ("new", "curator", "en"),
    ):
        store.add_account(login, QUICK.hash(PASSWORD), role, language)


def id_of(store: Store, name: str) -> str:
    """The id of the student with this name on the newest list."""
    night = store.last_night(LABEL)
    assert night is not None
    found = [entry.student_id for entry in store.entries(night.night_id) if entry.values["display_name"] == name]
    return found[0]


def _everybody() -> list[Made]:
    filler = []
    for at in range(SIZE - len(NAMED) - 2):
        away, gain = at % 5, 0.5 - at / 200
        reasons = (
            reason("days_without_login", away, 0, 1, 3, (at + 2) % 4, gain),
            reason("homework_late_share", (at % 7) / 10, 0.05, 0.1, 0.25, 0.1, gain / 2),
        )
        name = f"{_FIRST[at % len(_FIRST)]} {_LAST[at % len(_LAST)]}"
        curator = ("anna", "wei", "anna", None)[at % 4]
        course = list(COURSES)[at % 3]
        filler.append(Made(name, course, curator, round(0.18 * 0.93**at, 4), reasons, _score(60 + at % 30)))
    unknown = [Made("Vera Petit", "py-1", "anna", None), Made("Sam Okoye", "en-3", "wei", None)]
    return [*NAMED, *filler, *unknown]


def _ids(made: Sequence[Made], policy: Policy) -> list[str]:
    """Ids such that those, and only those, who should be are in the control group."""
    numbers = (f"s{number:04d}" for number in count(1))
    gates, ids = policy.gates, []
    spare: dict[bool, list[str]] = {True: [], False: []}
    for one in made:
        while not spare[one.held_out]:
            id_ = next(numbers)
            spare[in_holdout(id_, gates.holdout_salt, gates.holdout_share)].append(id_)
        ids.append(spare[one.held_out].pop(0))
    return ids


def _at(made: Sequence[Made], name: str) -> int:
    return next(at for at, one in enumerate(made) if one.name == name)


def band_of(risk: float | None) -> str | None:
    """The band of a risk."""
    if risk is None:
        return None
    return "high" if risk >= HIGH else "medium" if risk >= MEDIUM else "low"


def _publish_one(store: Store, policy: Policy, made: Sequence[Made], ids: Sequence[str], ago: int) -> Night:
    day = AS_OF - timedelta(days=ago)
    entries, records = [], []
    for rank, (one, id_) in enumerate(zip(made, ids, strict=True), start=1):
        decision = _decided(one, id_, policy, day)
        records.append(decision.to_record())
        entries.append(_entry(one, id_, rank, decision.decision_id, ago))
    store.put_decisions(records)
    night = store.open_night(day, LABEL, "withdrawal_28d-1", policy.version, "lake-1")
    return store.publish_night(night.night_id, entries, {})


def _decided(one: Made, id_: str, policy: Policy, day: date) -> Decision:
    ago = AS_OF - day
    quiet = ago > timedelta(0)  # the days before are only there for the lines
    values: dict[str, float | None] = dict.fromkeys(policy.features)  # nothing is known but what is said
    values |= {"days_since_start": 46.0} | ({} if quiet else one.values)
    enrolment = EnrolmentCase(f"{id_}-1", one.course, one.risk, None if quiet else band_of(one.risk), values)
    case = Case(id_, day, "Europe/Moscow", (enrolment,), one.consents, one.touches, "withdrawal_28d-1")
    return decide(case, policy, AT - ago)


def _entry(one: Made, id_: str, rank: int, decision_id: str, ago: int) -> Entry:
    risk = None if one.risk is None else round(one.risk * (1 - 0.09 * ago), 4)
    return Entry(
        rank=rank,
        enrolment_id=f"{id_}-1",
        student_id=id_,
        course_id=one.course,
        curator=one.curator,
        state="not_enough_data" if risk is None else "scored",
        risk=risk,
        band=band_of(risk),
        previous_band=one.previous_band,
        changed=one.previous_band is not None,
        reasons=list(one.reasons),
        strength=one.strength,
        families=[{"family": name, "contribution": part} for name, part in one.families.items()],
        what_ifs=list(one.what_ifs),
        values={
            "display_name": one.name,
            "course_title": COURSES[one.course],
            "days_since_start": 46.0 - ago,
            "progress_share": 0.38,
        },
        decision_id=decision_id,
    )
