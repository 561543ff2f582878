"""What the queries of all families are made of: sums by day, facts that are taken back, facts of a person.

A row of a pane keeps the day on which its facts became known (`known_day`); it may be later than `day`, or earlier for
a deadline. What is learned later and changes an earlier fact is a row of its own that takes the measure back: the same
`day`, the later `known_day`, the opposite sign. So the sum of the rows known by a cut-off is what it knew. Every
measure is a whole number (milliseconds, ten-thousandths of a point), so that sums do not depend on any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis

Tables = Mapping[str, Any]
"""Ibis tables by the name of their contract, with the columns of `features.panes.build`."""

KEYS = ("enrolment_id", "day", "known_day")


def per_day(events: Any, **measures: Any) -> Any:
    """Sums by enrolment, day and day of knowing."""
    return events.group_by(*KEYS).agg(**measures)


def whole(values: Any, scale: int = 1) -> Any:
    """Whole numbers of 1/scale."""
    if values.type().is_integer() and scale == 1:
        return values
    return (values * float(scale) + 0.5).floor()  # a half goes up, as in `features.panes.counted`


def ones(condition: Any) -> Any:
    """1 where a condition holds, 0 elsewhere and where it is not known."""
    return condition.fill_null(False).cast("int64")


def of_enrolments(events: Any, enrolments: Any) -> Any:
    """Facts about a person are facts about each of the person's enrolments, unless they name one.

    Under one name they are so from the start; under different names of one student from the day on which both were
    known to be the student's.
    """
    newest = enrolments.filter(enrolments.until_day.isnull())
    people = newest.select(student="student_id", enrolment="enrolment_id", as_="known_as", since="named_day")
    joined = events.rename(named="enrolment_id").join(people, events.student_id == people.student)
    joined = joined.filter(joined.named.isnull() | (joined.named == joined.enrolment))
    merged = ibis.greatest(joined.known_day, joined.named_day, joined.since)  # NULL is passed over
    joined = joined.mutate(known_day=(joined.known_as == joined.as_).ifelse(joined.known_day, merged))
    if "until_day" in joined.columns:
        joined = joined.filter(joined.until_day.isnull() | (joined.until_day > joined.known_day))
    return joined.rename(enrolment_id="enrolment").drop("named", "student", "as_", "since", "known_as", "named_day")


def known_first(events: Any) -> Any:
    """The day from which a fact counts where its own day does not matter: the day it was known."""
    return events.mutate(day=ibis.greatest(events.day, events.known_day)).mutate(known_day=lambda t: t.day)


def while_both(left: Any, right: Any, keys: Any) -> Any:
    """Pairs of facts while both are in force: from the day both are known until one of them is replaced."""
    both = left.join(right.rename(right_known="known_day", right_until="until_day"), keys)
    both = both.mutate(
        known_day=ibis.greatest(both.known_day, both.right_known),
        until_day=ibis.least(both.until_day, both.right_until),
    ).drop("right_known", "right_until")
    return both.filter(both.until_day.isnull() | (both.until_day > both.known_day))


def first_known(facts: Any, keys: Sequence[str], order: Sequence[str]) -> Any:
    """The first fact of each group, and until when it is taken for the first: an earlier one may be learned of."""
    many = facts.group_by(*keys).agg(rows=facts.count()).filter(lambda t: t.rows > 1)
    single = facts.anti_join(many, keys).mutate(until_day=ibis.null("int32"))
    several = facts.semi_join(many, keys)  # few, and only they need to be put in order
    happened = ibis.window(group_by=keys, order_by=order)
    rows = several.mutate(nth=ibis.row_number().over(happened))
    learned = {"group_by": keys, "order_by": ["known_day", "nth"]}
    rows = rows.filter(rows.nth == rows.nth.min().over(ibis.cumulative_window(**learned)))
    rows = rows.mutate(until_day=rows.known_day.lead().over(ibis.window(**learned))).drop("nth")
    return single.union(rows)


def with_take_backs(facts: Any) -> Any:
    """Facts with `sign` 1, and those that were replaced once more with `sign` -1, known on the day of that."""
    replaced = facts.filter(facts.until_day.notnull())
    return facts.mutate(sign=ibis.literal(1)).union(
        replaced.mutate(known_day=replaced.until_day, sign=ibis.literal(-1))
    )
