import numpy as np
import pandas as pd
import pytest

from features.importers.cells import ids, moments, numbers
from features.importers.numbering import Numbering


def texts(*values: str) -> pd.Series:
    return pd.Series(values, dtype="str")


def read(text: str, *formats: str, zone: str = "") -> str:
    found, naive = moments(texts(text), formats, zone)
    if naive.any():
        return "no zone"
    return "none" if found.isna().any() else found[0].strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "formats", "zone", "moment"),
    [
        ("2026-03-01T09:30:00Z", (), "", "2026-03-01 09:30:00"),
        ("2026-03-01T09:30:00+03:00", (), "Europe/Moscow", "2026-03-01 06:30:00"),
        ("2026-03-01T09:30:00+0300", (), "", "2026-03-01 06:30:00"),
        ("2026-03-01 09:30", (), "Europe/Moscow", "2026-03-01 06:30:00"),
        ("2026-03-01", (), "Europe/Moscow", "2026-02-28 21:00:00"),
        ("2026-03-01", (), "", "no zone"),
        ("01.03.2026", (), "Europe/Moscow", "none"),
        ("", (), "Europe/Moscow", "none"),
        ("01.03.2026 09:30", ("%d.%m.%Y %H:%M",), "Europe/Moscow", "2026-03-01 06:30:00"),
        ("01.03.2026", ("%d.%m.%Y %H:%M", "%d.%m.%Y"), "Europe/Moscow", "2026-02-28 21:00:00"),
        ("01.03.2026", ("%d.%m.%Y",), "", "no zone"),
        ("01.03.2026 09:30 +0500", ("%d.%m.%Y %H:%M %z",), "", "2026-03-01 04:30:00"),
        ("2026-03-01", ("%d.%m.%Y",), "Europe/Moscow", "none"),
        ("31.02.2026", ("%d.%m.%Y",), "Europe/Moscow", "none"),
        ("2025-10-26 02:30", (), "Europe/Berlin", "2025-10-26 00:30:00"),  # twice that night: the first
        ("2025-03-30 02:30", (), "Europe/Berlin", "2025-03-30 01:00:00"),  # never that night: the moment after
    ],
)
def test_moments(text: str, formats: tuple[str, ...], zone: str, moment: str) -> None:
    assert read(text, *formats, zone=zone) == moment


def test_moments_keep_their_rows() -> None:
    text = texts("x", "2026-03-01T00:00:00Z", "", "2026-03-02")
    text.index = pd.Index([9, 5, 7, 1])
    found, naive = moments(text)
    assert found.notna().to_dict() == {9: False, 5: True, 7: False, 1: False}
    assert naive.to_dict() == {9: False, 5: False, 7: False, 1: True}
    assert str(found.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("text", "decimal", "factor", "number"),
    [
        ("1 990,50", ",", None, "1990.50"),
        ("1\u00a0990,50", ",", 100, "199050.0"),
        ("1990.5", ".", None, "1990.5"),
        ("0,07", ",", 100, "7.0"),
        ("five", ",", 100, "five"),
        ("1,2,3", ",", None, "1,2,3"),
        ("12 34", ".", None, "12 34"),
        ("", ",", 100, ""),
    ],
)
def test_numbers(text: str, decimal: str, factor: float | None, number: str) -> None:
    assert numbers(texts(text), decimal, factor)[0] == number


def test_ids_of_equal_rows_differ_and_stay() -> None:
    cells = pd.DataFrame({"a": ["x", "x", "y"], "b": ["1", "1", "1"]}, dtype="str")
    first = ids(cells, ["activity"], Numbering())
    assert first.is_unique
    assert first[0][:-1] == first[1][:-1]
    numbering = Numbering()
    chunked = pd.concat([ids(cells.iloc[[i]], ["activity"], numbering) for i in range(3)])
    assert chunked.tolist() == first.tolist()
    other_order = ids(cells.iloc[[2, 0, 1]], ["activity"], Numbering())
    assert set(other_order) == set(first)
    assert not set(ids(cells, ["tickets"], Numbering())) & set(first)


def test_ids_tell_cells_apart() -> None:
    one = pd.DataFrame({"a": ["ab"], "b": ["c"]}, dtype="str")
    two = pd.DataFrame({"a": ["a"], "b": ["bc"]}, dtype="str")
    assert ids(one, [], Numbering())[0] != ids(two, [], Numbering())[0]
    assert len(ids(one.iloc[:0], [], Numbering())) == 0
    assert np.all(ids(one, [], Numbering()).str.fullmatch(r"[0-9a-f]{32}:0"))
