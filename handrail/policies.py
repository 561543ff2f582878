"""Policies: what other ways of deciding would have brought, from the decisions that the school has stored.

Only decisions that a lot had a part in tell of what was not done. What the control group got, what people decided and
what there was no choice about are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from features import clock
from features.errors import BadInput, NotReady, Refused
from features.labels import label as answers
from features.lake import Lake
from handrail import journeys
from handrail.policy_words import Evaluation, Told
from handrail.progress import shown
from handrail.settings import Settings
from handrail.trials import in_order

if TYPE_CHECKING:
    import numpy as np

    from experiments.decision_log import Log
    from experiments.policy_value import Limits
    from serving.decide import Policy, PriceBook
    from serving.store import Store

LEVELS = ("L0", "L1", "L2", "L3")
NOT_RECORDED = "the policy in force asks for {what}, which the stored decisions do not carry"


@dataclass(frozen=True)
class Drawn:
    """A decision that a lot had a part in.

    Attributes:
        student_id, day: about whom, and when (a day number).
        enrolments: the live ones.
        risk: the highest of theirs; None where there is none.
        action: what was decided.
        propensities: of every action that was allowed.
        a_star: what would have been decided without the lot.
        now: propensities that the policy in force would have; None where that cannot be said.
    """

    student_id: str
    day: int
    enrolments: tuple[str, ...]
    risk: float | None
    action: str
    propensities: Mapping[str, float]
    a_star: str
    now: Mapping[str, float] | None


class Again:
    """Decides stored cases again by the policy in force.

    Attributes:
        lacking: what that policy asks for and a stored decision did not carry; empty while there is nothing.
    """

    def __init__(self, policy: Policy, store: Store) -> None:
        self.policy, self.store = policy, store
        self.lacking = ""
        self._books: dict[str, PriceBook | None] = {}
        self._effects: dict[str, str] = {}

    def __call__(self, record: Mapping[str, Any]) -> Mapping[str, float] | None:
        """The propensities; None where the record does not carry what the policy looks at."""
        from serving.decide import Case, decide
        from serving.decide.case import moment

        case = Case.from_record(record["case"])
        known = set.intersection(*(set(one.values) for one in case.enrolments)) if case.enrolments else set()
        if missing := sorted(self.policy.features - known) if case.enrolments else []:
            self.lacking = ", ".join(missing)
        elif self.policy.measures and self._effects_of(record["policy_version"]) != self.policy.effects_version:
            self.lacking = f"effects {self.policy.effects_version}"
        else:
            return decide(
                case, self.policy, moment(record["decided_at"]), self._book(record.get("book_id"))
            ).propensities
        return None

    def _effects_of(self, version: str) -> str:
        if version not in self._effects:
            self._effects[version] = str((self.store.policy_contents(version) or {}).get("effects_version", ""))
        return self._effects[version]

    def _book(self, book_id: str | None) -> PriceBook | None:
        """The book of the day, where its prices are in the unit in which the policy reckons."""
        from serving.decide import PriceBook
        from serving.planning import level_fits

        if book_id is None:
            return None
        if book_id not in self._books:
            stored = self.store.book(book_id)
            book = PriceBook.from_record(stored) if stored else None
            self._books[book_id] = book if book and level_fits(book, self.policy) else None
        return self._books[book_id]


def evaluate(
    settings: Settings, first: date | None, last: date | None, level: str | None, *, quiet: bool = False
) -> Evaluation:
    """What was done, nobody, the best without the lot, and the policy in force, by the stored decisions.

    Args:
        settings: whose.
        first, last: days of the decisions; all whose outcome is known, if not given.
        level: only decisions made at this step of the ladder.

    Raises:
        NotReady: there are no decisions, or none whose outcome is known.
        Refused: no decision was drawn by lot, or propensities are broken.
    """
    from experiments.policy_value import Limits

    if level is not None and level not in LEVELS:
        raise BadInput(f"there is no level {level!r}", where="--level", mend=f"Use one of {', '.join(LEVELS)}")
    school = settings.school
    definition = journeys.served_label(school)
    until = (Lake(school.lake, school.zone).last_known_day() or 0) + 1
    newest = clock.date_of(until - definition.horizon_days)
    first, last = first or date.min, last or newest
    if last < first:
        raise BadInput(f"{last} is before {first}", where="--to", mend="Put the earlier day first")
    left_out: Counter[str] = Counter()
    with shown("decisions", quiet=quiet):
        store = journeys.store(settings)
        again = Again(_policy_in_force(settings), store)
        rows = list(_drawn(store, first, last, level, again, left_out))
        known = _Outcomes.of(settings, rows, until)
        left_out["outcome not known"] = len(rows) - len(known.rows)
    _refuse_nothing(known.rows, left_out, newest, definition.horizon_days, level)
    told = _told(known, again, Limits.of(school.config("experiments")))
    days = [row.day for row in known.rows]
    return Evaluation(
        label=definition.name,
        horizon_days=definition.horizon_days,
        first=clock.date_of(min(days)),
        last=clock.date_of(max(days)),
        decisions=len(days),
        students=len({row.student_id for row in known.rows}),
        left_out={what: count for what, count in left_out.items() if count},
        policies=told,
    )


def _policy_in_force(settings: Settings) -> Policy:
    from model.uplift import served
    from serving.policies import policy_of

    return policy_of(settings.school, served(settings.home, journeys.served_label(settings.school).name))


def _drawn(
    store: Store, first: date, last: date, level: str | None, again: Again, left_out: Counter[str]
) -> Iterator[Drawn]:
    """The decisions to learn from; the others are counted, each by the first reason that holds."""
    done: set[tuple[str, str]] = set()
    # The earliest of a day first: what is decided later on it depends on what was decided before.
    for record in in_order(store.decisions_between(first, last)):
        student, day = record["student_id"], record["decision_date"]
        if not record.get("in_scope", True):
            left_out["only people may decide"] += 1
        elif record["holdout"]:
            left_out["control group"] += 1
        elif level is not None and record["level"] != level:
            left_out[f"not of level {level}"] += 1
        elif sum(chance > 0 for chance in record["propensities"].values()) < 2:
            left_out["no lot had a part in it"] += 1
        elif (student, day) in done:
            left_out["a later one of the same day"] += 1
        else:
            done.add((student, day))
            yield _row(record, clock.day_number(date.fromisoformat(day)), again)


def _row(record: Mapping[str, Any], day: int, again: Again) -> Drawn:
    enrolments = record["case"]["enrolments"]
    return Drawn(
        student_id=record["student_id"],
        day=day,
        enrolments=tuple(one["enrolment_id"] for one in enrolments),
        risk=max((one["risk"] for one in enrolments if one["risk"] is not None), default=None),
        action=record["action"],
        propensities=record["propensities"],
        a_star=record.get("a_star", record["action"]),
        now=again(record),
    )


def _refuse_nothing(
    rows: list[Drawn], left_out: Mapping[str, int], newest: date, horizon: int, level: str | None
) -> None:
    """Refuses a span in which there is nothing to learn from, with the reason.

    Raises:
        NotReady, Refused: as `evaluate` says.
    """
    if rows:
        return
    found = sum(left_out.values())
    told = "; ".join(f"{count:,} {what}" for what, count in left_out.items() if count)
    if not found:
        raise NotReady("there are no decisions in that span", mend=f"Outcomes are known of those up to {newest}")
    if left_out["outcome not known"]:
        raise NotReady(
            f"no outcome is known yet ({told})",
            mend=f"It takes {horizon} days; those of decisions up to {newest} are known now",
        )
    which = f"no decision of level {level}" if level else "no decision"
    raise Refused(
        f"nothing can be learnt of what was not done: {which} was drawn by lot ({told})",
        where="policy evaluate",
        mend=f"Set a share in [exploration] of value.toml, and ask again {horizon} days after the first nights with it",
    )


@dataclass(frozen=True)
class _Outcomes:
    """Decisions whose outcome is known.

    Attributes:
        rows: the decisions.
        retained: 1 where none of the student's enrolments was lost, else 0.
    """

    rows: list[Drawn]
    retained: list[float]

    @classmethod
    def of(cls, settings: Settings, rows: list[Drawn], until: int) -> _Outcomes:
        import numpy as np
        import pandas as pd

        keys = sorted({(one, row.day) for row in rows for one in row.enrolments})
        frame = pd.DataFrame(keys, columns=["enrolment_id", "day"])
        definition = journeys.served_label(settings.school)
        known = dict(zip(keys, answers(settings.school, frame, definition, until), strict=True)) if keys else {}
        # The worst of all enrolments, the same whichever of them the action was about; NaN if one is not known.
        worst = [float(np.max([known[one, row.day] for one in row.enrolments])) for row in rows]
        chosen = [(row, 1 - one) for row, one in zip(rows, worst, strict=True) if one == one]
        return cls([row for row, _ in chosen], [one for _, one in chosen])

    @cached_property
    def actions(self) -> tuple[str, ...]:
        names = {name for row in self.rows for chances in (row.propensities, row.now or {}) for name in chances}
        return tuple(sorted(names))

    def table(self, chances: Sequence[Mapping[str, float]]) -> np.ndarray:
        import numpy as np

        return np.array([[one.get(name, 0.0) for name in self.actions] for one in chances], "float64")

    def log(self) -> Log:
        import numpy as np

        from experiments.decision_log import Log, expected

        risk = np.array([np.nan if row.risk is None else row.risk for row in self.rows])
        x = np.column_stack([np.nan_to_num(risk, nan=0.0), np.isnan(risk)])
        action = np.array([self.actions.index(row.action) for row in self.rows])
        student, reward = np.array([row.student_id for row in self.rows]), np.array(self.retained)
        outcome = expected(action, reward, student, x, len(self.actions))
        return Log(self.actions, action, self.table([row.propensities for row in self.rows]), reward, student, outcome)


def _told(known: _Outcomes, again: Again, limits: Limits) -> tuple[Told, ...]:
    from experiments.policy_value import Unsupported, difference, value
    from serving.decide import NO_ACTION

    log = known.log()
    nobody, best = [{NO_ACTION: 1.0}] * len(known.rows), [{row.a_star: 1.0} for row in known.rows]
    ways = {"as it was": log.propensities, "nobody": known.table(nobody), "without the lot": known.table(best)}
    if not again.lacking:
        ways["in force now"] = known.table([row.now or {} for row in known.rows])
    quiet = log.actions.index(NO_ACTION)
    told = [
        Told(
            name=name,
            acts=float(1 - target[:, quiet].mean()),
            value=value(log, target, limits),
            more=None if target is log.propensities else difference(log, target, log.propensities, limits),
        )
        for name, target in ways.items()
    ]
    if again.lacking:
        mend = "Ask again when decisions that it made have outcomes"
        refused = Unsupported("not_recorded", NOT_RECORDED.format(what=again.lacking), mend)
        told.append(Told("in force now", None, refused, refused))
    return tuple(told)
