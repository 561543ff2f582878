from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.readout import Arm, readout
from features.errors import BadConfig, NotFound, NotReady
from tests.thorough import examples


@pytest.fixture
def read(tables, settings, first_day):
    def _read(*, horizon_days: int = 28, as_of: int = 60, experiment: str = "care", frames=None):
        return readout(
            *(frames or tables.frames()),
            experiment=experiment,
            horizon_days=horizon_days,
            as_of_day=first_day + as_of,
            settings=settings,
        )

    return _read


def test_a_clear_effect_helps(tables, read):
    tables.arms(control=(70, 30), treatment=(810, 90))
    found = read()
    assert found.control == Arm(100, 100, 70)
    assert found.treatment == Arm(900, 900, 810)
    assert found.verdict == "helps"
    assert found.effect.difference == pytest.approx(0.2)
    assert found.effect.relative == pytest.approx(0.2 / 0.7)
    # By hand: 1.96 * sqrt(.7*.3/100 + .9*.1/900) + (1/100 + 1/900)/2
    half = 1.959964 * np.sqrt(0.0021 + 0.0001) + (1 / 100 + 1 / 900) / 2
    assert found.effect.interval == pytest.approx((0.2 - half, 0.2 + half), abs=1e-6)


def test_a_clear_harm_harms(tables, read):
    tables.arms(control=(90, 10), treatment=(630, 270))
    assert read().verdict == "harms"


def test_a_wide_interval_around_0_is_not_called_no_effect(tables, read):
    tables.arms(control=(40, 10), treatment=(365, 85))
    found = read()
    assert found.verdict == "not_measurable"
    assert "not the same as no effect" in found.why
    assert found.effect.detectable > 0.1


def test_a_narrow_interval_around_0_is_small(tables, read, settings):
    settings["experiment"]["care"] |= {"control_share": 0.5, "useful_effect": 0.2}
    tables.arms(control=(160, 40), treatment=(162, 38))
    assert read().verdict == "small"


def test_too_few_of_a_kind_have_no_interval(tables, read):
    tables.arms(control=(30, 2), treatment=(250, 30))
    found = read()
    assert found.verdict == "not_measurable"
    assert found.effect is None
    assert "only 2" in found.why


def test_a_broken_split_blocks_and_shows_no_effect(tables, read):
    tables.arms(control=(60, 40), treatment=(450, 50))  # 17 % in control, designed 10 %
    found = read()
    assert found.srm_p < 0.001
    assert found.verdict == "blocked"
    assert found.effect is None
    assert "16.7%" in found.why
    assert "10.0%" in found.why


def test_the_alarm_is_rare_for_sound_splits_and_sure_for_broken_ones(read, tables, settings):
    rng = np.random.default_rng(3)
    alarm = settings["readout"]["srm_alarm"]
    from experiments.readout import _srm

    def alarms(share: float) -> float:
        control = rng.binomial(2000, share, 300)
        return np.mean(
            [_srm({"control": Arm(c, 1, 1), "treatment": Arm(2000 - c, 1, 1)}, 0.1) < alarm for c in control.tolist()]
        )

    assert alarms(0.1) < 0.02
    assert alarms(0.14) > 0.95


def test_the_split_is_checked_on_all_who_were_assigned(tables, read):
    tables.arms(control=(70, 30), treatment=(810, 90))
    for number in range(300):  # all these are in control, and their horizon is not over
        tables.student(f"late{number}", "control", day=50)
    assert read().verdict == "blocked"


def test_a_student_counts_once_in_the_first_arm(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    before = read()
    for number in range(20):
        tables.decided(f"t{number}", "treatment", day=4)
    tables.decided("c0", "treatment", day=5)
    after = read()
    assert (after.control, after.treatment) == (before.control, before.treatment)
    assert (before.in_both_arms, after.in_both_arms) == (0, 1)


def test_rows_in_any_order_give_the_same(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    for number in range(20):
        tables.decided(f"t{number}", "control", day=4)
    mixed = [frame.sample(frac=1, random_state=1) for frame in tables.frames()]
    assert read(frames=mixed) == read()


def test_who_is_not_followed_to_the_end_is_left_out_and_counted(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    tables.student("short", "control", day=33, left_after=3)  # 33 + 28 > 60, though the end is known
    tables.student("just", "control", day=32)
    found = read()
    assert found.waiting == 1
    assert found.control == Arm(32, 31, 21)


@pytest.mark.parametrize(
    ("left_after", "kind", "retained"),
    [
        (None, "", True),
        (0, "withdrawal", False),
        (27, "withdrawal", False),
        (28, "withdrawal", True),
        (5, "refund", False),
        (5, "nonrenewal", False),
        (5, "completion", True),
        (5, "payment_failure", True),
        (-3, "withdrawal", True),
    ],
)
def test_what_counts_as_lost(tables, read, left_after, kind, retained):
    tables.arms(control=(20, 10), treatment=(180, 90))
    tables.student("one", "control", left_after=left_after, kind=kind)
    assert read().control.retained == 20 + retained


def test_only_the_enrolment_that_was_decided_about_counts(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    tables.student("one", "control")
    tables.enrolled("one", "other")
    tables.left("other", day=5)
    assert read().control.retained == 21


def test_a_decision_about_the_person_looks_at_all_enrolments(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    tables.enrolled("one", "first")
    tables.enrolled("one", "second")
    tables.decided("one", "control", enrolment=None)
    tables.left("second", day=5)
    assert read().control == Arm(31, 31, 20)


def test_nothing_known_later_is_used(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    tables.student("one", "control")
    tables.left("one-e", day=5, known_day=60)
    tables.student("two", "control", day=60)
    assert read().control == Arm(31, 31, 21)
    assert read(as_of=61).control == Arm(32, 31, 20)


def test_other_experiments_play_no_part(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    before = read()
    tables.decided("c1", "treatment", day=-5, experiment="another")
    assert read() == before


@pytest.mark.parametrize("arm", ["control", "treatment"])
def test_an_empty_arm_is_an_error_that_names_it(tables, read, arm):
    tables.student("one", arm)
    with pytest.raises(NotReady, match="treatment" if arm == "control" else "control"):
        read()


def test_before_any_horizon_is_over_it_says_when_to_come_back(tables, read):
    tables.student("one", "control", day=50)
    tables.student("two", "treatment", day=0)
    with pytest.raises(NotReady, match="2026-03-29"):
        read()


def test_an_experiment_without_decisions_names_those_that_have(tables, read, settings):
    tables.arms(control=(20, 10), treatment=(180, 90))
    with pytest.raises(NotFound, match="Those with decisions: care"):
        read(experiment="care_programme")


def test_an_experiment_that_was_not_laid_down_is_refused(tables, read):
    tables.arms(control=(20, 10), treatment=(180, 90))
    with pytest.raises(BadConfig, match=r"care, care_programme"):
        read(experiment="nameless")


def test_the_interval_holds_the_truth_as_often_as_it_says(read, settings, first_day):
    rng = np.random.default_rng(11)
    students, truth, held = 500, 0.10, 0
    ids = np.array([f"s{number}" for number in range(students)])
    when = pd.Timestamp("2026-01-10 09:00", tz="Europe/Moscow").tz_convert("UTC").as_unit("us")
    times = {"occurred_at": when, "known_at": when, "day": first_day, "known_day": first_day}
    trials = examples(200)
    for _ in range(trials):
        control = rng.random(students) < 0.1
        lost = rng.random(students) < np.where(control, 0.25, 0.25 - truth)
        decisions = pd.DataFrame(
            {
                "decision_id": ids,
                "student_id": ids,
                "enrolment_id": ids,
                "experiment": "care",
                "arm": np.where(control, "control", "treatment"),
                **times,
            }
        )
        outcomes = pd.DataFrame({"event_id": ids, "enrolment_id": ids, "kind": "withdrawal", **times})[lost]
        found = read(frames=(decisions, outcomes, pd.DataFrame({"enrolment_id": ids, "student_id": ids})))
        if found.effect is None:  # the split's alarm, once in a thousand
            continue
        held += found.effect.interval.low <= truth <= found.effect.interval.high
    assert 0.90 <= held / trials <= 0.99
