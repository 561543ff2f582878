"""Who may decide: the flags and the facts because of which only people decide about a student (gates G6 and G7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from serving.decide.case import EnrolmentCase, Flag
from serving.decide.conditions import Condition, conditions
from serving.decide.config import Table, Words

# The same as features.contracts.tables.FLAG_KINDS, which cannot be imported here without pandas; a test compares them.
KINDS = (
    "dispute",
    "complaint",
    "legal",
    "wellbeing",
    "safeguarding",
    "bereavement",
    "medical",
    "conversation",
    "objection",
    "staff",
    "test",
)
SENSITIVE = "G7"
GATES = ("G6", SENSITIVE)
SCOPES = ("people", "none")


@dataclass(frozen=True, slots=True)
class PeopleOnly:
    """One reason why only people decide about a student.

    Attributes:
        name: its name in records.
        gate: `G6`, or `G7` for what is sensitive.
        flags: the kinds of flags that are such a reason.
        when: or these conditions, when all of them hold for one enrolment; none is never.
        scope: `people`: a person takes over; `none`: it is no student at all, and nothing is decided.
        contact: the login of the person to turn to, or `head`; empty where the scope is `none`.
        names: what people call it, by language.
    """

    name: str
    gate: str
    flags: tuple[str, ...]
    when: tuple[Condition, ...]
    scope: str
    contact: str
    names: Words

    @property
    def place(self) -> tuple[bool, bool, str]:
        """Where it stands among others: the first one's contact is told."""
        return self.scope != "none", self.gate != SENSITIVE, self.name

    def holds(self, enrolments: Collection[EnrolmentCase]) -> bool:
        """Whether its conditions hold for one of the enrolments."""
        return bool(self.when) and any(all(one.holds(enrolment) for one in self.when) for enrolment in enrolments)

    @classmethod
    def read(cls, top: Table, known_features: Collection[str]) -> tuple[PeopleOnly, ...]:
        """Reads the tables ``[people_only.NAME]``, in their fixed order; what cannot be used is noted."""
        found = [_one(name, table, known_features) for name, table in top.tables("people_only", name="people only")]
        if unheard := [kind for kind in KINDS if not any(kind in one.flags for one in found)]:
            mend = f"Name {', '.join(unheard)} in the flags of one of these tables"
            top.fault("people_only", f"a flag of the kind {unheard[0]} would change nothing", mend)
        # Not the file's order: a policy that is the same in all its words has to decide the same.
        return tuple(sorted(found, key=lambda one: one.place))


def _one(name: str, table: Table, known_features: Collection[str]) -> PeopleOnly:
    flags = table.list("flags", needed=False)
    for entry, kind in enumerate(flags):
        if kind not in KINDS:
            table.fault("flags", f"has {kind!r}, which is no kind of flag", f"Use: {', '.join(KINDS)}", entry)
    when = conditions(table, "when", known_features, needed=False)
    if not flags and not table.list("when", needed=False):
        table.fault("", "names no flags and no conditions", "Say in flags or in when what makes it a case for people")
    scope = table.choice("scope", SCOPES) if table.has("scope") else SCOPES[0]
    one = PeopleOnly(
        name=name,
        gate=table.choice("gate", GATES),
        flags=tuple(str(kind) for kind in flags),
        when=when,
        scope=scope,
        contact=table.text("contact") if scope == "people" else "",
        names=table.words("names"),
    )
    table.close()
    return one


def standing(flags: Iterable[Flag], now: datetime) -> Mapping[str, datetime | None]:
    """The kinds of flags that stand at a moment, each with its end; None is until somebody clears it.

    Of each matter, which is a kind with a reference or without, the latest word counts; that it is over, said without
    a reference, ends all of the kind. That a matter is over, dated in the future, does not count yet; that there is one
    counts as soon as it is known, so that no clock that is wrong can hide it.

    Args:
        flags: in their order, see `serving.decide.case.Flag.order`.
        now: the moment, in UTC.
    """
    matters: dict[str, dict[str | None, datetime | None]] = {}
    for flag in flags:
        of_kind = matters.setdefault(flag.kind, {})
        if flag.state == "set":
            of_kind[flag.reference] = flag.until_at
        elif flag.occurred_at <= now:
            for reference in (flag.reference,) if flag.reference else tuple(of_kind):
                of_kind.pop(reference, None)
    found: dict[str, datetime | None] = {}
    for kind, of_kind in matters.items():
        if ends := [end for end in of_kind.values() if end is None or end > now]:
            found[kind] = None if None in ends else max(filter(None, ends))
    return found
