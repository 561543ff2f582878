from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.assign import in_holdout, unit_interval

STUDENTS = [f"s{number:05d}" for number in range(20_000)]


@pytest.mark.parametrize(
    ("salt", "unit", "drawn"),
    [
        ("handrail", "s00001", 0.9843265655765472),
        ("handrail", "s00002", 0.14652839737321233),
        ("term-2", "s00001", 0.017966661926251293),
        ("соль", "学生", 0.3528488144236439),
    ],
)
def test_a_draw_never_changes(salt, unit, drawn):
    assert unit_interval(salt, unit) == drawn


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_draw_lies_between_0_and_1(salt, unit):
    assert 0 <= unit_interval(salt, unit) < 1


def test_draws_are_even():
    draws = np.array([unit_interval("handrail", student) for student in STUDENTS])
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    expected = len(STUDENTS) / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # chi-squared, 19 degrees of freedom, p = 0.001


def test_another_salt_knows_nothing_of_the_first():
    one = np.array([in_holdout(student, "autumn", 0.1) for student in STUDENTS])
    other = np.array([in_holdout(student, "spring", 0.1) for student in STUDENTS])
    assert one.mean() == pytest.approx(0.1, abs=0.01)
    assert (one & other).mean() == pytest.approx(0.01, abs=0.003)


def test_a_larger_share_keeps_those_who_were_held_out():
    small = {student for student in STUDENTS[:2000] if in_holdout(student, "autumn", 0.05)}
    large = {student for student in STUDENTS[:2000] if in_holdout(student, "autumn", 0.2)}
    assert small < large


def test_the_ends_of_the_share():
    assert not any(in_holdout(student, "autumn", 0.0) for student in STUDENTS[:1000])
    assert all(in_holdout(student, "autumn", 1.0) for student in STUDENTS[:1000])
