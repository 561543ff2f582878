"""The guide to the doors of office systems is true: its exports are written and imported, its settings exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from features.config import School
from features.importers import bitrix24, getcourse, usedesk, zendesk

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "doors-office.md"


def test_the_exports_of_the_guide_become_what_it_says(
    school: School, tmp_path: Path, rows: Callable[[str], pd.DataFrame]
) -> None:
    keyed = School(school.home, "k" * 32)
    for name, text in re.findall(r"^```\w+ title=(\S+)\n(.*?)^```", GUIDE.read_text("utf-8"), flags=re.S | re.M):
        file = (school.home if name.startswith("configs") else tmp_path) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    report = getcourse.load(keyed, tmp_path / "getcourse")
    made = {"students": 2, "identities": 2, "courses": 1, "enrolments": 2, "outcomes": 1, "payments": 3}
    assert {table: count for table, count in report.kept.items() if count} == made
    assert report.faults == []
    assert set(rows("enrolments")["enrolment_id"]) == {"en-a1:getcourse:7", "en-a1:getcourse:8"}
    assert rows("outcomes")[["enrolment_id", "kind"]].values.tolist() == [["en-a1:getcourse:8", "refund"]]
    assert sorted(rows("payments")["kind"]) == ["paid", "paid", "refunded"]
    assert sum(report.ignored.values()) == 1, "the guide that is no course"


def test_the_guide_names_each_door_and_its_settings_exist() -> None:
    text = GUIDE.read_text("utf-8")
    doors = (getcourse, bitrix24, zendesk, usedesk)
    for door in doors:
        name = door.__name__.rsplit(".", 1)[-1]
        assert f"handrail --home school import {name} {name}/" in text
    settings = School(Path("nowhere")).config("importers")
    for section in re.findall(r"\[((?:getcourse|bitrix24|zendesk|usedesk)(?:\.\w+)?)\]", text):
        door, _, table = section.partition(".")
        assert not table or table in settings[door], section
