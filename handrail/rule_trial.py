"""The journey of one student through the rules: each condition, each gate, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from features.errors import NotFound, NotReady
from features.identity import Identities
from features.people import is_known
from handrail.draft import adviser_of_files, newest_day
from handrail.rule_words import LANGUAGE, found_words, meaning, rule_title, wanted_words
from handrail.settings import Settings
from serving.decide import Blocked, Catalogue, Decision, EnrolmentCase, Policy, Rule, decide
from serving.refusals import gate_text
from serving.wording import moment_text

Plain = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """What the rules make of one student on one day.

    Attributes:
        decision: what would be recommended; it is not stored.
        policy: by which.
        zone: of the student, whose clock the moments are told by.
        priced: whether the day has prices; without them capacity costs nothing.
    """

    decision: Decision
    policy: Policy
    zone: str
    priced: bool

    def words(self) -> str:
        """For people: rule by rule, then what comes of it."""
        case = self.decision.case
        lines = [f"student {case.student_id} at {case.decision_date}; nothing was stored"]
        for one in case.enrolments:
            if len(case.enrolments) > 1:
                lines += ["", f"== {one.enrolment_id} =="]
            for rule in self._rules():
                lines += ["", *self._rule_lines(rule, one)]
        lines += ["", *self._outcome_lines()]
        return "\n".join(lines)

    def as_dict(self) -> Plain:
        """Plain values."""
        made = self.decision
        return {
            "student_id": made.student_id,
            "as_of": made.decision_date.isoformat(),
            "policy_version": self.policy.version,
            "rules": [self._rule_dict(rule, one) for one in made.case.enrolments for rule in self._rules()],
            "recommended": {
                "action": made.action,
                "enrolment_id": made.enrolment_id,
                "rule": made.rule,
                "why": self._why(),
                "not_before": made.not_before.isoformat() if made.not_before else None,
                "follow_ups": [
                    {"action": one.action, "not_before": one.not_before.isoformat()} for one in made.follow_ups
                ],
                "by_lot": made.explored,
                "only_people": not made.in_scope,
                "control_group": made.holdout,
            },
        }

    def _rules(self) -> list[Rule]:
        return sorted(self.policy.rules.values(), key=lambda rule: (rule.priority, rule.id))

    def _fires(self, rule: Rule, one: EnrolmentCase) -> bool:
        return any((fired.rule, fired.enrolment_id) == (rule.id, one.enrolment_id) for fired in self.decision.fired)

    def _rule_dict(self, rule: Rule, one: EnrolmentCase) -> Plain:
        return {
            "rule": rule.id,
            "enrolment_id": one.enrolment_id,
            "holds": rule.holds(one),
            "fires": self._fires(rule, one),
            "shadow": rule.shadow,
            "conditions": [
                {"condition": str(condition), "value": condition.found(one), "holds": condition.holds(one)}
                for condition in rule.when
            ],
            "actions": [
                {"action": action, "verdict": self._verdict(action), "noes": [self._no_dict(no) for no in noes]}
                for action, noes in self._actions(rule, one).items()
            ],
        }

    def _rule_lines(self, rule: Rule, one: EnrolmentCase) -> list[str]:
        lines = [f"{rule_title(rule)}: {self._holds_words(rule, one)}"]
        for condition in rule.when:
            mark = "yes" if condition.holds(one) else "no "
            found = found_words(condition, condition.found(one))
            lines.append(f"    {mark}  {meaning(condition.name)}: {found}; asked for: {wanted_words(condition)}")
        for action, noes in self._actions(rule, one).items():
            said = "; ".join(self._no_words(no) for no in noes)
            lines.append(
                f"    ->   {_name(action, self.policy.catalogue)}: {self._verdict(action)}"
                + (f", {said}" if said else "")
            )
        return lines

    def _holds_words(self, rule: Rule, one: EnrolmentCase) -> str:
        if not rule.holds(one):
            return "does not hold"
        if not self._fires(rule, one):
            return "would hold, but another rule does"
        return "holds, but is in shadow: nothing comes of it" if rule.shadow else "HOLDS"

    def _actions(self, rule: Rule, one: EnrolmentCase) -> dict[str, list[Blocked]]:
        """What the rule proposes, with every no to it."""
        if rule.shadow or not self.decision.in_scope or not self._fires(rule, one):
            return {}
        blocked = [no for no in self.decision.blocked if not no.follow_up]
        return {action: [no for no in blocked if no.action == action] for action in rule.actions}

    def _verdict(self, action: str) -> str:
        made = self.decision
        if action == made.action:
            return "recommended"
        offered = any(one.action == action for one in made.offers)
        if action not in made.eligible:
            return "blocked"
        return "allowed, but another is worth more" if offered else "allowed, but something owed goes first"

    def _no_words(self, no: Blocked) -> str:
        return f"{no.gate}: {gate_text(_told(no), LANGUAGE, self.zone, today=self.decision.decision_date)}"

    def _no_dict(self, no: Blocked) -> Plain:
        return {**_told(no), "words": self._no_words(no)}

    def _outcome_lines(self) -> list[str]:
        made, catalogue = self.decision, self.policy.catalogue
        lines = [f"recommended: {_name(made.action, catalogue)}", f"    why: {self._why()}"]
        if made.not_before:
            lines.append(f"    not before: {self._moment(made.not_before)}")
        lines += [
            f"    later: {_name(one.action, catalogue)}, {self._moment(one.not_before)}" for one in made.follow_ups
        ]
        lines += [
            f"    no later contact {_name(no.action, catalogue)}: {self._no_words(no)}"
            for no in made.blocked
            if no.follow_up
        ]
        if not self.priced:
            lines.append("    the day has no prices yet: this is what it would be if everybody's time sufficed")
        return lines

    def _moment(self, at: Any) -> str:
        return moment_text(at, LANGUAGE, self.zone, today=self.decision.decision_date)

    def _why(self) -> str:
        made = self.decision
        if not made.in_scope:
            return "; ".join(self._no_words(no) for no in made.blocked)
        if made.explored:
            return "drawn by lot among what is allowed, to learn what helps"
        if made.rule:
            return f"rule {made.rule}: {self.policy.rules[made.rule].say[LANGUAGE]}"
        if made.enrolment_id:
            return "its measured effect is worth more than it costs"
        if not any(not self.policy.rules[one.rule].shadow for one in made.fired):
            return "no rule holds"
        return "nothing that was proposed is both allowed and worth its cost"


def attempt(settings: Settings, student: str, as_of: date | None, draft: Path | None = None) -> Trial:
    """What the rules make of one student, as the files are written now; nothing is stored.

    Args:
        settings: of the school.
        student: the student's id, or another name that the school gave the student.
        as_of: the day; the newest one that is known if not given.
        draft: a folder of settings to be tried instead of the school's own.

    Raises:
        NotFound: the school has no such student.
        NotReady: the student has no live enrolment on that day.
    """
    adviser = adviser_of_files(settings, draft)
    if not is_known(adviser.lake, student):
        raise NotFound("there is no such student", where=student, mend="Check the id, or import the student")
    day = as_of or newest_day(adviser)
    moment = adviser.moment(day)
    found = adviser.prepare(day, [Identities.of(adviser.lake).student(student)], moment=moment)
    if not found:
        raise NotReady(f"no enrolment of the student is live on {day}", where=student, mend="Choose another --as-of")
    book = adviser.book(day)
    made = decide(found[0].case, adviser.policy, moment, book)
    return Trial(made, adviser.policy, found[0].person.time_zone, book is not None)


def _name(action: str, catalogue: Catalogue) -> str:
    return f"{catalogue[action].names[LANGUAGE]} ({action})"


def _told(no: Blocked) -> Plain:
    """A no as a decision's record has it."""
    return {
        "gate": no.gate,
        "reason": no.reason,
        "params": dict(no.params),
        "until": no.until.isoformat() if no.until else None,
    }
