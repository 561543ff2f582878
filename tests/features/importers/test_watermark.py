from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import clock
from features.errors import BadInput
from features.importers.watermark import Watermark, highest

MARCH = datetime(2026, 3, 1, 12)


@pytest.mark.parametrize(
    ("values", "kind", "value", "start"),
    [
        ([MARCH, None, MARCH - timedelta(days=3)], "local", MARCH, MARCH - timedelta(days=1)),
        ([MARCH.replace(tzinfo=UTC)], "moment", MARCH.replace(tzinfo=UTC), datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ([date(2026, 3, 1)], "day", date(2026, 3, 1), date(2026, 2, 28)),
        (["2026-03-01 12:00:00", "2026-02-01T00:00"], "text", "2026-03-01 12:00:00", "2026-02-28"),
        ([7, 5000, None], "number", 5000, 4990),
    ],
)
def test_the_highest_value_and_from_where_on_to_ask(values, kind, value, start):
    mark = highest(values, "c", None)
    assert (mark.kind, mark.value) == (kind, value)
    assert mark.asked_from(days=1, numbers=10) == start
    assert Watermark.of(mark.as_mark()) == mark


def test_nothing_new_moves_nothing():
    mark = Watermark("number", 9)
    assert highest([], "c", mark) is mark
    assert highest([None, 3], "c", mark) is mark
    assert highest([], "c", None) is None


@pytest.mark.parametrize(
    "values", [["01.02.2026"], ["x"], [1, "2026-01-01"], [True], [object()], [MARCH, MARCH.date()]]
)
def test_what_has_no_order_is_refused(values):
    with pytest.raises(BadInput, match=r"cannot tell what is new by c: it holds .*Name a column of moments"):
        highest(values, "c", None)
    with pytest.raises(BadInput):
        highest([7], "c", Watermark("text", "2026-03-01"))


@pytest.mark.parametrize(
    "future",
    [
        datetime(2999, 1, 1),
        datetime(2999, 1, 1, tzinfo=timezone(timedelta(hours=3))),
        date(2999, 1, 1),
        "2999-01-01 00:00:00",
    ],
)
def test_the_future_moves_it_no_further_than_to_now(future):
    mark = highest([future], "c", None)
    tomorrow = clock.now().date() + timedelta(days=1)
    assert str(mark.asked_from(days=1, numbers=0))[:10] <= tomorrow.isoformat()
    assert Watermark.of(mark.as_mark()) == mark


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), min_size=1, max_size=40), st.integers(1, 5))
def test_no_row_that_appears_in_time_is_ever_missed(rows, imports):
    """Rows carry the number they were given and appear up to 9 later; every import takes all that has appeared."""
    newest = max(number + late for number, late in rows)
    mark, taken = None, set()
    for turn in range(1, imports + 1):
        now = newest * turn // imports
        start = mark.asked_from(days=0, numbers=9) if mark else -1
        found = [at for at, (number, late) in enumerate(rows) if number + late <= now and number >= start]
        taken |= set(found)
        mark = highest([rows[at][0] for at in found], "c", mark)
        assert taken == {at for at, (number, late) in enumerate(rows) if number + late <= now}
