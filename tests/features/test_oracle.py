"""Every feature of small random schools is what the oracle recounts from the raw rows, at several cut-offs at once."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.build import snapshot
from features.catalogue import COMPARED, FEATURES
from features.clock import day_number
from tests.features import oracle
from tests.features.random_schools import CUTS, FIRST, PARTS, SETTINGS, ZONE, Made, busy_parts
from tests.features.small_school import written
from tests.thorough import examples

ROOM = [HealthCheck.too_slow, HealthCheck.data_too_large]


def differences(made: Made, cuts: list[date], table: pd.DataFrame, settings_: dict[str, Any]) -> list[str]:
    """Where the table and the oracle disagree, in words; rows that only one of them has too."""
    told = {(row["enrolment_id"], row["day"]): row for row in table.to_dict("records")}
    found = []
    for cut in cuts:
        for name, counted in oracle.snapshot(made.rows, cut, settings_).items():
            assert set(counted) == {"enough_data", *FEATURES}
            row = told.pop((name, day_number(cut)), None)
            if row is None:
                found.append(f"{name} at {cut} is not in the table")
                continue
            found += [
                f"{name} at {cut}: {feature} is {row[feature]}, counted {value}"
                for feature, value in counted.items()
                if row[feature] != pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True)
            ]
    return found + [f"{name} at day {day} is in the table" for name, day in told]


def check(made: Made, days: list[int], own: str = "") -> None:
    """The table of all students, and the table of one, against the oracle; ``own`` is what the school has settled."""
    cuts = [FIRST + timedelta(days=day) for day in days]
    with tempfile.TemporaryDirectory() as folder:
        school = written(Path(folder) / "home", made.rows, made.zone)
        with (school.home / "configs" / "school.toml").open("a", encoding="utf-8") as file:
            file.write(own)
        table = snapshot(school, cuts)
        student = made.rows["enrolments"][0]["student_id"]
        alone = snapshot(school, cuts, students=[student])
        found = differences(made, cuts, table, school.config("school"))
    assert not found, "\n".join(found)
    pd.testing.assert_frame_equal(alone, table[table["student_id"] == student].reset_index(drop=True))


@settings(max_examples=examples(12), deadline=None, suppress_health_check=ROOM)
@given(ZONE, SETTINGS, PARTS, CUTS)
def test_every_feature_is_what_a_person_would_count(zone, own, parts, days):
    check(Made(zone, parts), days, own)


@settings(max_examples=examples(5), deadline=None, suppress_health_check=ROOM)
@given(ZONE, SETTINGS, st.integers(0, 10**6), CUTS)
def test_it_is_so_where_much_happens_and_mates_are_compared(zone, own, seed, days):
    check(Made(zone, busy_parts(seed)), days, own)


def test_the_oracle_ranks_what_the_catalogue_ranks():
    assert tuple(oracle.COMPARED) == COMPARED


@pytest.mark.parametrize(
    ("own", "mates", "rank"),
    [
        (3, [1, 2, 3, 4, 5], 0.5),
        (1, [1, 2, 3, 4, 5], 0.1),
        (2, [1, 2, 2, 2, 5], 0.5),
        (2, [1, 2, oracle.UNKNOWN, 4, 5], None),
        (oracle.UNKNOWN, [1, 2, 3, 4, 5, oracle.UNKNOWN], None),
    ],
)
def test_a_rank_of_the_oracle(own, mates, rank):
    found = oracle._rank(own, mates)
    assert isnan(found) if rank is None else found == pytest.approx(rank)
