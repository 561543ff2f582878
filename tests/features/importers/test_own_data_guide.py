"""The guide for a school's own data is true: its files are written, its mapping is imported."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from features.config import School
from features.importers import csv
from features.importers.mapping import KEYS

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "own-data.md"


def test_the_files_of_the_guide_become_a_school(
    school: School, tmp_path: Path, rows: Callable[[str], pd.DataFrame]
) -> None:
    for name, text in re.findall(r"^```\w+ title=(\S+)\n(.*?)^```", GUIDE.read_text("utf-8"), flags=re.S | re.M):
        (tmp_path / name).write_text(text, "utf-8")
    report = csv.load(school, tmp_path / "mapping.toml")
    assert report.kept == {"students": 2, "enrolments": 2, "outcomes": 1, "activity": 4, "tickets": 4}
    assert not any(report.set_aside.values())
    assert set(rows("enrolments")["enrolment_id"]) == {"math-5:1017", "math-5:1018"}
    assert set(rows("activity")["enrolment_id"]) == set(rows("enrolments")["enrolment_id"])
    assert set(rows("enrolments")["price_minor"]) == {199050}
    assert rows("outcomes")["enrolment_id"].tolist() == ["math-5:1018"]
    assert sorted(rows("tickets")["event"]) == ["opened", "opened", "resolved", "responded"]


def test_the_guide_names_every_key_of_a_block() -> None:
    keys = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", GUIDE.read_text("utf-8"), flags=re.M)))
    assert sorted(keys) == sorted(KEYS)
