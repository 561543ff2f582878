from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.build import _TRACES
from features.catalogue import FOLDED
from features.contracts import TABLES
from features.grid import Grid
from features.panes.queries import CHANGED_BY, COUNTED, PANES, READ, STEPS, VERSIONED, reads, schema, sql, steps
from features.panes.relations import KEYS
from features.panes.school import build


@pytest.fixture(scope="module")
def measures() -> dict[str, str]:
    """Every measure, and the pane that has it."""
    import pandas as pd

    from features.contracts.check import empty
    from features.lake import with_days

    sources = {name: with_days(empty(name), "UTC") for name in (*READ, "identities")}
    sources["tickets"] = sources["tickets"].assign(
        work=pd.Series(dtype="int64"),
        **{name: pd.Series(dtype="datetime64[us, UTC]") for name in ("respond_by", "resolve_by")},
    )
    sources["tickets"] = with_days(sources["tickets"], "UTC")
    sources |= {name: sources[name].assign(until_day=pd.Series(dtype="Int32")) for name in VERSIONED}
    built = build(sources, pd.Index(["e"]), "UTC")
    assert all(len(pane.at) == 0 for pane in built.panes.values())
    pairs = [(measure, name) for name, pane in built.panes.items() for measure in pane.measures]
    assert len(dict(pairs)) == len(pairs)  # a grid knows them by their own names only
    return dict(pairs)


class Asked(Grid):
    """A grid that writes down what it is asked for."""

    def __init__(self) -> None:
        super().__init__({}, 1, [100])
        self.measures: set[str] = set()

    def _at(self, measure: str) -> Any:
        self.measures.add(measure)
        return super()._at(measure)

    def flags(self, measure: str, days: int) -> np.ndarray:
        self.measures.add(measure)
        return super().flags(measure, days)

    def ahead(self, measure: str) -> np.ndarray:
        self.measures.add(measure)
        return super().ahead(measure)

    def ever(self, measure: str) -> np.ndarray:
        self.measures.add(measure)
        return super().ever(measure)


class AnyFact(dict):
    def __missing__(self, name: str) -> np.ndarray:
        return np.array([50.0])


def test_every_measure_that_a_fold_reads_is_in_a_pane(measures):
    grid = Asked().seek(100, AnyFact())
    with np.errstate(divide="ignore", invalid="ignore"):
        for feature in FOLDED:
            feature.fold(grid)
    assert grid.measures | set(_TRACES) <= set(measures)


def test_every_pane_reads_tables_of_the_contracts():
    for name in PANES:
        assert set(reads(name)) <= set(READ) <= set(TABLES)
    assert {table for name in PANES for table in reads(name)} == set(READ)


def test_a_step_comes_after_those_that_it_is_made_of():
    order = list(STEPS)
    for name, (_, read) in STEPS.items():
        assert all(order.index(other) < order.index(name) for other in read if other in STEPS)
    assert steps(PANES) == order
    assert steps(["activity"]) == []
    assert steps(["due"]) == ["owed"]


@pytest.mark.parametrize("name", [*STEPS, *PANES])
def test_a_query_says_the_same_each_time(name):
    sql.cache_clear()
    first = sql(name)
    sql.cache_clear()
    assert sql(name) == first


def test_what_can_change_a_pane_is_a_value_that_its_table_may_have():
    for name, columns in CHANGED_BY.items():
        for column, values in columns.items():
            assert set(values) <= set(TABLES[reads(name)[0]].columns[column].choices)


def test_versions_are_kept_of_what_the_contracts_call_versioned():
    assert {name for name in READ if TABLES[name].versioned} == set(VERSIONED)
    assert all("until_day" in schema(name) for name in VERSIONED)
    assert {COUNTED[name].table for name in COUNTED}.isdisjoint(VERSIONED)  # a version replaces; a sum only grows


def test_a_pane_names_its_rows_by_enrolment_day_and_day_of_knowing():
    assert KEYS == ("enrolment_id", "day", "known_day")
    assert all(all(key in sql(name) for key in KEYS) for name in PANES)
