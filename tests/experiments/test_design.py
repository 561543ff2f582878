from __future__ import annotations

import pytest

from experiments.design import Design
from features.config import School
from features.errors import BadConfig


def test_the_shipped_experiment_is_laid_down_whole(tmp_path):
    design = Design.of("care_programme", School(tmp_path).config("experiments"))
    assert design.name == "care_programme"
    assert design.text
    assert design.success


def test_the_designed_share_is_that_of_the_hold_out_everywhere(tmp_path):
    school = School(tmp_path)
    shares = {
        school.config("gates")["holdout"]["share"],
        school.config("synthetic")["programme"]["holdout_share"],
        Design.of("care_programme", school.config("experiments")).control_share,
    }
    assert len(shares) == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"control_share": 0}, "control_share = 0"),
        ({"control_share": 1}, "control_share = 1"),
        ({"horizon_days": 0}, "horizon_days = 0"),
        ({"useful_effect": 0.0}, "useful_effect"),
        ({"horizn_days": 3}, "The keys are: text, success"),
    ],
)
def test_what_cannot_be_is_refused(settings, change, fault):
    settings["experiment"]["care"] |= change
    with pytest.raises(BadConfig, match=fault):
        Design.of("care", settings)


def test_what_is_missing_is_refused(settings):
    del settings["experiment"]["care"]["success"]
    with pytest.raises(BadConfig, match=r"experiment\.care"):
        Design.of("care", settings)
