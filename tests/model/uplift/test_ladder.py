from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.decisions.coverage_uplift import Drawn, draw
from features.config import School
from features.errors import BadConfig, BadInput
from model.uplift import learn
from model.uplift.ladder import Crossed, choose, climb, less_error
from model.uplift.scores import Scores, average_effect, score
from model.uplift.settings import UpliftSettings


@pytest.mark.parametrize("seed", range(3))
def test_it_never_steps_up_on_noise(settings, seed):
    found = learn(draw(4000, 100 + seed, "no effect", "launch").trial, settings, seed=seed)
    assert found.level == "L0"
    assert found.effects.actions == ("no_action",)
    assert [step.taken for step in found.ladder] == [False, None, None]
    assert "no action keeps more than it costs beyond doubt" in found.ladder[0].why


def test_where_effects_are_the_same_it_stays_with_the_average(settings):
    found = learn(draw(5000, 7, "same for all", "launch").trial, settings, seed=1)
    assert found.level == "L1"
    assert [step.taken for step in found.ladder] == [True, False, False]


def test_it_finds_sleeping_dogs_and_leaves_them_alone(settings):
    """Whatever is done keeps seven in ten of those who would leave, and drives others away."""
    trial = draw(8000, 2, "no effect", "launch").trial
    is_dog = trial.x[:, 3] < -0.5
    leaves = trial.risk * np.where(trial.action == 0, 1.0, np.where(is_dog, 1.6, 0.3))
    y = (np.random.default_rng(0).random(len(trial)) >= leaves).astype("float64")
    found = learn(replace(trial, y=y), settings, seed=1)
    assert found.level in ("L2", "L3")
    taken = next(step for step in found.ladder if step.level == found.level)
    assert taken.figures["slope_low"] > 0
    assert taken.figures["gain_low"] > 0
    assert "found again" in taken.why
    new = draw(2000, 1002, "no effect", "launch").trial
    tau, dog = found.effects.of(new.x, new.risk)[0], new.x[:, 3] < -0.5
    assert (tau[dog & (new.x[:, 3] < -1), :2].mean(axis=0) < 0).all()
    assert (tau[~dog, :2].mean(axis=0) > 0.05).all()


@pytest.fixture(scope="module")
def larger() -> Drawn:
    return draw(12_000, 10, "linear", "launch")


@pytest.fixture(scope="module")
def scored(larger, settings) -> Scores:
    return score(larger.trial, 2, UpliftSettings.of(settings).nuisance, 1)


def forecasts(drawn: Drawn, line: float, trees: float) -> Crossed:
    """What a line and trees would say that are wrong by so much, at random."""
    random, scale = np.random.default_rng(0), np.maximum(drawn.trial.risk, 0.01)
    share = drawn.tau / scale[:, None]
    average = np.broadcast_to(share.mean(axis=0), share.shape)
    apart = {
        name: share - average + wrong * random.normal(size=share.shape) for name, wrong in (("L2", line), ("L3", trees))
    }
    return Crossed((1, 2, 3), scale, average, {"L1": np.zeros(share.shape), **apart})


def test_what_is_nearer_to_the_truth_has_smaller_errors_in_noisy_scores(larger, scored):
    crossed = forecasts(larger, 0.5, 0.0)
    nearer = less_error(larger.trial, scored, crossed, ("L3", "L2"), 1.96)
    assert nearer.low > 0
    assert less_error(larger.trial, scored, crossed, ("L2", "L3"), 1.96).value == pytest.approx(-nearer.value)
    assert less_error(larger.trial, scored, crossed, ("L2", "L2"), 1.96).value == 0


@pytest.mark.parametrize(("line", "trees", "taken"), [(0.15, 0.0, True), (0.0, 0.15, False), (0.0, 0.0, False)])
def test_trees_follow_a_line_only_where_they_are_better(larger, scored, settings, line, trees, taken):
    trial, crossed = larger.trial, forecasts(larger, line, trees)
    effects = {trial.actions[at]: average_effect(trial, scored, at, 1.96) for at in crossed.places}
    steps = climb(trial, scored, crossed, effects, UpliftSettings.of(settings))
    assert [step.taken for step in steps] == [True, True, taken]
    assert (max(steps[2].figures["less_error_low"], steps[2].figures["more_low"]) > 0) == taken
    assert ("may be no better than L2" in steps[2].why) != taken


def test_too_little_data_is_an_answer(linear, settings):
    few = {
        name: getattr(linear.trial, name)[:900]
        for name in ("x", "action", "propensities", "y", "risk", "student", "day")
    }
    found = learn(replace(linear.trial, **few), settings, seed=1)
    assert found.level == "L0"
    assert found.ladder[0].taken is None
    assert "not enough data" in found.ladder[0].why
    assert found.ate["mentor_call"].rows == 900  # what is known is told all the same
    nothing = {name: array[:0] for name, array in few.items()}
    assert learn(replace(linear.trial, **nothing), settings, seed=1).level == "L0"


def test_an_action_too_rare_is_left_out_and_the_others_go_on(linear, settings):
    wanted = {**settings, "ladder": {"arm_outcomes": 500, "randomised_rows": 10_000}}
    found = learn(linear.trial, wanted, seed=1)
    assert found.effects.actions[1:] == ("care_sms", "advanced_materials") or found.level == "L0"
    forced = learn(linear.trial, wanted, seed=1, level="L1")
    assert forced.effects.actions == linear.trial.actions
    assert "10,000 are needed" in found.ladder[1].why or found.level == "L0"


def test_an_action_that_costs_more_than_it_keeps_is_no_reason_to_step_up(linear, of_linear, settings):
    assert of_linear.ladder[0].taken
    dear = {**settings, "value": {"margin_minor": 1000, "cost_minor": dict.fromkeys(linear.trial.actions[1:], 500)}}
    assert learn(linear.trial, dear, seed=1).level == "L0"


def test_choosing_gives_the_largest_gains_first_within_capacity():
    tau = np.array([[0.5, 0.4], [0.3, 0.1], [0.2, 0.25], [0.01, -0.2]])
    allowed = np.array([[True, True], [True, True], [False, True], [True, True]])
    assert choose(tau, allowed, np.array([0.02, 0.0]), [1, 5]).tolist() == [0, 1, 1, -1]


def test_settings_that_cannot_be_are_refused(linear):
    for wrong in ({"ladders": {}}, {"ladder": {"arm": 3}}, {"evidence": {"apart": 1.5}}, {"capacity": {"share": 2.0}}):
        with pytest.raises(BadConfig, match=r"uplift\.toml"):
            learn(linear.trial, wrong, seed=1)
    with pytest.raises(BadInput, match="no level"):
        learn(linear.trial, {}, seed=1, level="L4")


def test_the_file_holds_the_defaults():
    config = School(Path("no-school")).config("uplift")
    assert UpliftSettings.of(config | {"capacity": {}}) == UpliftSettings()


def test_the_rules_go_on_where_nothing_is_shown_to_be_better(linear, of_linear, settings):
    """What does most, known to the rules, cannot be beaten; what does nothing can."""
    assert of_linear.level != "L0"
    each = np.arange(len(linear.trial))
    best = np.where(linear.tau.max(axis=1) > 0, linear.tau.argmax(axis=1) + 1, 0)
    known = learn(replace(linear.trial, usual=best), settings, seed=1)
    assert known.level == "L0"
    assert "not shown to keep more than the rules" in known.ladder[-1].why
    nothing = learn(replace(linear.trial, usual=np.zeros_like(each)), settings, seed=1)
    assert nothing.level == of_linear.level
    assert nothing.ladder[-1].figures["over_rules_low"] > 0
    unknown = learn(replace(linear.trial, usual=np.full_like(each, -1)), settings, seed=1)
    assert unknown.ladder == of_linear.ladder
