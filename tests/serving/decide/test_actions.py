from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import pytest

from features.catalogue import FEATURES
from features.config import DEFAULTS, read_toml
from features.contracts.tables import CHANNELS as CONTRACT_CHANNELS
from features.errors import BadConfig
from serving.decide import NO_ACTION, ROUTE_TO_HUMAN, Catalogue, Touch
from serving.decide.actions import CHANNELS
from serving.decide.config import LANGUAGES, Faults

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)


def _read(change=lambda actions: None) -> Catalogue:
    config = copy.deepcopy(read_toml(DEFAULTS / "actions.toml"))
    change(config["action"])
    with Faults() as faults:
        return Catalogue.from_config(config, FEATURES, faults)


def test_channels_are_those_of_the_contracts() -> None:
    assert CHANNELS == CONTRACT_CHANNELS


def test_the_default_catalogue() -> None:
    catalogue = _read()
    assert {id_ for id_, action in catalogue.items() if action.holdout_exempt} == {
        "pause_offer",
        "fix_payment",
        "renew_card",
        "supervisor_apology",
        "ticket_priority",
        ROUTE_TO_HUMAN,
    }
    assert {id_: action.explore for id_, action in catalogue.items() if action.explore} == {
        NO_ACTION: 0.40,
        "care_sms": 0.25,
        "advanced_materials": 0.25,
        "mentor_call": 0.10,
    }
    assert [str(need) for need in catalogue["advanced_materials"].requires] == [
        "homework_mean_score >= 60",
        "homework_overdue_now = 0",
    ]
    assert {action.purpose for id_, action in catalogue.items() if id_.startswith(("renewal", "next"))} == {"marketing"}
    assert catalogue[NO_ACTION].channel is catalogue[ROUTE_TO_HUMAN].channel is None
    assert catalogue["mentor_call"].performer == catalogue[ROUTE_TO_HUMAN].performer == "person"
    assert catalogue["mentor_call"].minutes > 0


def test_what_a_person_does_takes_time_and_what_is_automatic_takes_none() -> None:
    assert [id_ for id_, one in _read().items() if (one.minutes > 0) != (one.performer == "person")] == []


def test_every_default_action_speaks_all_languages() -> None:
    for action in _read().values():
        assert set(action.names) == set(LANGUAGES)
        assert len(set(action.names.values())) == len(LANGUAGES)
        assert (action.texts is None) == (action.id == NO_ACTION)
        if action.texts is not None:
            assert len(set(action.texts.values())) == len(LANGUAGES)


def test_every_default_action_is_used_by_a_rule_a_gate_or_the_lot() -> None:
    used = str(read_toml(DEFAULTS / "rules.toml")) + str(read_toml(DEFAULTS / "gates.toml"))
    assert [id_ for id_ in _read() if f"'{id_}'" not in used] == [NO_ACTION, ROUTE_TO_HUMAN]


def test_the_cheapest_comes_first_whatever_the_order_of_the_file() -> None:
    catalogue = _read()
    ids = list(catalogue)
    assert ids[0] == NO_ACTION
    assert [catalogue[id_].minutes for id_ in ids[1:]] == sorted(one.minutes for one in list(catalogue.values())[1:])
    assert ids.index("advanced_materials") < ids.index("care_sms") < ids.index("mentor_call")
    assert catalogue.order == {id_: place for place, id_ in enumerate(ids)}

    def turn(actions: dict) -> None:
        turned = dict(reversed(actions.items()))
        actions.clear()
        actions.update(turned)

    assert list(_read(turn)) == ids


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda actions: actions.pop("no_action"), "has no no_action"),
        (lambda actions: actions["no_action"].update(channel="sms"), "has no no_action"),
        (lambda actions: actions["no_action"].update(requires=["risk > 0.5"]), "has no no_action"),
        (lambda actions: actions["no_action"].update(unit_cost_minor=1), "has no no_action"),
        (lambda actions: actions.pop("route_to_human"), "has no route_to_human"),
        (lambda actions: actions["route_to_human"].update(channel="call"), "has no route_to_human"),
        (lambda actions: actions["route_to_human"].update(performer="automatic"), "has no route_to_human"),
        (lambda actions: actions["route_to_human"].update(holdout_exempt=False), "has no route_to_human"),
    ],
)
def test_doing_nothing_and_a_person_are_always_choices(change, says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        _read(change)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("channel", "pigeon"),
        ("performer", "robot"),
        ("purpose", "fun"),
        ("unit_cost_minor", -1),
        ("minutes", "5"),
        ("requires", ["homework_mean_scor >= 60"]),
        ("requires", "homework_mean_score >= 60"),
        ("again_after_days", 31),
        ("explore", -0.1),
        ("harm_minor", 0.5),
    ],
)
def test_a_value_that_cannot_be_used_names_the_action_and_the_key(key: str, value: object) -> None:
    with pytest.raises(BadConfig, match=f"actions.toml, action care_sms, {key}"):
        _read(lambda actions: actions["care_sms"].update({key: value}))


def test_a_lot_never_reaches_the_control_group() -> None:
    with pytest.raises(BadConfig, match=r"actions.toml, action advanced_materials, explore"):
        _read(lambda actions: actions["advanced_materials"].update(holdout_exempt=True))


def _touch(action: str | None, days_ago: float) -> Touch:
    return Touch(f"t{days_ago}", "email", NOON - timedelta(days=days_ago), action=action)


@pytest.mark.parametrize(
    ("touches", "waits_days"),
    [
        ([], None),
        ([_touch("praise", 1), _touch(None, 1)], None),
        ([_touch("advanced_materials", 14)], None),
        ([_touch("advanced_materials", 13.5)], 0.5),
        ([_touch("advanced_materials", 20), _touch("advanced_materials", 4)], 10),
        ([_touch("advanced_materials", -1)], 15),  # a clock set back
    ],
)
def test_an_action_waits_until_the_student_may_have_it_again(touches: list[Touch], waits_days: float | None) -> None:
    until = _read()["advanced_materials"].waits_until(touches, NOON)
    assert until == (None if waits_days is None else NOON + timedelta(days=waits_days))


def test_an_action_without_a_limit_of_its_own_never_waits() -> None:
    assert _read()["care_sms"].waits_until([_touch("care_sms", 0.1)], NOON) is None


def test_what_was_done_lately_or_lacks_its_precondition_is_not_proposed_again(policy, make_case, noon) -> None:
    from serving.decide import decide

    strong = {"video_skip_share_28d": 0.6, "homework_mean_score": 70, "homework_overdue_now": 0}
    made = decide(make_case(risk=0.2, band="low", values=strong), policy, noon)
    assert made.action == "advanced_materials"
    before = (Touch("t", "email", noon - timedelta(days=10), action="advanced_materials"),)
    again = decide(make_case(risk=0.2, band="low", values=strong, touches=before), policy, noon)
    said = {(no.gate, no.reason): no.until for no in again.blocked if no.action == "advanced_materials"}
    assert said["G3", "repeated"] == noon + timedelta(days=4)
    weak = decide(make_case(risk=0.2, band="low", values={**strong, "homework_mean_score": 59}), policy, noon)
    assert weak.action == "content_feedback"
    assert [(no.gate, dict(no.params)) for no in weak.blocked] == [("R", {"condition": "homework_mean_score >= 60"})]
