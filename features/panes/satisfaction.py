"""Satisfaction: ratings, low ratings that no fair one has followed, and willingness to recommend."""

from __future__ import annotations

from typing import Any

import ibis

from features.panes.counted import Counted, Sum
from features.panes.relations import KEYS, Tables, known_first, of_enrolments, per_day

LOW_RATING = 3  # stars below this are a low rating
STAR = 100  # hundredths

ratings = Counted("ratings", {"ratings": Sum(), "stars": Sum(("value",), STAR)})
nps = Counted("nps", {"nps_answers": Sum(), "nps": Sum(("value",), STAR)})


def low_ratings(tables: Tables) -> Any:
    """Low ratings, until a fair one follows."""
    events = of_enrolments(tables["ratings"], tables["enrolments"])
    low = known_first(events.filter(events.value < LOW_RATING))
    fair = events.filter(events.value >= LOW_RATING)
    fair = fair.select("enrolment_id", fair_at="occurred_at", fair_known="known_day")
    followed = low.join(fair, "enrolment_id")
    followed = followed.filter(followed.fair_at >= followed.occurred_at)
    ended = followed.group_by("enrolment_id", "event_id", "day").agg(fair_known=followed.fair_known.min())
    over = ibis.greatest(ended.day, ended.fair_known)
    both = low.select(*KEYS, sign=ibis.literal(1)).union(
        ended.select("enrolment_id", day=over, known_day=over, sign=ibis.literal(-1))
    )
    return per_day(both, low_in_a_row=both.sign.sum())
