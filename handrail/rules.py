"""The journeys of those who change rules: check them, and simulate them on everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import NotReady
from handrail.draft import adviser_of_files, newest_day, tried
from handrail.progress import shown
from handrail.rule_words import LANGUAGE, rule_lines
from handrail.settings import Settings
from serving.decide import Case, Decision, Policy, Rule, Rules, settle, survey

if TYPE_CHECKING:
    from serving.advise import Adviser


@dataclass(frozen=True)
class Reach:
    """Whom a rule touches.

    Attributes:
        rule: the rule.
        students: for how many it holds, whatever becomes of it.
        share: of all students with a live enrolment.
        too_wide: whether that is more than it is believed of, so that it proposes nothing.
        chosen: how many get their recommendation by it; of a rule in shadow, how many would.
        unknown: what it looks at and is known of nobody.
    """

    rule: Rule
    students: int
    share: float
    too_wide: bool
    chosen: int
    unknown: tuple[str, ...]

    @property
    def warning(self) -> str | None:
        """What is odd about it."""
        if self.too_wide:
            return (
                f"{self.rule.id} holds for {self.share:.0%} of the students, which can hardly be meant: it proposes "
                "nothing on such a day. Narrow it, or write most_share in it if it is meant for so many"
            )
        if self.students or self.rule.fallback:
            return None
        why = f": of nobody is known {' and '.join(self.unknown)}" if self.unknown else " on this day"
        return f"{self.rule.id} holds for nobody{why}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rule": self.rule.id,
            "name": self.rule.name[LANGUAGE],
            "shadow": self.rule.shadow,
            "students": self.students,
            "share": round(self.share, 4),
            "too_wide": self.too_wide,
            "chosen": self.chosen,
            "known_of_nobody": list(self.unknown),
        }


@dataclass(frozen=True)
class Simulated:
    """What a day would be like under the rules as they are written now.

    Attributes:
        as_of: the day.
        policy: in force by the files.
        students: how many have a live enrolment.
        reach: of each rule, in the order in which they are tried.
        actions: how many students get which action.
        minutes, cost_minor: of a person's time and of money, by action.
        gates: how many students have an action blocked, by gate and reason.
        drawn: for how many the lot chose.
    """

    as_of: date
    policy: Policy
    students: int
    reach: tuple[Reach, ...]
    actions: dict[str, int]
    minutes: dict[str, float]
    cost_minor: dict[str, int]
    gates: dict[str, int]
    drawn: int

    def words(self) -> str:
        """For people."""
        lines = [f"{self.as_of}: {self.students:,} students with a live enrolment; nothing was stored", ""]
        lines += [f"{'rule':<12} {'holds for':>9} {'share':>6} {'chosen':>7}"]
        for one in self.reach:
            notes = [one.rule.name[LANGUAGE]]
            notes += ["in shadow: nothing comes of it"] if one.rule.shadow else []
            notes += ["TOO WIDE: proposes nothing"] if one.too_wide else []
            lines.append(f"{one.rule.id:<12} {one.students:>9,} {one.share:>6.1%} {one.chosen:>7,}  {'; '.join(notes)}")
        lines += ["", f"{'action':<22} {'students':>8} {'minutes':>8} {'cost, minor units':>18}"]
        for action, count in self.actions.items():
            lines.append(f"{action:<22} {count:>8,} {self.minutes[action]:>8,.0f} {self.cost_minor[action]:>18,}")
        total = f"{fsum(self.minutes.values()):>8,.0f} {sum(self.cost_minor.values()):>18,}"
        lines += [f"{'all':<22} {self.students:>8,} {total}"]
        lines += [f"of these {self.drawn:,} by lot, to learn what helps"] if self.drawn else []
        lines += ["", "students with an action that was blocked by"]
        lines += [f"  {gate:<28} {count:>7,}" for gate, count in self.gates.items()]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "as_of": self.as_of.isoformat(),
            "policy_version": self.policy.version,
            "students": self.students,
            "rules": [one.as_dict() for one in self.reach],
            "actions": {
                action: {"students": count, "minutes": self.minutes[action], "cost_minor": self.cost_minor[action]}
                for action, count in self.actions.items()
            },
            "blocked": self.gates,
            "drawn": self.drawn,
        }


@dataclass(frozen=True)
class Checked:
    """Rules that can be used, and what is odd about them.

    Attributes:
        policy: they are part of.
        day: on which they were held against the school's students; None where there was nobody.
        missing: why there was nobody.
    """

    policy: Policy
    day: Simulated | None
    missing: str = ""

    @property
    def warnings(self) -> list[str]:
        """What is odd."""
        return [one.warning for one in self.day.reach if one.warning] if self.day else []

    @property
    def refused(self) -> bool:
        """Whether a rule holds for so many students that the night would leave it out."""
        return self.day is not None and any(one.too_wide for one in self.day.reach)

    def words(self) -> str:
        """For people: every rule as a sentence."""
        lines = [line for rule in _in_order(self.policy) for line in rule_lines(rule, self.policy.catalogue)]
        lines += ["", f"the rules, actions and gates are sound (policy {self.policy.version})"]
        if self.day is None:
            return "\n".join([*lines, f"not held against any students: {self.missing}"])
        lines.append(f"held against the {self.day.students:,} students of {self.day.as_of}:")
        return "\n".join([*lines, *(f"  {warning}" for warning in self.warnings or ["nothing odd"])])

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "policy_version": self.policy.version,
            "rules": [
                {"rule": rule.id, "words": rule_lines(rule, self.policy.catalogue)} for rule in _in_order(self.policy)
            ],
            "as_of": self.day.as_of.isoformat() if self.day else None,
            "reach": [one.as_dict() for one in self.day.reach] if self.day else [],
            "warnings": self.warnings,
        }


def check(settings: Settings, draft: Path | None = None, *, quiet: bool = False) -> Checked:
    """Reads the rules, actions and gates, and holds the rules against the school's newest day.

    Args:
        settings: of the school.
        draft: a folder of settings to be tried instead of the school's own.
        quiet: show no progress.

    Raises:
        BadConfig: names every fault with its file and line.
    """
    from serving.policies import policy_of

    policy = policy_of(tried(settings, draft))
    try:
        return Checked(policy, simulate(settings, None, draft, quiet=quiet))
    except NotReady as error:
        return Checked(policy, None, error.what)


def simulate(settings: Settings, as_of: date | None, draft: Path | None = None, *, quiet: bool = False) -> Simulated:
    """Decides about everybody as the night would, and stores nothing.

    Args:
        settings: of the school.
        as_of: the day; the newest one that is known if not given.
        draft: a folder of settings to be tried instead of the school's own.
        quiet: show no progress.

    Raises:
        NotReady: no enrolment is live on that day.
        BadConfig: the rules, actions or gates cannot be used.
    """
    adviser = adviser_of_files(settings, draft)
    day = as_of or newest_day(adviser)
    moment = adviser.moment(day)
    with shown("deciding", quiet=quiet):
        cases = [one.case for one in adviser.prepare(day, moment=moment)]
        if not cases:
            raise NotReady(f"no enrolment is live on {day}", where=str(settings.home), mend="Choose another --as-of")
        policy = adviser.policy
        made, silent = _decided(adviser, cases, policy, moment)
        shadows = [rule.id for rule in policy.rules.values() if rule.shadow]
        live = _decided(adviser, cases, _without_shadow(policy), moment)[0] if shadows else made
    chosen = Counter(one.rule for one in made if one.rule)
    chosen.update(one.rule for one in live if one.rule in shadows)
    held = Counter(rule_id for one in made for rule_id in {fired.rule for fired in one.fired})
    counted = Counter(one.action for one in made)
    actions = {action: counted[action] for action in policy.catalogue if counted[action]}
    return Simulated(
        as_of=day,
        policy=policy,
        students=len(cases),
        reach=tuple(
            Reach(
                rule,
                held[rule.id],
                held[rule.id] / len(cases),
                rule.id in silent,
                chosen[rule.id],
                _known_of_nobody(rule, cases),
            )
            for rule in _in_order(policy)
        ),
        actions=actions,
        minutes={action: count * policy.catalogue[action].minutes for action, count in actions.items()},
        cost_minor={action: count * policy.catalogue[action].unit_cost_minor for action, count in actions.items()},
        gates=_counted_gates(made),
        drawn=sum(one.explored for one in made),
    )


def _decided(
    adviser: Adviser, cases: Collection[Case], policy: Policy, moment: datetime
) -> tuple[list[Decision], tuple[str, ...]]:
    """What the night of these cases decides, at prices of its own, and the rules that are too wide to be believed."""
    from serving.planning import Capacity, plan

    menus, book = plan(
        [survey(case, policy, moment) for case in cases],
        policy,
        Capacity.from_config(adviser.school.config("capacity")),
        day=next(iter(cases)).decision_date,
        label=adviser.label.name,
        model_version=adviser.bundle.version,
        made_at=moment,
    )
    return [settle(menu, policy, book) for menu in menus], book.muted


def _without_shadow(policy: Policy) -> Policy:
    """The policy with every rule speaking."""
    return replace(policy, rules=Rules({id_: replace(rule, shadow=False) for id_, rule in policy.rules.items()}))


def _in_order(policy: Policy) -> list[Rule]:
    return sorted(policy.rules.values(), key=lambda rule: (rule.priority, rule.id))


def _known_of_nobody(rule: Rule, cases: Collection[Case]) -> tuple[str, ...]:
    enrolments = [one for case in cases for one in case.enrolments]
    names = {condition.name: None for condition in rule.when if all(condition.found(one) is None for one in enrolments)}
    return tuple(names)


def _counted_gates(made: Collection[Decision]) -> dict[str, int]:
    """Students by gate and reason, of what may not be done now."""
    found = Counter(
        said for one in made for said in {f"{no.gate} {no.reason}" for no in one.blocked if not no.follow_up}
    )
    return dict(sorted(found.items()))
