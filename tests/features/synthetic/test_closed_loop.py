from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.config import School
from features.synthetic.closed_loop import ClosedLoop
from features.synthetic.cohort import draw_cohort, season
from features.synthetic.launch_trial import AGAIN, SHARES, randomised_log
from features.synthetic.people import CHANNELS, NEVER
from features.synthetic.responses import ACTIONS, CALL, MATERIALS, SMS, Responses

KINDS = ["persuadable", "sure_thing", "lost_cause", "sleeping_dog"]


@pytest.fixture(scope="module")
def loop_settings(tmp_path_factory) -> dict:
    return School(tmp_path_factory.mktemp("none")).config("synthetic")


@pytest.fixture(scope="module")
def begun(loop_settings) -> ClosedLoop:
    """A school on the morning of its first decision; tests fork it."""
    return ClosedLoop(students=3000, seed=1, settings=loop_settings)


def everywhere(school: ClosedLoop, action: int, of: np.ndarray | None = None) -> np.ndarray:
    may = school.studying & ~school.opted_out
    return np.where(may if of is None else may & of, action, 0)


def state(school: ClosedLoop) -> list[bytes]:
    seen = school.observe()
    return [school.left.tobytes(), school.opted_out.tobytes(), seen.student.tobytes(), seen.x.tobytes()]


def live(school: ClosedLoop, first: np.ndarray, days: int) -> ClosedLoop:
    """Does ``first`` on the first day, nothing afterwards."""
    school.step(first)
    for _ in range(days - 1):
        school.step(np.zeros(len(school), int))
    return school


@pytest.fixture(scope="module")
def true(begun):
    """The truth of those at risk, with their places, kinds and what is seen of them."""
    seen = begun.observe()
    everybody = begun.truth(seen.student, futures=4)
    at = np.flatnonzero(everybody.risk > 0.1)
    return seen, at, everybody.risk[at], everybody.tau[at], begun._cohort.kind[seen.student[at]]


@pytest.fixture(scope="module")
def log(loop_settings):
    school = ClosedLoop(students=3000, seed=2, settings=loop_settings | {"loop": loop_settings["loop"] | {"weeks": 12}})

    def may(seen):
        allowed = np.ones((len(seen), len(ACTIONS)), bool)
        allowed[:, MATERIALS] = seen["homework_overdue"] <= 1
        return allowed

    def risk_of(seen):
        return np.clip(0.02 + seen["days_without_login"] / 50, 0, 1)

    return school, randomised_log(school, risk_of=risk_of, at_risk=0.08, may=may, futures=1)


class TestLuck:
    def test_the_same_seed_and_actions_give_the_same_bytes(self, loop_settings):
        one, other, third = (ClosedLoop(students=200, seed=seed, settings=loop_settings) for seed in (5, 5, 6))
        for school in (one, other, third):
            live(school, everywhere(school, SMS), 10)
        assert state(one) == state(other)
        assert state(one) != state(third)

    def test_what_is_done_to_one_changes_nobody_else(self, begun):
        treated = np.zeros(len(begun), bool)
        treated[np.flatnonzero(begun.studying)[::2]] = True
        with_them = live(begun.fork(1), everywhere(begun, CALL, treated), 40)
        without = live(begun.fork(1), everywhere(begun, 0), 40)
        np.testing.assert_array_equal(with_them.left[~treated], without.left[~treated])
        assert (with_them.left[treated] != without.left[treated]).any()

    def test_an_action_that_is_not_allowed_is_refused(self, begun):
        school = begun.fork(1)
        gone = np.zeros(len(school), int)
        gone[np.flatnonzero(school.left < NEVER)[0]] = SMS
        with pytest.raises(ValueError, match="does not study"):
            school.step(gone)
        school.opted_out[:] = True
        with pytest.raises(ValueError, match="allows no contact"):
            school.step(np.where(school.studying, SMS, 0))
        with pytest.raises(ValueError, match="one index into"):
            school.step(np.full(len(school), len(ACTIONS)))


class TestObserving:
    def test_counts_are_of_the_days_before(self, begun):
        school = begun.fork(1)
        silent = np.zeros(len(school), int)
        came = []
        for _ in range(9):
            studying = school.studying
            happened = school.step(everywhere(school, SMS if school.day == begun.day + 2 else 0))
            came.append(happened.came)
            silent = np.where(happened.came, 0, silent + studying)
        seen = school.observe()
        np.testing.assert_array_equal(seen["active_days_7d"], np.sum(came[-7:], axis=0)[seen.student])
        known = seen["days_without_login"] < 9
        np.testing.assert_array_equal(seen["days_without_login"][known], silent[seen.student][known])
        touched = seen["sms_7d"] == 1
        assert touched.mean() > 0.9
        assert (seen["days_since_touch"][touched] == 7).all()
        assert np.isnan(seen["days_since_touch"][~touched]).all()

    def test_what_no_school_knows_is_not_seen(self, begun):
        other = begun.fork(99)
        rng = np.random.default_rng(0)
        other._cohort = replace(other._cohort, kind=rng.permutation(other._cohort.kind), level=-other._cohort.level)
        other._mind.pull = other._mind.pull + 1.0
        other._mind.smooth, other._mind.swing = -other._mind.smooth, -other._mind.swing
        assert state(other) == state(begun)
        assert (
            other.step(everywhere(other, 0)).left.tobytes() != begun.fork(1).step(everywhere(begun, 0)).left.tobytes()
        )

    def test_the_share_of_video_skipped_is_seen_with_an_error(self, begun):
        seen = begun.observe()
        known = ~np.isnan(seen["video_skip_share"])
        real = begun._cohort.skips[seen.student[known]]
        assert 0.9 < np.corrcoef(real, seen["video_skip_share"][known])[0, 1] < 1


class TestTruth:
    def test_it_is_what_happens_on_average(self, begun):
        """Rollouts with another luck each, leaving drawn: nothing is shared with the truth but the first morning."""
        base = begun.observe()
        risk = begun.truth(base.student, futures=1).risk
        who = base.student[np.argsort(-risk)[:400]]
        true = begun.truth(who, futures=24)
        some = np.zeros(len(begun), bool)
        some[who] = True
        rolled = []
        for action in (0, SMS, CALL, MATERIALS):
            ends = [live(begun.fork(luck), everywhere(begun, action, some), 28) for luck in range(100, 124)]
            rolled.append(np.mean([end.left[who] == NEVER for end in ends], axis=0))
        assert rolled[0].mean() == pytest.approx(1 - true.risk.mean(), abs=0.012)
        for action in (SMS, CALL, MATERIALS):
            gain = rolled[action] - rolled[0]
            error = gain.std() / np.sqrt(len(who))
            assert gain.mean() == pytest.approx(true.tau[:, action].mean(), abs=3 * error)
            slope = np.polyfit(true.tau[:, action], gain, 1)[0]
            assert slope == pytest.approx(1, abs=0.35)

    def test_nothing_does_nothing_and_no_action_saves_more_than_there_is_to_lose(self, begun):
        true = begun.truth(begun.observe().student, futures=2)
        assert (true.tau[:, 0] == 0).all()
        assert (true.tau <= true.risk[:, None]).all()
        assert (true.tau >= true.risk[:, None] - 1).all()

    def test_asking_for_it_changes_nothing(self, begun):
        school = begun.fork(1)
        school.truth(school.observe().student[:50], futures=2)
        assert state(live(school, everywhere(school, SMS), 3)) == state(live(begun.fork(1), everywhere(begun, SMS), 3))


class TestResponses:
    def test_sleeping_dogs_are_driven_away_and_the_others_held(self, true):
        _, _, _, tau, kind = true
        dogs = kind == KINDS.index("sleeping_dog")
        assert tau[dogs][:, [SMS, CALL]].mean() < -0.05
        assert tau[kind == KINDS.index("persuadable")][:, [SMS, CALL]].mean() > 0.03

    def test_average_effects_are_of_a_plausible_size(self, true):
        _, _, risk, tau, _ = true
        assert 0.005 < tau[:, SMS].mean() < 0.06
        assert tau[:, SMS].mean() < tau[:, CALL].mean() < 0.1
        assert tau[:, CALL].mean() < 0.4 * risk.mean()

    def test_what_is_seen_tells_whom_it_helps(self, true):
        seen, at, risk, tau, kind = true
        share = tau / risk[:, None]
        debt, silent, skips, behind = (
            seen[name][at] for name in ("homework_overdue", "days_without_login", "video_skip_share", "behind_plan")
        )
        awake = kind != KINDS.index("sleeping_dog")
        assert share[debt >= 3, CALL].mean() > share[debt == 0, CALL].mean() + 0.1
        assert share[awake & (silent <= 3), SMS].mean() > share[awake & (silent >= 12), SMS].mean() + 0.05
        bored, lost = (skips > 0.5) & (behind < 0), (skips > 0.5) & (behind > 0.1)
        assert share[bored, MATERIALS].mean() > 0.15 > 0.05 > share[lost, MATERIALS].mean()
        assert share[skips < 0.3, MATERIALS].mean() < 0
        risky = (seen["came_by_ads"][at] == 1) & (seen["pays_monthly"][at] == 1)
        assert share[risky, SMS].mean() < 0 < share[~risky, SMS].mean()

    def test_recent_contacts_weaken_what_helps_and_bring_leaving_nearer(self, begun, loop_settings):
        who = begun.observe().student
        tired = begun.fork(1)
        tired._mind.felt[:] = 4.0
        fresh, after = begun.truth(who, futures=4), tired.truth(who, futures=4)
        assert after.risk.mean() > 1.05 * fresh.risk.mean()
        helped = fresh.tau[:, CALL] > 0.01
        assert after.tau[helped, CALL].mean() < 0.5 * fresh.tau[helped, CALL].mean()
        responses, ones = Responses.read(loop_settings), np.ones(1)
        none = np.zeros(1, int)
        assert responses.opts_out(none, 2 * ones) > responses.opts_out(none, 0 * ones)
        assert responses.opts_out(none + 3, 0 * ones) > responses.opts_out(none, 0 * ones)

    @pytest.mark.parametrize("action", [SMS, CALL, MATERIALS])
    def test_an_effect_starts_after_its_delay_and_fades(self, begun, loop_settings, action):
        school = begun.fork(1)
        delay = int(Responses.read(loop_settings).delay[action])
        pulls = []
        happened = school.step(everywhere(school, action))
        for _ in range(delay + 30):
            pulls.append(np.abs(school._mind.pull[action][happened.through]).mean())
            school.step(np.zeros(len(school), int))
        assert pulls[:delay] == [0.0] * delay
        assert pulls[delay] > 0.01
        assert np.diff(pulls[delay:]).max() < 0

    def test_some_contacts_fail_and_some_are_the_last_one(self, begun):
        school = begun.fork(1)
        called = everywhere(school, CALL)
        happened = school.step(called)
        assert 0.15 < 1 - happened.through[called > 0].mean() < 0.25
        assert not (happened.opted_out & ~happened.through).any()
        assert 0.005 < happened.opted_out[happened.through].mean() < 0.04
        np.testing.assert_array_equal(school.opted_out, happened.opted_out)
        assert not school.observe().reachable[np.isin(school.observe().student, np.flatnonzero(school.opted_out))].any()


def test_driven_away_are_as_many_as_the_settings_say_and_come_by_ads(loop_settings):
    cohort = draw_cohort(20_000, loop_settings, 1)
    dogs = cohort.kind == KINDS.index("sleeping_dog")
    assert (
        0.8 * loop_settings["loop"]["driven_away"]["share"]
        < dogs.mean()
        < loop_settings["loop"]["driven_away"]["share"]
    )
    ads = cohort.channel == CHANNELS.index("ads")
    assert dogs[ads & cohort.monthly].mean() > 5 * dogs[~ads & ~cohort.monthly].mean()


def test_holidays_and_exam_weeks_lie_on_their_days(loop_settings):
    of = season(200, loop_settings)
    new_year, exam = 122, 110  # 2026-01-01 and 2025-12-20, from 2025-09-01
    assert of.weekday[0] == 0
    assert of.weekday[new_year] == 3
    assert of.draw[new_year] == loop_settings["loop"]["holiday_draw"]
    assert of.weight[exam] == loop_settings["loop"]["exam_weight"]
    assert of.draw[10] == of.weight[10] == 0


class TestLaunchTrial:
    def test_propensities_are_those_of_the_lot(self, log):
        _, trial = log
        assert trial.pi.dtype == np.float64
        np.testing.assert_allclose(trial.pi.sum(axis=1), 1, atol=1e-12)
        taken = trial.pi[np.arange(len(trial.y)), trial.action]
        assert (taken > 0).all()
        debt = trial.x[:, trial.names.index("homework_overdue")] > 1
        assert (trial.pi[debt, MATERIALS] == 0).all()
        np.testing.assert_allclose(trial.pi[~debt], np.tile(SHARES, (int((~debt).sum()), 1)))
        for which in (debt, ~debt):
            drawn = np.bincount(trial.action[which], minlength=4) / which.sum()
            np.testing.assert_allclose(drawn, trial.pi[which].mean(axis=0), atol=0.06)

    def test_outcomes_are_those_of_the_school(self, log):
        school, trial = log
        gone = (school.left[trial.student] >= trial.day) & (school.left[trial.student] < trial.day + school.horizon)
        np.testing.assert_array_equal(trial.y, 1 - gone)
        assert 0.6 < trial.y.mean() < 0.98
        assert trial.day.max() + school.horizon <= school.days

    def test_nobody_is_drawn_again_too_soon(self, log):
        _, trial = log
        order = np.lexsort((trial.day, trial.student))
        same = np.diff(trial.student[order]) == 0
        assert same.any()
        assert (np.diff(trial.day[order])[same] >= AGAIN).all()

    def test_the_truth_foretells_the_outcomes(self, log):
        _, trial = log
        kept = trial.action == 0
        expected = 1 - trial.true_risk[kept].mean()
        assert trial.y[kept].mean() == pytest.approx(expected, abs=0.04)
