from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from serving.decide import Effect, EnrolmentCase, PriceBook, decide, replay
from serving.decide.decision import Decision

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
BOOK = PriceBook(
    day=date(2025, 3, 10),
    label="withdrawal_28d",
    model_version="m1",
    policy_version="p1",
    level="L1",
    number=1,
    prices={"minutes:anna": 3000.0},
    caps={"sms": 10.0, "minutes:anna": 60.0},
    reserve={"sms": 1.0, "minutes:anna": 6.0},
    used={"sms": 3.0, "minutes:anna": 45.0},
    method="lp",
    muted=(),
    made_at=NOON,
)


def _book(**changes) -> PriceBook:
    return PriceBook.from_record({**BOOK.to_record(), "book_id": "", **changes})


@pytest.fixture
def measuring(make_policy):
    """A policy under which measured effects decide, nobody is held out and nothing is drawn."""
    policy = make_policy(lambda files: files["gates"]["holdout"].update(share=0.0))
    return type(policy).from_contents({**policy.contents, "level": "L1", "effects_version": "x"}, policy.features)


def _case(make_case, call: float, sms: float, **fields):
    effects = {"mentor_call": Effect(call, call - 0.01, call + 0.01), "care_sms": Effect(sms, sms - 0.01, sms + 0.01)}
    values = {"days_since_start": 40.0}
    one = EnrolmentCase("e1", "c1", 0.97, "high", values, "anna", 1_000_000, effects)
    return make_case(enrolments=(one,), **fields)


def test_a_book_is_named_by_what_it_says() -> None:
    assert PriceBook.from_record(json.loads(json.dumps(BOOK.to_record()))) == BOOK
    assert _book(made_at=(NOON + timedelta(hours=1)).isoformat()).book_id == BOOK.book_id
    assert _book(prices={"minutes:anna": 2000.5}).book_id != BOOK.book_id


def test_the_price_of_a_minute_decides_between_a_call_and_a_message(measuring, make_case) -> None:
    case = _case(make_case, call=0.09, sms=0.03)
    free, dear = decide(case, measuring, NOON, _book(prices={})), decide(case, measuring, NOON, BOOK)
    assert (free.action, free.uses["minutes:anna"]) == ("mentor_call", 15.0)
    assert (dear.action, dear.uses) == ("care_sms", {"budget": 500.0, "sms": 1.0})
    call = next(offer for offer in dear.offers if offer.action == "mentor_call")
    assert call.price == pytest.approx(15 * 3000.0)
    assert call.net == pytest.approx(call.value - call.price)
    noes = [(no.action, no.gate, no.reason, dict(no.params)) for no in dear.blocked]
    assert ("mentor_call", "G9", "capacity", {"resource": "minutes:anna"}) in noes


def test_what_costs_more_than_it_brings_is_not_done_and_says_so(measuring, make_case) -> None:
    decision = decide(_case(make_case, call=0.001, sms=-0.02), measuring, NOON, BOOK)
    assert decision.action == "no_action"
    assert {(no.action, no.reason) for no in decision.blocked} == {("mentor_call", "worth"), ("care_sms", "worth")}


def test_capacity_that_is_used_up_gives_way_to_the_next_best(measuring, make_case) -> None:
    decision = decide(_case(make_case, 0.09, 0.03, exhausted=("minutes:anna",)), measuring, NOON, _book(prices={}))
    assert decision.action == "care_sms"
    assert "mentor_call" not in decision.eligible
    assert ("mentor_call", "G9", "capacity_exhausted") in [(no.action, no.gate, no.reason) for no in decision.blocked]


def test_a_decision_is_made_again_only_with_its_own_book(measuring, make_case) -> None:
    decision = decide(_case(make_case, call=0.09, sms=0.03), measuring, NOON, BOOK)
    record = json.loads(json.dumps(decision.to_record()))
    assert replay(record, measuring, BOOK) == decision == Decision.from_record(record)
    with pytest.raises(Exception, match="price book"):
        replay(record, measuring, _book(prices={}))


def test_a_duty_is_done_whatever_a_minute_costs(measuring, make_case) -> None:
    one = EnrolmentCase(
        "e1", "c1", 0.9, "high", {"ratings_below_3_in_a_row": 3.0, "days_since_start": 40.0}, "anna", 10**6
    )
    decision = decide(make_case(enrolments=(one,)), measuring, NOON, _book(prices={"minutes:anna": 1e9}))
    assert (decision.action, decision.rule) == ("supervisor_call", "R3")


def test_a_muted_rule_is_told_and_proposes_nothing(measuring, make_case) -> None:
    case = make_case(values={"days_without_login": 9.0, "days_since_start": 40.0})
    decision = decide(case, measuring, NOON, _book(prices={}, muted=["R1"]))
    assert "R1" in [one.rule for one in decision.fired]
    assert decision.rule != "R1"
