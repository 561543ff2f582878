"""Retraining: what asks for a challenger, what speaks against one, and who may promote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest

from features.errors import NotReady
from handrail import journeys
from handrail.retraining import retrain
from serving.store import Health

LABEL = "withdrawal_28d"


@pytest.fixture
def home(made_home, tmp_path):
    home = made_home.copy(tmp_path / "home")
    (home.settings.home / "configs").mkdir(exist_ok=True)
    return home


def configure(home, name: str, text: str) -> None:
    (home.settings.home / "configs" / f"{name}.toml").write_text(text, "utf-8")


def look(home, *red: str, version: str = "") -> None:
    """Keeps a report in which some kinds are red."""
    served = json.loads((home.settings.home / "bundles" / "served.json").read_text("utf-8"))[LABEL]["bundle"]
    findings = [
        {
            "kind": kind,
            "name": "x",
            "figure": 9.0,
            "limit": "",
            "verdict": "red",
            "words": f"{kind} is off",
            "detail": {},
        }
        for kind in red
    ]
    verdict = "red" if red else "green"
    journeys.store(home.settings).put_health(Health(home.as_of, LABEL, version or served, verdict, findings))


def need_of(home, days: int = 1):
    report = retrain(home.settings, None, home.as_of + timedelta(days=days), 1, if_needed=True, quiet=True)
    assert report.result is None
    return report


def test_a_healthy_young_champion_is_left_alone(home):
    look(home)
    report = need_of(home)
    assert (report.need.why, report.need.is_given) == ([], False)
    assert report.words().startswith(f"retrain {LABEL}: not now\n  known    the champion ")
    assert f"data health of {home.as_of} is green" in report.words()
    assert report.as_dict()["trained"] is None


def test_without_a_report_it_says_how_to_get_one(home):
    assert "never looked at: handrail drift" in need_of(home).words()


@pytest.mark.parametrize("kind", ["features", "score", "calibration"])
def test_red_drift_asks_for_a_challenger_unless_nothing_new_could_be_learned(home, kind):
    look(home, kind)
    need = need_of(home).need
    assert need.why == [f"{kind}: {kind} is off"]
    assert "hardly anything is new" in need.why_not[0]


def test_the_report_on_another_model_says_nothing_of_this_one(home):
    look(home, "score", version="another")
    report = need_of(home)
    assert report.need.why == []
    assert "is red (of another model)" in report.words()


@pytest.mark.parametrize("kind", ["labels", "source", "volume"])
def test_nothing_is_learned_from_data_that_are_broken(home, kind):
    look(home, "score", kind)
    need = need_of(home).need
    assert need.why == ["score: score is off"]
    assert need.why_not[0].startswith(f"{kind}, as found on {home.as_of}: {kind} is off. Mend that first")


def test_what_asks_and_what_forbids_is_configured(home):
    configure(home, "drift", '[retrain]\non_red = ["score"]\nnot_on_red = []\n')
    look(home, "features", "labels")
    assert need_of(home).need.why == []


def test_an_old_champion_asks_for_a_challenger(home):
    look(home)
    assert need_of(home, days=119).need.why == []
    [why] = need_of(home, days=121).need.why
    assert "more than 120 days ago" in why


def test_a_new_definition_of_the_label_asks_for_one_although_nothing_is_new(home, monkeypatch):
    from dataclasses import replace

    from handrail import retraining

    look(home, "labels")
    anew = replace(journeys.served_label(home.school, None), version=2)
    monkeypatch.setattr(retraining.journeys, "served_label", lambda *_: anew)
    need = need_of(home).need
    assert need.why == [f"{LABEL} is defined anew: version 2, not 1"]
    assert [words.split(",")[0] for words in need.why_not] == ["labels"]


def test_a_model_whose_features_are_gone_asks_for_one_as_drift_promises(home, monkeypatch):
    from handrail import retraining

    look(home, "labels")
    served = json.loads((home.settings.home / "bundles" / "served.json").read_text("utf-8"))[LABEL]
    folder = home.settings.home / "bundles" / LABEL / str(served["version"])
    names = [one["name"] for one in json.loads((folder / "features.json").read_text("utf-8"))]
    without = {name: one for name, one in retraining.FEATURES.items() if name != names[0]}
    monkeypatch.setattr(retraining, "FEATURES", without)
    need = need_of(home).need
    assert need.why == [f"it needs features that are not made any more: {names[0]}"]
    assert [words.split(",")[0] for words in need.why_not] == ["labels"]


def test_a_short_history_is_refused_in_words(home):
    with pytest.raises(NotReady, match="history"):
        retrain(home.settings, None, home.as_of - timedelta(days=230), 1, if_needed=False, quiet=True)


@dataclass
class Gate:
    name: str
    passed: bool | None


def test_only_a_version_that_beat_the_champion_with_no_gate_red_needs_no_person():
    from types import SimpleNamespace

    from handrail.retraining import held

    def made(*gates: Gate):
        return SimpleNamespace(gates=gates)

    best, other = Gate("beats_champion", True), Gate("calibration", True)
    assert held(made(best, other)) == ""
    assert held(made(best, other, Gate("subgroups", None))) == ""
    assert held(made(best, Gate("calibration", False))) == "red: calibration"
    assert "so a person decides" in held(made(Gate("beats_champion", None), other))


def test_a_challenger_is_made_where_nothing_serves_and_then_waits(home):
    """Trained for real, on few trees; the champion of the registry stays what it was."""
    configure(home, "model", "[risk]\nrounds = 15\n[metrics]\ndraws = 20\n[gates]\nshuffles = 2\n")
    configure(home, "drift", "[retrain]\npromote = true\n")
    served = home.settings.home / "bundles" / "served.json"
    told = served.read_text("utf-8")
    served.unlink()
    until = home.as_of - timedelta(days=3)  # three days of news later it is not made again
    report = retrain(home.settings, None, until, 1, if_needed=True, quiet=True)
    assert report.need.why[0].startswith("no model serves")
    assert report.result.version == 2
    assert (report.promoted is None) == bool(report.held)
    assert ("not promoted: " in report.words()) == bool(report.held)
    served.write_text(told, "utf-8")
    look(home, "score")
    assert any("waits: handrail promote" in words for words in need_of(home).need.why_not)
