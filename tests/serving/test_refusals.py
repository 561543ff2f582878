"""Why an action may not be done: every no of the deciding code has words in every language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import decide
from serving.refusals import gate_text
from serving.wording import LANGUAGES, WORDS

NAMES = {"en": "a question is open", "ru": "вопрос не решён", "zh": "有待解决的问题"}


@pytest.mark.parametrize(
    ("blocked", "text"),
    [
        (
            {"gate": "G3", "reason": "frequency_cap", "params": {"channel": "any", "most": 1, "hours": 48.0}},
            "enough contacts: at most 1 in 48 hours",
        ),
        (
            {
                "gate": "G3",
                "reason": "frequency_cap",
                "params": {"channel": "sms", "most": 2, "hours": 168.0},
                "until": "2014-11-06T06:00:00+00:00",
            },
            "enough contacts: at most 2 in 7 days; possible again 6 November 2014, 09:00",
        ),
        (
            {"gate": "G1", "reason": "consent_withdrawn", "params": {"channel": "sms", "purpose": "service"}},
            "the student took back the consent to this (SMS)",
        ),
        ({"gate": "G2", "reason": "paused", "params": {}, "until": None}, "the student asked for a pause"),
        (
            {"gate": "G11", "reason": "stale_data", "params": {"tables": ["activity", "ratings"], "days": 3}},
            "the data it rests on is 3 days old: activity and ratings",
        ),
        (
            {"gate": "G9", "reason": "capacity", "params": {"resource": "minutes:anna"}},
            "others need it more today: the curator's time",
        ),
        (
            {"gate": "G9", "reason": "capacity", "params": {"resource": "sms", "since": "2014-11-03"}},
            "others need it more today: SMS; waiting since 3 November 2014",
        ),
        (
            {"gate": "G9", "reason": "capacity_exhausted", "params": {"resource": "budget"}},
            "nothing is left for today: the budget",
        ),
        (
            {
                "gate": "G10",
                "reason": "collision",
                "params": {"campaign": "service", "days": 8},
                "until": "2014-11-06T06:00:00+00:00",
            },
            "something else is under way with the student: an answer to a request or a complaint; "
            "possible again 6 November 2014, 09:00",
        ),
        (
            {"gate": "G10", "reason": "onboarding", "params": {"days": 7}},
            "the first 7 days of the course are for settling in",
        ),
        (
            {"gate": "R", "reason": "precondition", "params": {"condition": "homework_mean_score >= 60"}},
            "this needs: Mean homework score ≥ 60 points",
        ),
        (
            {"gate": "R", "reason": "precondition", "params": {"condition": "days_to_end in 5..7, 28..30"}},
            "this needs: Days to the end of the course: 5–7, 28–30",
        ),
        ({"gate": "R", "reason": "precondition", "params": {"condition": "band = high"}}, "this needs: band = high"),
        (
            {"gate": "G6", "reason": "dispute", "params": {"contact": "vera", "scope": "people", "names": NAMES}},
            "a question is open; ask vera",
        ),
        (
            {
                "gate": "G7",
                "reason": "a reason of the school's own",
                "params": {"contact": "head", "scope": "people", "names": NAMES},
                "until": "2014-11-06T06:00:00+00:00",
            },
            "a question is open; ask the head of curators; possible again 6 November 2014, 09:00",
        ),
        (
            {"gate": "G6", "reason": "no_student", "params": {"contact": "", "scope": "none", "names": NAMES}},
            "a question is open",
        ),
        ({"gate": "G99", "reason": "new_reason"}, "held back by gate G99"),
    ],
)
def test_a_gate_in_plain_words(blocked: dict[str, object], text: str) -> None:
    assert gate_text(blocked, "en", "Europe/Moscow") == text


def reasons() -> Iterator[str]:
    """The reasons that the deciding code gives, as they are written in it."""
    for path in Path(decide.__file__).parent.glob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            place = {"Blocked": 2, "Refusal": 0}.get(getattr(call.func, "id", ""))
            if place is not None and len(call.args) > place and isinstance(call.args[place], ast.Constant):
                yield str(call.args[place].value)


def test_every_reason_has_words() -> None:
    found = set(reasons())
    assert {"consent_withdrawn", "frequency_cap", "onboarding", "collision", "capacity", "open_step"} <= found
    lacking = {reason for reason in found if not WORDS.has(f"gate.{reason}", "en")}
    assert not lacking, "say in serving/texts what they mean for a person"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("reason", sorted(set(reasons()) | {"rule_share", "people_only"}))
def test_a_reason_is_said_without_names_of_the_code(reason: str, lang: str) -> None:
    every = {"channel": "sms", "most": 2, "hours": 48.0, "days": 3, "tables": ["activity"], "stage": "help"}
    about = ({"resource": "minutes:anna"}, {"campaign": "care"}, {"condition": "homework_overdue_now = 0"})
    for params in (every, *(every | one for one in about)):
        text = gate_text({"gate": "G0", "reason": reason, "params": params}, lang, "Europe/Moscow")
        assert text
        assert "_" not in text
        assert "G0" not in text
