"""The readout: treatment against control, by intention to treat, and an honest word where the data cannot tell.

Every student counts once, in the arm of the first decision, whatever came of the message. A student whose horizon
is not over is left out and counted. A split that the design cannot have made blocks the readout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pandas as pd

from experiments import power
from experiments.design import Design
from features.clock import date_of
from features.errors import NotFound, NotReady

LOST = ("withdrawal", "refund", "nonrenewal")
"""Outcomes that end an enrolment against the school's wish."""

Verdict = Literal["helps", "harms", "small", "not_measurable", "blocked"]
"""`small`: whatever it does is less than the useful effect."""


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes:
        assigned: students whose first decision put them here.
        read: those of them whose horizon is over.
        retained: those of them who were still there at its end.
    """

    assigned: int
    read: int
    retained: int

    @property
    def share(self) -> float:
        """Retained share, 0-1."""
        return self.retained / self.read

    @property
    def fewest(self) -> int:
        """Those who stayed or those who left, whichever are fewer."""
        return min(self.retained, self.read - self.retained)


@dataclass(frozen=True)
class Effect:
    """How the arms differ.

    Attributes:
        difference: retained share in treatment minus that in control.
        interval: of the difference.
        relative: the difference as a share of control's.
        relative_interval: of `relative`.
        p_value: two-sided.
        detectable: the smallest rise that groups of this size show with the wanted power; None if there is none.
    """

    difference: float
    interval: Interval
    relative: float
    relative_interval: Interval
    p_value: float
    detectable: float | None


@dataclass(frozen=True)
class Readout:
    """What an experiment says as of a day.

    Attributes:
        design: what was laid down.
        horizon_days: the horizon read here.
        as_of_day: day number; nothing known from it on was used.
        confidence: of the intervals.
        power: that `Effect.detectable` is about.
        control, treatment: the arms.
        waiting: students left out because their horizon is not over.
        in_both_arms: students whose later decisions name the other arm; 0 in a sound experiment.
        srm_p: how likely a split at least this uneven is under the design.
        verdict: the answer.
        why: the answer in a sentence.
        effect: None when the verdict is `blocked`, or when an arm has too few students for an interval.
    """

    design: Design
    horizon_days: int
    as_of_day: int
    confidence: float
    power: float
    control: Arm
    treatment: Arm
    waiting: int
    in_both_arms: int
    srm_p: float
    verdict: Verdict
    why: str
    effect: Effect | None


def readout(
    decisions: pd.DataFrame,
    outcomes: pd.DataFrame,
    enrolments: pd.DataFrame,
    *,
    experiment: str,
    horizon_days: int,
    as_of_day: int,
    settings: Mapping[str, Any],
) -> Readout:
    """Reads an experiment.

    Args:
        decisions, outcomes, enrolments: the contract tables with day numbers, as `features.lake.Lake.read` gives them.
        experiment: its name.
        horizon_days: days after the first decision on which a student counts as retained or lost.
        as_of_day: a day number; only what was known before that day is used.
        settings: `configs/experiments.toml`.

    Returns:
        One readout; see `experiments.report` for words.

    Raises:
        BadConfig: the experiment was never laid down.
        NotFound: there is no decision of it.
        NotReady: an arm is empty, or no horizon in it is over yet.
    """
    design, rules = Design.of(experiment, settings), settings["readout"]
    first, in_both_arms = _first_decisions(decisions, experiment, as_of_day)
    read = first[first["day"] + horizon_days <= as_of_day]
    lost = _lost(read, outcomes, enrolments, horizon_days, as_of_day)
    arms = {name: _arm(name, first, read, lost, horizon_days, design) for name in ("control", "treatment")}
    srm_p = _srm(arms, design.control_share)
    verdict, why, effect = _judged(arms, srm_p, design, rules)
    return Readout(
        design=design,
        horizon_days=horizon_days,
        as_of_day=as_of_day,
        confidence=rules["confidence"],
        power=rules["power"],
        control=arms["control"],
        treatment=arms["treatment"],
        waiting=len(first) - len(read),
        in_both_arms=in_both_arms,
        srm_p=srm_p,
        verdict=verdict,
        why=why,
        effect=effect,
    )


def _first_decisions(decisions: pd.DataFrame, experiment: str, as_of_day: int) -> tuple[pd.DataFrame, int]:
    """One row per student, and how many students appear in both arms."""
    rows = decisions[(decisions["experiment"] == experiment) & (decisions["known_day"] < as_of_day)]
    if rows.empty:
        others = sorted(decisions["experiment"].unique())
        raise NotFound(
            f"there is no decision of experiment {experiment!r} before {date_of(as_of_day)}",
            mend=f"Those with decisions: {', '.join(others) or 'none'}",
        )
    rows = rows.sort_values(["occurred_at", "decision_id"], kind="stable").astype({"day": "int64"})
    arms = rows.groupby("student_id")["arm"].nunique()
    first = rows.drop_duplicates("student_id")[["student_id", "enrolment_id", "arm", "day"]]
    return first.reset_index(drop=True), int((arms > 1).sum())


def _lost(
    read: pd.DataFrame, outcomes: pd.DataFrame, enrolments: pd.DataFrame, horizon_days: int, as_of_day: int
) -> set[str]:
    """Students lost within the horizon: from the enrolment the decision was about, or, if about none, from any."""
    ended = outcomes[outcomes["kind"].isin(LOST) & (outcomes["known_day"] < as_of_day)]
    ended = ended[["enrolment_id", "day"]].rename(columns={"day": "ended_day"}).astype({"ended_day": "int64"})
    owners = enrolments[["enrolment_id", "student_id"]].drop_duplicates("enrolment_id")
    ended = ended.merge(owners, on="enrolment_id").merge(
        read.rename(columns={"enrolment_id": "about"}), on="student_id"
    )
    within = (ended["ended_day"] >= ended["day"]) & (ended["ended_day"] < ended["day"] + horizon_days)
    named = ended["about"].isna() | (ended["about"] == ended["enrolment_id"])
    return set(ended.loc[within & named, "student_id"])


def _arm(name: str, first: pd.DataFrame, read: pd.DataFrame, lost: set[str], horizon_days: int, design: Design) -> Arm:
    assigned, ready = first[first["arm"] == name], read[read["arm"] == name]
    if assigned.empty:
        raise NotReady(
            f"no student of {design.name!r} is in {name}, so there is nothing to compare with",
            mend="Check the share of [holdout] in gates.toml; without a control group no effect can be measured",
        )
    if ready.empty:
        raise NotReady(
            f"no student in {name} of {design.name!r} has been followed for {horizon_days} days yet",
            mend=f"Read it on {date_of(int(assigned['day'].min()) + horizon_days)} or later",
        )
    return Arm(len(assigned), len(ready), int((~ready["student_id"].isin(lost)).sum()))


def _srm(arms: Mapping[str, Arm], control_share: float) -> float:
    """How likely so uneven a split is; all who were assigned count, whether their horizon is over or not."""
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import SampleRatio

    counts = {name: Aggregates(count_=arm.assigned) for name, arm in arms.items()}
    return SampleRatio((1 - control_share) / control_share).analyze(counts, "control", "treatment").pvalue


def _judged(
    arms: Mapping[str, Arm], srm_p: float, design: Design, rules: Mapping[str, Any]
) -> tuple[Verdict, str, Effect | None]:
    """The verdict, why, and the effect where it may be shown."""
    if srm_p < rules["srm_alarm"]:
        drawn = arms["control"].assigned / sum(arm.assigned for arm in arms.values())
        why = (
            f"{drawn:.1%} of the students are in control, the design says {design.control_share:.1%}; chance makes "
            f"such a split less than once in {1 / max(srm_p, 1e-12):,.0f} times. Students got lost or were put into "
            "the wrong arm, and until that is found no difference between the arms can be trusted"
        )
        return "blocked", why, None
    fewest = min(arm.fewest for arm in arms.values())
    if fewest < rules["least_in_cell"]:
        why = (
            f"not measurable at this size: in one arm only {fewest} students stayed, or only {fewest} left; "
            f"an interval needs {rules['least_in_cell']} of both in each arm"
        )
        return "not_measurable", why, None
    effect = _compared(arms, rules)
    return *_verdict(effect.interval, design.useful_effect), effect


def _compared(arms: Mapping[str, Arm], rules: Mapping[str, Any]) -> Effect:
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import Proportion

    control, treatment = arms["control"], arms["treatment"]
    # Each arm's own variance: pooling is wrong for an interval when arms of 10 % and 90 % differ. The correction
    # keeps the coverage at its word with a few dozen students in control.
    test = Proportion("retained", method="norm", equal_var=False, correction=True, confidence_level=rules["confidence"])
    found = test.analyze_aggregates(
        Aggregates(count_=control.read, mean_={"retained": control.share}),
        Aggregates(count_=treatment.read, mean_={"retained": treatment.share}),
    )
    return Effect(
        difference=found.effect_size,
        interval=Interval(found.effect_size_ci_lower, found.effect_size_ci_upper),
        relative=found.rel_effect_size,
        relative_interval=Interval(found.rel_effect_size_ci_lower, found.rel_effect_size_ci_upper),
        p_value=found.pvalue,
        detectable=power.smallest_detectable(
            control.share, control.read, treatment.read, confidence=rules["confidence"], wanted=rules["power"]
        ),
    )


def _verdict(interval: Interval, useful: float) -> tuple[Verdict, str]:
    if interval.low > 0:
        return "helps", "more of the treated stayed than chance explains"
    if interval.high < 0:
        return "harms", "fewer of the treated stayed than chance explains"
    if max(-interval.low, interval.high) < useful:
        return "small", f"whatever it does is smaller than the {useful:.1%} that would change what we do"
    return (
        "not_measurable",
        "not measurable at this size: the interval holds 0 and also effects that would matter. "
        "This is not the same as no effect",
    )
