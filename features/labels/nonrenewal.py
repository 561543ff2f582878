"""Non-renewal: the course or subscription ends and the student does not go on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.enrolments import NO_DAY
from features.labels.definition import Found, Label
from features.labels.known import Known, next_days
from features.labels.payment_failure import failures
from features.labels.payments import MEND_DAYS

DAYS = 30
"""So long before the end the question is asked for the first time; a next course may begin so long before it."""
GRACE_DAYS = 14
"""So long after the end a renewal still counts as one."""


def _find(known: Known, rows: pd.DataFrame) -> Found:
    facts = known.at_cut_offs(rows).assign(cut=rows["day"].to_numpy())
    near = (facts["end_day"] - facts["cut"] <= DAYS).to_numpy()
    asked = facts[near & ~known.closed_before(rows)].astype({"end_day": "int64", "cut": "int64"})
    asked = asked.assign(over=asked["end_day"] + GRACE_DAYS, day=asked["cut"])
    answer, over = np.full(len(rows), np.nan), np.full(len(rows), NO_DAY, dtype="int64")
    answer[asked.index], over[asked.index] = _answers(known, asked), asked["over"]
    return answer, over


def _answers(known: Known, asked: pd.DataFrame) -> np.ndarray:
    end, over = asked["end_day"].to_numpy(), asked["over"].to_numpy()
    own_end, any_end = _later_ends(known, asked)
    outcomes = known.read("outcomes")
    left = outcomes[outcomes["kind"].isin(("nonrenewal", "withdrawal", "refund"))]
    # An instalment of the running period may fall anywhere before its end; what pays for more comes when it is over.
    paid = next_days(asked.assign(day=end - 1), known.payments[known.payments["kind"] == "renewed"]) < over
    bought = _next_bought(known, asked)
    has_lost = next_days(asked, failures(known)) < over - MEND_DAYS
    renewed = paid | (own_end > end) | ((bought >= asked["cut"].to_numpy()) & (bought < over))
    return np.select(
        [bought < asked["cut"].to_numpy(), renewed, next_days(asked, left) < over, (any_end > end) | has_lost],
        [np.nan, 0.0, 1.0, np.nan],
        1.0,
    )


def _later_ends(known: Known, asked: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The enrolment's own end, NaN if it has none, and the end in force, as known when the grace is over; (n,) each."""
    own = _newest(asked[["enrolment_id", "over"]], known.read("enrolments"), "enrolment_id")
    of_course = _newest(own[["course_id", "over"]], known.read("courses"), "course_id")
    own_end = own["ends_day"].astype("float64")
    return own_end.to_numpy(), own_end.fillna(of_course["ends_day"].astype("float64")).fillna(NO_DAY).to_numpy()


def _newest(asked: pd.DataFrame, versions: pd.DataFrame, key: str) -> pd.DataFrame:
    """The version of each row's entity that was the newest known before the row's `over`, in the order of the rows."""
    versions = versions.sort_values(["known_day", "known_at"], kind="stable").astype({"known_day": "int64"})
    found = pd.merge_asof(
        asked.reset_index(drop=True).reset_index(names="at").sort_values("over", kind="stable"),
        versions,
        left_on="over",
        right_on="known_day",
        by=key,
        allow_exact_matches=False,
    )
    return found.sort_values("at", ignore_index=True)


def _next_bought(known: Known, asked: pd.DataFrame) -> np.ndarray:
    """The day on which the student first bought a place past the end; (n,) float64, NaN where there is none."""
    others = known.enrolments.reset_index()[["enrolment_id", "student_id", "enrolled_day", "start_day", "end_day"]]
    student = known.enrolments["student_id"].reindex(asked["enrolment_id"]).to_numpy()
    pairs = asked[["enrolment_id", "end_day"]].assign(student_id=student).reset_index(names="at")
    pairs = pairs.merge(others, on="student_id", suffixes=("", "_next"))
    goes_on = (pairs["start_day"] >= pairs["end_day"] - DAYS) & (pairs["end_day_next"] > pairs["end_day"])
    next_places = pairs[goes_on & (pairs["enrolment_id"] != pairs["enrolment_id_next"])]
    return next_places.groupby("at")["enrolled_day"].min().reindex(asked.index).to_numpy("float64")


NONRENEWAL = Label(
    name="nonrenewal",
    version=1,
    horizon_days=DAYS + GRACE_DAYS,
    text=f"The enrolment ends (its own end, or else its course's) and {GRACE_DAYS} days later the student "
    "has not gone on. Going on is: the enrolment's own end was moved on; or a `renewed` payment came on its last "
    f"day or later; or the student bought another enrolment that begins {DAYS} days before the end or later and "
    "reaches past it. Whoever did none of these has not renewed, one who withdrew or got a refund before the end "
    f"included. Asked of enrolments that are live at the cut-off with at most {DAYS} days to the end as known then, "
    f"and whose student has no such next enrolment yet; the answer is known {GRACE_DAYS} days after the end. There is "
    "none where the course's end was moved on, so that it did not come, or where a payment was lost (see "
    "`payment_failure`) and the school wrote down no non-renewal, withdrawal or refund: that was no decision.",
    words={
        "en": "chance of not going on when the course ends",
        "ru": "вероятность не продлить обучение по окончании курса",
        "zh": "课程结束后不再续费的可能性",
    },
    find=_find,
)
