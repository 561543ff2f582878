"""The guide for those who change rules is followed to the letter."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from features.catalogue import FEATURES
from features.config import DEFAULTS, School
from serving.decide import Policy

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "rules.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n# (\w+)\.toml\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_every_toml_example_names_its_file() -> None:
    assert len(EXAMPLES) == GUIDE.count("```toml") >= 5


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_can_be_laid_over_the_defaults(tmp_path: Path, name: str, example: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / f"{name}.toml").write_text(example, "utf-8")
    school, plain = School(tmp_path), School(tmp_path / "none")
    files = {file: school.config(file) for file in ("actions", "rules", "gates")}
    assert Policy.from_config(files["actions"], files["rules"], files["gates"], FEATURES).version
    assert tomllib.loads(example), name
    kept = plain.config(name)
    assert set(kept) <= set(files[name])


def test_the_default_rules_actions_and_caps_are_all_told() -> None:
    school = School(DEFAULTS)
    told = [f"| {id_} |" for id_ in school.config("rules")["rule"]]
    told += [f"`frequency_cap.{name}`" for name in school.config("gates")["frequency_cap"]]
    assert [text for text in told if text not in GUIDE] == []


def test_every_reason_of_a_gate_is_told() -> None:
    code = (Path(__file__).resolve().parents[3] / "serving" / "decide" / "gates.py").read_text("utf-8")
    reasons = set(re.findall(r'Blocked\(action\.id, "G\d+", "(\w+)"', code))
    assert len(reasons) == 8
    assert [reason for reason in reasons if f"`{reason}`" not in GUIDE] == []
