from __future__ import annotations

import pytest

from model.card import model_card
from model.dataset import Split
from model.metrics import MetricSettings, Resampling, evaluate
from model.promotion import Gate
from model.risk import RiskModel


@pytest.fixture(scope="module")
def card(parts: Split, risk_model: RiskModel) -> str:
    test = parts.test
    metrics = evaluate(test, risk_model.log_odds(test.x), Resampling(test.students, 50, 1), MetricSettings())
    gates = (
        Gate("beats_baseline", True, 0.1, "above 0", "AUC 0.8 against 0.7"),
        Gate("beats_champion", None, None, "above -0.01", "there is no champion yet"),
        Gate("calibration", False, 2.0, "about 1", "expected twice as many"),
    )
    return model_card(parts, metrics, gates, 0.99)


@pytest.mark.parametrize(
    "heading",
    ["Intended use", "Data", "Metrics", "By course and by weeks since enrolment", "Gates", "Limits", "Ethics"],
)
def test_has_the_headings_of_a_model_card(card: str, heading: str) -> None:
    assert f"\n## {heading}\n" in card


def test_honest_figures_come_first_with_cases_and_intervals(card: str, parts: Split) -> None:
    assert f"{parts.test.cases} cases of withdrawal" in card
    assert card.index("AUC: a student with the event ahead") < card.index("Flattering")
    assert "AUC 0.990 when rows are split at random" in card
    assert " to " in card.split("AUC: a student", 1)[1].splitlines()[0]


def test_every_gate_is_told_with_its_answer(card: str) -> None:
    assert "| beats_baseline | passed | AUC 0.8 against 0.7 | above 0 |" in card
    assert "| beats_champion | not asked | there is no champion yet |" in card
    assert "| calibration | **red** | expected twice as many |" in card


def test_every_table_has_as_many_cells_as_heads(card: str) -> None:
    for table in card.split("\n\n"):
        if table.startswith("| "):
            assert len({line.count("|") for line in table.strip().splitlines()}) == 1
