from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.clock import day_number
from features.lake import Lake

ZONE = "Europe/Moscow"
ROOT = Path(__file__).resolve().parents[2]
FIRST_DAY = day_number(date(2026, 1, 10))


@dataclass
class Tables:
    """Contract tables in the making; `frames` takes them through a lake."""

    folder: Path
    decisions: list[dict] = field(default_factory=list)
    outcomes: list[dict] = field(default_factory=list)
    enrolments: list[dict] = field(default_factory=list)

    def student(self, name: str, arm: str, *, left_after: int | None = None, day: int = 0, kind: str = "withdrawal"):
        """One student with one enrolment, decided on ``day`` and gone so many days later."""
        if name not in {row["student_id"] for row in self.enrolments[-3:]}:
            self.enrolled(name, f"{name}-e")
        self.decided(name, arm, day=day)
        if left_after is not None:
            self.left(f"{name}-e", day=day + left_after, kind=kind)

    def enrolled(self, student: str, enrolment: str):
        self.enrolments.append(
            {"enrolment_id": enrolment, "student_id": student, "course_id": "c", **_at(-20), "known_at": _moment(-20)}
        )

    def decided(self, student: str, arm: str, *, day: int = 0, enrolment: str | None = "own", experiment: str = "care"):
        number = len(self.decisions)
        self.decisions.append(
            {
                "decision_id": f"d{number:06d}",
                "student_id": student,
                "enrolment_id": f"{student}-e" if enrolment == "own" else enrolment,
                "experiment": experiment,
                "arm": arm,
                "action": "care_sms" if arm == "treatment" else "no_action",
                "propensity": 0.9 if arm == "treatment" else 0.1,
                **_at(day),
                "known_at": _moment(day),
            }
        )

    def left(self, enrolment: str, *, day: int, kind: str = "withdrawal", known_day: int | None = None):
        number = len(self.outcomes)
        self.outcomes.append(
            {
                "event_id": f"o{number:06d}",
                "enrolment_id": enrolment,
                "kind": kind,
                **_at(day),
                "known_at": _moment(day if known_day is None else known_day, 20),
            }
        )

    def arms(self, control: tuple[int, int], treatment: tuple[int, int]):
        """So many retained and lost students in each arm."""
        for arm, (retained, lost) in (("control", control), ("treatment", treatment)):
            for number in range(retained + lost):
                self.student(f"{arm[0]}{number}", arm, left_after=None if number < retained else 5)
        return self

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        self.folder = self.folder / "next"
        lake = Lake(self.folder / "lake", ZONE)
        names = ("decisions", "outcomes", "enrolments")
        with lake.adding("drawn", "0" * 64) as batch:
            for name in names:
                if rows := getattr(self, name):
                    batch.write(name, pd.DataFrame(rows))
        assert not batch.report.reasons
        return tuple(lake.read(name) for name in names)


def _moment(day: int, hour: int = 9) -> str:
    return f"{np.datetime64(FIRST_DAY + day, 'D')}T{hour:02d}:00:00+03:00"


def _at(day: int) -> dict:
    return {"occurred_at": _moment(day)}


@pytest.fixture
def tables(tmp_path) -> Tables:
    return Tables(tmp_path)


@pytest.fixture
def first_day() -> int:
    """The day number of day 0 of `tables`."""
    return FIRST_DAY


@pytest.fixture
def settings() -> dict:
    """The product's own, with one more experiment."""
    settings = tomllib.loads((ROOT / "configs" / "experiments.toml").read_text("utf-8"))
    settings["experiment"]["care"] = {
        "text": "A care SMS",
        "success": "More stay",
        "control_share": 0.1,
        "horizon_days": 28,
        "useful_effect": 0.05,
    }
    return settings
