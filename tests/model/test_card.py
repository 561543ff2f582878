from __future__ import annotations

from dataclasses import replace

import pytest

from model.card import model_card
from model.dataset import Split
from model.judging import Judged, judge
from model.learning import Learnt, Recipe
from model.metrics import plain_auc
from model.promotion import Gate
from model.train import Settings


@pytest.fixture(scope="module")
def judged(parts: Split, recipe: Recipe) -> Judged:
    settings = Settings.of({"metrics": {"draws": 50}})
    return replace(judge(parts, recipe, settings, lambda _: None), flattering={"rows drawn at random": 0.99})


@pytest.fixture(scope="module")
def card(judged: Judged, learnt: Learnt, parts: Split) -> str:
    gates = (
        Gate("beats_baseline", True, 0.1, "above 0", "AUC 0.8 against 0.7"),
        Gate("beats_champion", None, None, "above -0.01", "there is no champion yet"),
        Gate("calibration", False, 2.0, "about 1", "expected twice as many"),
    )
    return model_card(judged, learnt, parts.fit, gates)


@pytest.mark.parametrize(
    "heading",
    ["Intended use", "Data", "Metrics", "By group", "Gates", "Limits", "Ethics"],
)
def test_has_the_headings_of_a_model_card(card: str, heading: str) -> None:
    assert f"\n## {heading}\n" in card


def test_honest_figures_come_first_with_cases_and_intervals(card: str, parts: Split) -> None:
    assert f"{parts.test.cases} cases of withdrawal" in card
    assert card.index("AUC: a student with the event ahead") < card.index("Flattering")
    assert "| rows drawn at random | 0.990 |" in card
    assert "| nothing: the honest one | 0." in card
    assert " to " in card.split("AUC: a student", 1)[1].splitlines()[0]


def test_every_gate_is_told_with_its_answer(card: str) -> None:
    assert "| beats_baseline | passed | AUC 0.8 against 0.7 | above 0 |" in card
    assert "| beats_champion | not asked | there is no champion yet |" in card
    assert "| calibration | **red** | expected twice as many |" in card


def test_every_table_has_as_many_cells_as_heads(card: str) -> None:
    for table in card.split("\n\n"):
        if table.startswith("| "):
            assert len({line.count("|") for line in table.strip().splitlines()}) == 1


def test_simpler_ways_stand_beside_with_paired_intervals(card: str) -> None:
    beside = card.split("### Beside simpler ways", 1)[1].split("###", 1)[0]
    for name in ("days_without_login", "logistic regression"):
        line = next(line for line in beside.splitlines() if line.startswith(f"| {name} | AUC"))
        assert line.count(" to ") == 2


def test_the_calibrations_tried_are_told(card: str, learnt: Learnt) -> None:
    chosen = next(one.kind for one in learnt.candidates if one.chosen)
    assert f"| {chosen} (served) |" in card


def test_every_stretch_is_told_with_its_area(card: str, learnt: Learnt, parts: Split) -> None:
    lines = card.split("### Stretch by stretch", 1)[1].split("###", 1)[0].splitlines()
    own = learnt.forecasts.stretch == 2
    area = plain_auc(parts.fit.y[learnt.forecasts.rows[own]], learnt.forecasts.raw[own])
    assert sum(line.startswith("| 20") for line in lines) == 4
    assert any(f"| {own.sum()} |" in line and line.endswith(f"| {area:.3f} |") for line in lines)
