from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalogue import FOLDED
from features.grid import Grid, measures_read
from features.measures import Workspace
from features.panes import Pane

NAN = float("nan")


@pytest.fixture(autouse=True, params=["rows", "array"])
def how_measures_are_held(request, monkeypatch):
    """Every answer is the same however a grid chooses to hold a measure."""
    monkeypatch.setattr("features.grid._WORTH", {"rows": 0, "array": 10**9}[request.param])


def pane(*rows: tuple[int, ...], measures: Sequence[str] = ("clicks", "lessons")) -> Pane:
    """Rows (position, day, known day, and the measures)."""
    at, day, known, *values = np.array(sorted(rows), dtype="int32").reshape(-1, 3 + len(measures)).T
    return Pane(at, day, known, dict(zip(measures, values, strict=True)))


def grid_of(*rows: tuple[int, ...], cuts: Sequence[int] = (100, 120)) -> Grid:
    return Grid({"activity": pane(*rows)} if rows else {}, 2, cuts)


PROMPT = [(0, 90, 90, 2, 0), (0, 97, 97, 3, 1), (1, 99, 99, 5, 0), (1, 100, 100, 7, 7)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda g: g.window("clicks", 3), [3, 5]),
        (lambda g: g.window("clicks", 10), [5, 5]),  # the cut-off's own day is not over
        (lambda g: g.window("clicks", 500), [5, 5]),  # longer than anything known
        (lambda g: g.window("never written", 3), [0, 0]),
        (lambda g: g.before("clicks", 3, 7), [2, 0]),
        (lambda g: g.before("clicks", 1, 2), [3, 0]),
        (lambda g: g.before("clicks", 0, 3), [3, 5]),
        (lambda g: g.before("clicks", 5, 500), [2, 0]),
        (lambda g: g.before("clicks", 500, 7), [0, 0]),
        (lambda g: g.between("clicks", np.array([90, 99]), np.array([97, 100])), [2, 5]),
        (lambda g: g.between("clicks", np.array([91, 0]), 98), [3, 0]),
        (lambda g: g.between("clicks", np.array([97, 99]), np.array([500, 500])), [3, 5]),  # not past the cut-off
        (lambda g: g.between("never written", np.array([0, 0]), 98), [0, 0]),
        (lambda g: g.since("clicks", np.array([91.0, NAN])), [3, 5]),
        (lambda g: g.since("clicks", np.array([NAN, 100.0])), [5, 0]),
        (lambda g: g.total("clicks"), [5, 5]),
        (lambda g: g.total("lessons"), [1, 0]),
        (lambda g: g.total("never written"), [0, 0]),
        (lambda g: g.days_with("clicks", 10), [2, 1]),
        (lambda g: g.days_with("clicks", 3), [1, 1]),
        (lambda g: g.days_with("never written", 3), [0, 0]),
        (lambda g: g.days_with_since("clicks", np.array([91, 0])), [1, 1]),
        (lambda g: g.days_with_since("clicks", np.array([90, 100])), [2, 0]),
        (lambda g: g.days_with_since("never written", np.array([90, 100])), [0, 0]),
        (lambda g: g.last_day("clicks"), [97, 99]),
        (lambda g: g.last_day("lessons"), [97, NAN]),
        (lambda g: g.last_day("never written"), [NAN, NAN]),
        (lambda g: g.days_since("clicks"), [2, 0]),
        (lambda g: g.days_since("lessons"), [2, NAN]),
        (lambda g: g.last("clicks", "lessons"), [3, NAN]),
        (lambda g: g.last("clicks", "clicks"), [3, 5]),
        (lambda g: g.last("never written", "clicks"), [0, 0]),
        (lambda g: g.last("clicks", "never written"), [NAN, NAN]),
        (lambda g: g.daily("clicks", 4), [[0, 0], [3, 0], [0, 0], [0, 5]]),
        (lambda g: g.daily("clicks", 12), [[0, 0], [0, 0], [2, 0], *[[0, 0]] * 6, [3, 0], [0, 0], [0, 5]]),  # wider
        (lambda g: g.daily("never written", 2), [[0, 0], [0, 0]]),
        (lambda g: g.flags("clicks", 3), [[3, 0], [0, 0], [0, 5]]),
        (lambda g: g.flags("never written", 1), [[0, 0]]),
        (lambda g: g.ahead("clicks"), [NAN, NAN]),  # the facts of the cut-off's own day are not known yet
        (lambda g: g.ahead("never written"), [NAN, NAN]),
        (lambda g: g.ever("clicks"), [5, 5]),
        (lambda g: g.ever("never written"), [0, 0]),
    ],
)
def test_what_the_folds_read(answer, expected):
    np.testing.assert_array_equal(answer(grid_of(*PROMPT).seek(100, {})), expected)


def test_the_facts_are_those_of_the_cut_off():
    grid = grid_of(*PROMPT).seek(100, {"start_day": np.array([1, 2])})
    assert grid.day == 100
    assert grid.facts["start_day"].tolist() == [1, 2]


def test_a_fact_learned_of_late_counts_on_its_own_day_from_then_on():
    grid = grid_of((0, 90, 103, 4, 0), (0, 95, 95, 1, 0))
    seen = []
    for day in (100, 103, 104):
        grid.seek(day, {})
        told = (grid.total("clicks"), grid.days_with("clicks", 15), grid.last_day("clicks"), grid.window("clicks", 9))
        seen.append([answer[0] for answer in told])
    assert seen == [[1, 1, 95, 1], [1, 1, 95, 1], [5, 2, 95, 1]]


def test_what_was_learned_late_but_before_the_first_question_counts_at_once():
    assert grid_of((0, 90, 99, 4, 0)).seek(100, {}).total("clicks")[0] == 4


def test_a_measure_that_is_taken_back_is_gone_from_the_day_on_which_that_is_known():
    grid = grid_of((0, 95, 95, 1, 1), (0, 97, 97, 1, 1), (0, 97, 102, -1, -1))
    told = []
    for day in (100, 102, 103):
        grid.seek(day, {})
        told.append((grid.total("clicks")[0], grid.last_day("clicks")[0], grid.days_with("clicks", 10)[0]))
    assert told == [(2, 97, 2), (2, 97, 2), (1, 95, 1)]


def test_what_lies_ahead_is_known_before_its_day():
    grid = grid_of((0, 105, 90, 1, 0), (0, 110, 90, 1, 0), (0, 103, 101, 1, 0), (1, 104, 90, 0, 5))
    told = []
    for day in (100, 102, 104, 106, 111):
        grid.seek(day, {})
        told.append((grid.ahead("clicks")[0], grid.ever("clicks")[0], grid.total("clicks")[0]))
    assert told[:4] == [(5, 2, 0), (1, 3, 0), (1, 3, 1), (4, 3, 2)]
    assert np.isnan(told[4][0])
    assert np.isnan(grid.ahead("clicks")[1])  # another measure of the pane lay ahead there


def test_what_is_due_on_the_day_of_the_cut_off_lies_ahead():
    assert grid_of((0, 100, 90, 1, 0)).seek(100, {}).ahead("clicks")[0] == 0


def test_what_lies_ahead_can_be_called_off():
    grid = grid_of((0, 105, 90, 1, 0), (0, 105, 101, -1, 0), (0, 112, 101, 1, 0))
    told = [(grid.seek(day, {}).ahead("clicks")[0], grid.ever("clicks")[0]) for day in (101, 102)]
    assert told == [(4, 1), (10, 1)]


def test_flags_of_a_day_are_joined_as_they_become_known():
    seen = pane((0, 98, 98, 1), (0, 98, 101, 6), (1, 99, 99, 4), measures=["seen"])
    grid = Grid({"activity": seen}, 2, [100, 102])
    assert grid.seek(100, {}).flags("seen", 2).tolist() == [[1, 0], [0, 4]]
    assert grid.seek(102, {}).flags("seen", 4).tolist() == [[7, 0], [0, 4], [0, 0], [0, 0]]


def test_a_grid_moves_forward_only_and_not_past_its_end():
    grid = grid_of(*PROMPT).seek(110, {})
    with pytest.raises(ValueError, match="cannot go to 109"):
        grid.seek(109, {})
    with pytest.raises(ValueError, match="cannot go to 121"):
        grid.seek(121, {})
    assert grid.seek(120, {}).total("clicks").tolist() == [5, 12]


def test_nothing_known_of_anybody_is_an_answer_too():
    grid = grid_of().seek(100, {})
    assert grid.total("clicks").tolist() == [0, 0]
    assert np.isnan(grid.days_since("clicks")).all()


def test_a_measure_only_of_days_to_come_counts_for_nothing_yet():
    grid = grid_of((0, 119, 119, 3, 0)).seek(100, {})
    assert (grid.total("clicks").tolist(), grid.days_with("clicks", 50).tolist()) == ([0, 0], [0, 0])


def test_panes_keep_their_measures_apart():
    other = pane((1, 80, 80, 9), measures=["videos"])
    grid = Grid({"activity": pane(*PROMPT), "videos": other}, 2, [100]).seek(100, {})
    assert grid.total("videos").tolist() == [0, 9]
    assert grid.total("clicks").tolist() == [5, 5]


def test_memory_that_another_grid_used_leaves_no_trace():
    space = Workspace()
    for _ in range(2):
        grid = Grid({"activity": pane((0, 95, 95, 4, 1), (0, 96, 101, 1, 0))}, 2, [100, 102], space)
        for day in (100, 102):
            grid.seek(day, {})
            assert grid.days_with("clicks", 30).tolist() == [1 + (day == 102), 0]
            np.testing.assert_array_equal(grid.last_day("clicks"), [96 if day == 102 else 95, NAN])


FACT = st.tuples(st.integers(0, 1), st.integers(80, 119), st.integers(-20, 20), st.sampled_from([1, 2]), st.just(0))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FACT, max_size=12), st.lists(st.integers(100, 120), min_size=1, max_size=4, unique=True))
def test_a_grid_that_moved_answers_like_one_that_starts_there(facts, cuts):
    rows = [(who, day, day + later, clicks, 0) for who, day, later, clicks, _ in facts]
    cuts = sorted(cuts)
    moving = grid_of(*rows, cuts=cuts)
    for cut in cuts:
        moving.seek(cut, {})
        fresh = grid_of(*rows, cuts=[cut]).seek(cut, {})
        for answer in (
            lambda g: g.total("clicks"),
            lambda g: g.window("clicks", 9),
            lambda g: g.before("clicks", 7, 14),
            lambda g: g.days_with_since("clicks", np.array([90, 0])),
            lambda g: g.since("clicks", g.last_day("clicks")),
            lambda g: g.daily("clicks", 28),
            lambda g: g.ahead("clicks"),
            lambda g: g.ever("clicks"),
        ):
            np.testing.assert_array_equal(answer(moving), answer(fresh))


def test_what_a_fold_reads_is_told_without_anybody():
    asked = [
        (lambda g: g.window("clicks", 7) + g.days_since("lessons"), {"clicks", "lessons"}),
        (lambda g: g.last("score", "scored"), {"score", "scored"}),
        (lambda g: g.flags("seen", 7) + g.daily("clicks", 7), {"seen", "clicks"}),
        (lambda g: g.ahead("due") + g.ever("done") + g.facts["start_day"], {"due", "done"}),
        (lambda g: g.facts["study_load"], set()),
    ]
    assert [measures_read(fold) for fold, _ in asked] == [measures for _, measures in asked]


ALONE = [feature for feature in FOLDED if feature.fold and not measures_read(feature.fold)]


def test_a_feature_that_reads_no_measure_is_of_the_enrolment_or_the_person():
    assert {feature.family for feature in ALONE} == {"progress", "profile"}
