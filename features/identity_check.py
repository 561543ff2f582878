"""What is refused of identities when they are imported, so that two students are never joined by a guess."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from features.contracts.check import REJECT_COLUMNS, Checked
from features.identity import MADE_HERE

CHECKED = ("identities", "students")
"""The tables that `sound` looks at."""

Found = tuple["pd.Series[bool]", str, str, "pd.Series[str]"]
"""(n,) the rows at fault, the column, the reason, and (n,) the mend, which names whom it is about."""


def sound(table: str, checked: Checked, numbers: pd.Index, file: str, held: Callable[[str], pd.DataFrame]) -> Checked:
    """Sets aside what would join two students by a guess.

    The first word on an alias counts; one that contradicts it does not. An alias is another name of a student, never
    of another alias, and is not itself a student of the school. Of words that contradict each other in one piece none
    is taken, so that the order of a file decides nothing.

    Args:
        table: `identities`; or `students`, of which none may be under an alias.
        checked: sound rows of the table.
        numbers: the numbers in the file of all the rows that were checked.
        file: where they come from.
        held: gives a table's rows so far, those of this import too.

    Returns:
        What is left, the earliest known word on an alias first, with the new faults.
    """
    rows = checked.rows.assign(_number=numbers[~numbers.isin(checked.rejects["row"])])
    known = held("identities").set_index("alias")["student_id"]
    if table == "identities":
        rows = rows.sort_values("known_at", kind="stable", ignore_index=True)
        faults = _faults(rows, known, held)
    else:
        student = rows["student_id"].map(known).astype("str")
        mend = rows["student_id"] + " is another name of " + student + ": leave the row out, or name the student"
        faults = iter([(student.notna(), "student_id", "is an alias and cannot be a student of its own", mend)])
    kept = np.ones(len(rows), dtype=bool)
    rejects = [checked.rejects]
    for wrong, column, reason, mend in faults:
        at = kept & wrong.to_numpy(bool)
        if at.any():
            told = {"row": rows["_number"], "value": rows[column], "mend": mend}
            found = pd.DataFrame(told)[at].assign(table=table, file=file, column=column, reason=reason)
            rejects.append(found[list(REJECT_COLUMNS)])
            kept &= ~at
    left = rows[kept].drop(columns="_number").reset_index(drop=True)
    every = pd.concat(rejects, ignore_index=True) if len(rejects) > 1 else checked.rejects
    return Checked(left, every, checked.rejected + len(rows) - len(left))


def _faults(rows: pd.DataFrame, known: pd.Series, held: Callable[[str], pd.DataFrame]) -> Iterator[Found]:
    """What is wrong with the rows of identities; a row is told the first that is."""
    alias, student = rows["alias"], rows["student_id"]
    before = alias.map(known).astype("str")
    new = (before != student) | before.isna()
    told = alias + " is " + student + " here"

    yield alias == student, "alias", "names a student by the student's own id", alias + " needs no row: leave it out"

    mend = told + " and " + before + " by an earlier import, which stays; docs/guides/identity.md tells the mend"
    yield before.notna() & new, "alias", "was said to be another student", mend

    several = student.groupby(alias).transform(lambda said: " and ".join(sorted(set(said)))).astype("str")
    mend = alias + " is said to be " + several + ": leave in the one that is right"
    yield new & (several != student), "alias", "is said to be several students", mend

    enrolled = alias.isin(held("enrolments")["student_id"]) & ~alias.str.startswith(MADE_HERE)
    mend = told + " and one of the school's students already: give the other system's ids a beginning of their own"
    yield new & (alias.isin(held("students")["student_id"]) | enrolled), "alias", "is a student itself", mend

    aliases = set(known.index) | set(alias[alias != student])
    mend = told + ", but " + student + " is only another name as well: write the student's own id"
    yield student.isin(aliases), "student_id", "is an alias itself", mend

    mend = told + ", but other names were said to be " + alias + ": name one student in all of them"
    yield alias.isin(known), "alias", "stands for other names already", mend
