"""Homework: tasks due, tasks done and closed, how they were handed in, and how they were marked.

What several panes need is a step of its own, worked out once.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.panes.relations import Tables, first_known, ones, per_day, while_both, whole, with_take_backs

POINT = 10_000  # ten-thousandths of a point of a score
_TASK = ("enrolment_id", "assignment_id")
_HANDED_IN = ("occurred_at", "submission_id")


def _tasks(tables: Tables) -> Any:
    tasks = tables["assignments"].filter(lambda t: t.due_at.notnull())
    return tasks.select("assignment_id", "course_id", "due_at", "due_day", "known_day", "until_day")


def owed(tables: Tables) -> Any:
    """Tasks of each enrolment's course that are due after its own beginning."""
    people = tables["enrolments"]
    since = ibis.greatest(ibis.coalesce(people.starts_day, people.day), people.day)
    people = people.select("enrolment_id", "course_id", "known_day", "until_day", since=since)
    return while_both(people, _tasks(tables), "course_id").filter(lambda t: t.due_day >= t.since)


_FIRST = ("occurred_at", "day", "known_day", "until_day")


def handed_in(tables: Tables) -> Any:
    """Submissions as they were first told of: what comes later is their score."""
    first = tables["submissions"].filter(lambda t: ~t.is_later.fill_null(False))
    return first.select(*_TASK, "submission_id", "occurred_at", "day", "known_day", "carried_over")


def _own_work(tables: Tables) -> Any:
    rows = tables["handed_in"]
    return rows.filter(~rows.carried_over.fill_null(False))


def first_handed_in(tables: Tables) -> Any:
    """The first submission of each task, one carried over from an earlier run too."""
    return first_known(tables["handed_in"], _TASK, _HANDED_IN).select(*_TASK, *_FIRST)


def first_tries(tables: Tables) -> Any:
    """The first submission of each task that is the student's work in this run."""
    return first_known(_own_work(tables), _TASK, _HANDED_IN).select(*_TASK, *_FIRST)


def owed_done(tables: Tables) -> Any:
    """Owed tasks with their first submission."""
    return while_both(tables["first_handed_in"], tables["owed"], _TASK)


def due(tables: Tables) -> Any:
    """Tasks by the day of their deadline."""
    rows = tables["owed"]
    rows = with_take_backs(rows.select("enrolment_id", "known_day", "until_day", day=rows.due_day))
    return per_day(rows, due=rows.sign.sum())


def done(tables: Tables) -> Any:
    """Owed tasks handed in, by the day of that."""
    rows = tables["owed_done"]
    rows = with_take_backs(rows.select("enrolment_id", "day", "known_day", "until_day"))
    return per_day(rows, done=rows.sign.sum())


def closed(tables: Tables) -> Any:
    """Owed tasks handed in; one that was handed in before its deadline was never overdue and closes on that day."""
    rows = tables["owed_done"]
    day = ibis.greatest(rows.day, rows.due_day)
    rows = with_take_backs(rows.select("enrolment_id", "known_day", "until_day", day=day))
    return per_day(rows, closed=rows.sign.sum())


def submitted(tables: Tables) -> Any:
    """Everything the student handed in."""
    rows = _own_work(tables)
    return per_day(rows, submitted=rows.count())


def tried(tables: Tables) -> Any:
    """Different tasks that the student handed in."""
    rows = with_take_backs(tables["first_tries"])
    return per_day(rows, tried=rows.sign.sum())


def timed(tables: Tables) -> Any:
    """How the different tasks kept their deadlines; a delay is in whole days, negative is early."""
    rows = while_both(tables["first_tries"], _tasks(tables), "assignment_id")
    rows = with_take_backs(rows)
    delay = (rows.day - rows.due_day).cast("int64")
    return per_day(
        rows,
        timed=rows.sign.sum(),
        late=(rows.sign * ones(rows.occurred_at > rows.due_at)).sum(),
        early=(rows.sign * ones(delay < 0)).sum(),
        delay=(rows.sign * delay).sum(),
    )


def scored(tables: Tables) -> Any:
    """Scores of the student's own work, by the day on which they were told; a corrected one takes the old one back."""
    told = tables["submissions"].filter(lambda t: t.score.notnull() & t.score_known_day.notnull())
    told = told.filter(~told.carried_over.fill_null(False))
    told = told.mutate(known_day=ibis.greatest(told.score_known_day, told.known_day))
    told = told.filter(told.until_day.isnull() | (told.until_day > told.known_day))
    rows = with_take_backs(told.mutate(day=told.known_day))
    return per_day(rows, scored=rows.sign.sum(), score=(rows.sign * whole(rows.score, POINT)).sum())
