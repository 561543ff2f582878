from __future__ import annotations

import copy

import pytest

from features.config import DEFAULTS, read_toml
from features.contracts.tables import CHANNELS as CONTRACT_CHANNELS
from features.errors import BadConfig
from serving.decide import Catalogue
from serving.decide.actions import CHANNELS
from serving.decide.config import LANGUAGES, Faults


def _read(change=lambda actions: None) -> Catalogue:
    config = copy.deepcopy(read_toml(DEFAULTS / "actions.toml"))
    change(config["action"])
    with Faults() as faults:
        return Catalogue.from_config(config, faults)


def test_channels_are_those_of_the_contracts() -> None:
    assert CHANNELS == CONTRACT_CHANNELS


def test_the_default_catalogue() -> None:
    catalogue = _read()
    assert set(catalogue) == {
        "no_action",
        "care_sms",
        "mentor_call",
        "advanced_materials",
        "supervisor_call",
        "pause_offer",
    }
    assert [id_ for id_, action in catalogue.items() if action.holdout_exempt] == ["pause_offer"]
    assert catalogue["no_action"].channel is None
    assert catalogue["mentor_call"].performer == "person"
    assert catalogue["mentor_call"].minutes > 0


def test_every_default_action_speaks_all_languages() -> None:
    for action in _read().values():
        assert set(action.names) == set(LANGUAGES)
        assert len(set(action.names.values())) == len(LANGUAGES)
        if action.texts is not None:
            assert len(set(action.texts.values())) == len(LANGUAGES)


@pytest.mark.parametrize(
    "change",
    [
        lambda actions: actions.pop("no_action"),
        lambda actions: actions["no_action"].update(channel="sms"),
    ],
)
def test_doing_nothing_is_always_a_choice(change) -> None:
    with pytest.raises(BadConfig, match="no_action"):
        _read(change)


@pytest.mark.parametrize(
    ("key", "value"),
    [("channel", "pigeon"), ("performer", "robot"), ("purpose", "fun"), ("unit_cost_minor", -1), ("minutes", "5")],
)
def test_a_value_that_cannot_be_used_names_the_action_and_the_key(key: str, value: object) -> None:
    with pytest.raises(BadConfig, match=f"actions.toml, action care_sms, {key}"):
        _read(lambda actions: actions["care_sms"].update({key: value}))
