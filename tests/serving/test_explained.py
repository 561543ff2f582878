"""What is told beside a risk: the catalogue's steps, their words, and the school's settings of it."""

from __future__ import annotations

import pytest

from features.catalogue import FEATURES
from features.config import School
from features.errors import BadConfig
from serving import explained
from serving.explained import Telling
from serving.wording import LANGUAGES, WORDS

STEPS = {name: feature.step for name, feature in FEATURES.items() if feature.step}


@pytest.mark.parametrize("name", STEPS)
def test_what_a_step_changes_has_a_better_side(name: str) -> None:
    assert FEATURES[name].monotone, "nobody knows whether more of it would be better"


@pytest.mark.parametrize("name", STEPS)
def test_what_a_step_changes_can_be_said(name: str) -> None:
    assert FEATURES[name].ranks or all(WORDS.has(f"if.{name}", lang) for lang in LANGUAGES)


def test_nobody_is_told_to_change_what_was_or_who_one_is() -> None:
    unchangeable = (
        "prior_attempts",
        "first_week_active_days",
        "homework_late_share",
        "days_to_end",
        "sla_breaches_90d",
    )
    assert not set(unchangeable) & set(STEPS)
    assert not [name for name in STEPS if FEATURES[name].sensitive or not FEATURES[name].is_reason]


def test_windows_and_ranks_of_one_thing_change_together() -> None:
    assert {STEPS[name] for name in STEPS if name.startswith("active_days")} == {"active_days"}
    for name, feature in FEATURES.items():
        if feature.ranks:
            assert STEPS.get(name) == STEPS.get(feature.ranks)


def test_no_strength_is_of_the_calendar_or_of_the_schools_own_doing() -> None:
    praised = set(explained._PRAISED)
    assert {"homework_mean_score", "active_days_7d", "homework_overdue_now"} <= praised
    for family in ("support", "payments", "contacts", "profile", "peers"):
        assert not [name for name in praised if FEATURES[name].family == family]
    assert not {"days_to_end", "prior_attempts", "study_load"} & praised


def test_every_family_has_a_name_for_people() -> None:
    families = {explained._family(name) for name in FEATURES} | {"base"}
    assert "peers" not in families
    for lang in LANGUAGES:
        assert not [family for family in families if not WORDS.has(f"family.{family}", lang)]


def test_the_schools_settings_can_be_read(tmp_path) -> None:
    told = Telling.of(School(tmp_path).config("school")["explanations"])
    assert (told.keeps, told.least_fall) == (0.5, 0.1)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"keeps": 0.0, "least_fall": 0.01}, "keeps is 0.0"),
        ({"keeps": 1.5, "least_fall": 0.01}, "keeps is 1.5"),
        ({"keeps": 0.5, "least_fall": 1.0}, "least_fall is 1.0"),
        ({"keeps": 0.5, "least_fal": 0.01}, "holds keeps, least_fal"),
        ({"keeps": 0.5}, "Name keeps, least_fall"),
        ({"keeps": "much", "least_fall": 0.01}, "much"),
    ],
)
def test_settings_that_cannot_be_used_say_which(table, says) -> None:
    with pytest.raises(BadConfig, match=says):
        Telling.of(table)
