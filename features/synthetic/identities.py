"""Other names of students: some pay through the CRM, some write e-mails, and not every name is joined to its owner."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.synthetic.billing import Payments, enrolled_at
from features.synthetic.people import Calendar, Enrolments, Students
from features.synthetic.writing import Rows, spelled

EXPORTED = 4 * 3600
"""Second of the day after the first purchase on which the names are joined."""


@dataclass(frozen=True)
class Aliases:
    """The names under which rows are kept.

    Attributes:
        ids: the students' own ids, then their names in the CRM, then those of their e-mail addresses; s of each.
        through_crm: (s,) bool, the money is handled by the CRM, which has a number of its own for the student.
        writes: (s,) bool, some of the student's questions come by e-mail.
        joined: (s, 2) bool, the school knows whose the CRM's number and the address are.
    """

    ids: tuple[str, ...]
    through_crm: np.ndarray
    writes: np.ndarray
    joined: np.ndarray

    def by_crm(self, student: np.ndarray) -> np.ndarray:
        """Places in `ids` for rows about money; (k,)."""
        return student + self.through_crm[student] * len(self.writes)

    def by_mail(self, student: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Places in `ids` for tickets: of those who write e-mails, more than half come that way; (k,)."""
        mails = self.writes[student] & (rng.random(len(student)) < 0.6)
        return np.where(mails, self.mail_of(student), student)

    def mail_of(self, student: np.ndarray) -> np.ndarray:
        """Places in `ids` of the e-mail addresses; (k,)."""
        return student + 2 * len(self.writes)


def draw_aliases(students: Students, rules: Mapping[str, Any], seed: int) -> Aliases:
    """Draws who has other names and which of them were joined.

    Args:
        rules: the settings' table `identities`.
    """
    rng = np.random.default_rng([seed, 23])
    count = len(students.ids)
    crm = rng.permutation(9 * count)[:count] + 10 * count
    mail = [hashlib.sha256(f"{seed}:{student}".encode()).hexdigest() for student in students.ids]
    return Aliases(
        ids=(*students.ids, *(f"crm:{number}" for number in crm.tolist()), *(f"email:{name}" for name in mail)),
        through_crm=rng.random(count) < rules["through_crm"],
        writes=rng.random(count) < rules["by_email"],
        joined=rng.random((count, 2)) < np.array([rules["crm_joined"], rules["email_joined"]]),
    )


def identities(aliases: Aliases, enrolments: Enrolments, payments: Payments, calendar: Calendar) -> Rows:
    """The export that joins the names, each known from the morning after the student's first purchase."""
    count = len(aliases.writes)
    bought = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(bought, enrolments.student, enrolled_at(payments, calendar))
    has = np.column_stack([aliases.through_crm, aliases.writes]) & aliases.joined
    student, which = np.nonzero(has)
    return {
        "alias": spelled(aliases.ids, student + (which + 1) * count),
        "student_id": spelled(aliases.ids, student),
        "source": spelled(("crm", "helpdesk"), which),
        "known_at": calendar.moments(calendar.days_of(bought[student]) + 1, EXPORTED),
    }
