"""The guide for those who change rules is followed to the letter."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from features.catalogue import FEATURES
from features.config import DEFAULTS, School
from features.errors import BadConfig
from serving.decide import FILES, Policy, decide
from serving.decide.cascade import REASONS as CASCADE_REASONS
from serving.policies import policy_of

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "rules.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n# (\w+)\.toml\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_every_toml_example_names_its_file() -> None:
    assert len(EXAMPLES) == GUIDE.count("```toml") >= 5


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_can_be_laid_over_the_defaults(tmp_path: Path, name: str, example: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / f"{name}.toml").write_text(example, "utf-8")
    school, plain = School(tmp_path), School(tmp_path / "none")
    files = {file: school.config(file) for file in FILES}
    assert Policy.from_config(files, FEATURES).version
    assert tomllib.loads(example), name
    kept = plain.config(name)
    assert set(kept) <= set(files[name])


def test_the_default_rules_actions_and_caps_are_all_told() -> None:
    school = School(DEFAULTS)
    told = [f"| {id_} |" for id_ in school.config("rules")["rule"]]
    told += [f"`frequency_cap.{name}`" for name in school.config("gates")["frequency_cap"]]
    assert [text for text in told if text not in GUIDE] == []


def test_every_reason_of_a_no_is_told() -> None:
    rooms = (Path(__file__).resolve().parents[3] / "serving" / "decide").glob("*.py")
    found = {room.stem: re.findall(r'Blocked\([\w.]+, "\w+", "(\w+)"', room.read_text("utf-8")) for room in rooms}
    assert {stem for stem, reasons in found.items() if reasons} == {"gates", "menu", "policy"}
    reasons = {reason for said in found.values() for reason in said} | set(CASCADE_REASONS)
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in GUIDE] == []


def test_every_key_of_a_rule_and_of_an_action_is_told() -> None:
    with pytest.raises(BadConfig) as caught:
        policy_of_examples("[rule.R1]\nx = 1\n", "[action.care_sms]\nx = 1\n")
    keys = {key for known in re.findall(r"Known here: ([\w, ]+)", str(caught.value)) for key in known.split(", ")}
    assert {"when", "most_share", "again_after_days"} <= keys
    assert [key for key in sorted(keys) if f"`{key}`" not in GUIDE] == []


def policy_of_examples(rules: str, actions: str) -> Policy:
    school = School(Path("none"))
    files = {file: school.config(file) for file in FILES}
    for name, text in (("rules", rules), ("actions", actions)):
        for kind, tables in tomllib.loads(text).items():
            for id_, values in tables.items():
                files[name][kind][id_].update(values)
    return Policy.from_config(files, FEATURES)


def test_the_message_that_the_guide_shows_is_the_one_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "rules.toml").write_text('# ours\n[rule.R1]\nwhen = ["days_without_logn >= 5"]\n', "utf-8")
    (tmp_path / "configs" / "gates.toml").write_text("\n" * 10 + '[quiet_hours]\nstarts = "9pm"\n', "utf-8")
    with pytest.raises(BadConfig) as caught:
        policy_of(School(tmp_path))
    assert str(caught.value).replace(f"{tmp_path}/", "school/") in GUIDE


def test_a_student_who_shall_be_left_alone_is_and_an_answer_to_a_request_still_comes(
    make_policy, make_case, noon
) -> None:
    example = next(text for _, text in EXAMPLES if "ALMOST_DONE" in text)
    rule = tomllib.loads(example)["rule"]["ALMOST_DONE"]

    def change(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0
        files["rules"]["rule"]["ALMOST_DONE"] = rule

    values = {"progress_share": 0.96, "days_without_login": 9}
    alone, asked = (make_case(risk=0.3, band="low", values=values | more) for more in ({}, {"cancel_requested_30d": 1}))
    policy = make_policy(change)
    assert (decide(alone, policy, noon).action, decide(alone, policy, noon).rule) == ("no_action", "ALMOST_DONE")
    assert decide(asked, policy, noon).action == "pause_offer"
