from __future__ import annotations

import json

import pytest

from experiments.readout import readout
from experiments.report import as_dict, as_text


@pytest.fixture
def read(tables, settings, first_day):
    def _read(control, treatment, horizon_days=28):
        tables.arms(control, treatment)
        return readout(
            *tables.frames(),
            experiment="care",
            horizon_days=horizon_days,
            as_of_day=first_day + 60,
            settings=settings,
        )

    return _read


def test_the_answer_comes_first_with_its_interval_and_the_smallest_detectable_rise(read):
    text = as_text(read((70, 30), (810, 90)))
    assert text.startswith("# care: It helps\n")
    assert "**+20.0 points**, 95% interval +10.3 points to +29.7 points" in text
    assert "Smallest rise that groups of this size show with 80% power: +" in text
    assert "intention to treat" in text


def test_a_blocked_readout_shows_no_effect_in_words_or_in_numbers(read):
    found = read((60, 40), (450, 50))
    text = as_text(found)
    assert "Blocked" in text
    assert "points" not in text
    assert "60.0%" not in text
    values = as_dict(found)
    assert values["effect"] is None
    assert "retained" not in values["control"]


def test_not_measurable_is_not_no_effect(read):
    text = as_text(read((40, 10), (365, 85)))
    assert text.startswith("# care: Not measurable at this size")
    assert "not the same as no effect" in text
    assert "no effect worth" not in text.lower()


def test_groups_that_can_show_nothing_say_so(read):
    assert "could not show any rise" in as_text(read((45, 6), (410, 40)))


def test_another_horizon_is_called_a_side_look(read):
    assert "side look" in as_text(read((70, 30), (810, 90), horizon_days=14))


def test_students_in_both_arms_are_told_of(tables, read):
    tables.decided("c0", "treatment", day=4)
    tables.enrolled("c0", "c0-e")
    assert "1 students have decisions in both arms" in as_text(read((70, 30), (810, 90)))


def test_the_values_are_plain(read):
    values = json.loads(json.dumps(as_dict(read((70, 30), (810, 90)))))
    assert values["as_of"] == "2026-03-11"
    assert values["control"] == {"assigned": 100, "read": 100, "retained": 70, "share": 0.7}
    assert values["effect"]["interval"] == pytest.approx([0.1025, 0.2975], abs=1e-3)
    assert values["design"]["control_share"] == 0.1
