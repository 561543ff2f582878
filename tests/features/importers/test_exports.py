from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadConfig, BadInput
from features.importers.exports import columns, documents, files, records, same, sheet, taken_at


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deals-2025-10-01.csv", "2025-10-01T20:59:59Z"),  # the last second of Moscow's day
        ("deals_2025-10-01T18-30.json", "2025-10-01T15:30:00Z"),
        ("2025-10-01_0915 deals.csv", "2025-10-01T06:15:00Z"),
        ("deals.csv", None),
        ("deals-20251001.csv", None),
        ("deals-12025-10-01.csv", None),
    ],
)
def test_the_name_says_when_an_export_was_taken(name: str, expected: str | None) -> None:
    assert taken_at(Path(name), "Europe/Moscow") == (expected and pd.Timestamp(expected))


@pytest.mark.parametrize("name", ["deals-2025-02-30.csv", "deals-2025-10-01T25-00.csv"])
def test_a_day_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="its name has no sound date"):
        taken_at(Path(name), "Europe/Moscow")


def test_files_come_by_their_date_and_then_by_their_name(tmp_path: Path) -> None:
    for name in ("z-2025-01-02.json", "a-2025-03-01.csv", "b.jsonl", "c-2025-01-02.csv.gz", "notes.txt", ".hidden"):
        (tmp_path / name).write_text("x", "utf-8")
    names = [file.name for file in files(tmp_path)]
    assert names == ["b.jsonl", "c-2025-01-02.csv.gz", "z-2025-01-02.json", "a-2025-03-01.csv"]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BadInput, match="holds no export"):
        files(tmp_path / "nothing")
    with pytest.raises(BadInput, match="there is no such file"):
        files(tmp_path / "missing.csv")


def test_words_are_compared_without_case_spaces_and_dots() -> None:
    assert same("  Отменён \n") == same("отменен")
    assert same("Стоимость,\u00a0RUB") == "стоимость, rub"
    assert same(200) == "200"


def test_a_json_file_is_one_value_or_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b'\xef\xbb\xbf{"a":\n1}')
    assert documents(file) == ([(0, {"a": 1})], [])
    file.write_bytes(gzip.compress(b'{"a": 1}\n\n{"b": \n{"c": 2}\n'))
    found, broken = documents(file)
    assert found == [(1, {"a": 1}), (4, {"c": 2})]
    assert [(row, reason) for row, reason, _ in broken] == [(3, "is not sound JSON")]
    file.write_text("12 \n", "utf-8")
    assert documents(file) == ([(0, 12)], [])
    file.write_text("twelve\n13\n", "utf-8")
    with pytest.raises(BadInput, match="is not JSON"):
        documents(file)


def test_records_lie_in_lists_under_the_keys(tmp_path: Path) -> None:
    one, two = {"id": 1, "items_total": 3}, {"id": 2}
    for value in (
        [one, two],
        {"result": [one, two]},
        {"result": {"items": [one, two]}},
        [{"result": {"items": [one]}}, {"result": [two]}],
        [[one], [two]],
    ):
        assert list(records(value, "items", "result")) == [one, two], value
    assert list(records(one, "items")) == [one]
    assert list(records("text", "items")) == []


def test_a_list_of_objects_is_a_table(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('[{"id": 1, "Имя": " Анна "}, {"id": 2.0, "flag": true, "none": null}]', "utf-8")
    table = sheet(file)
    rows, broken, empty = table.rows({"person": "id", "name": "Имя", "flag": "flag", "lacking": ""})
    assert rows.to_dict("list") == {
        "person": ["1", "2"],
        "name": ["Анна", ""],
        "flag": ["", "true"],
        "lacking": ["", ""],
    }
    assert (rows.index.tolist(), broken, empty) == ([1, 2], [], 0)


def test_rows_of_an_answer_that_lack_cells_are_named(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"info": {"fields": ["a", "b"], "items": [[1, 2], [3], [5, 6]]}}', "utf-8")
    rows, broken, _ = sheet(file).rows({"a": "a"})
    assert rows["a"].to_dict() == {1: "1", 3: "5"}
    assert [(row, reason) for row, reason, _ in broken] == [(2, "has not the 2 cells of the headings")]


def test_a_heading_twice_is_refused_only_where_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a;b;B\n1;2;3\n", "utf-8")
    table = sheet(file)
    assert columns(table, "door.x", {"one": "a"}, ("one",)) == {"one": "a"}
    with pytest.raises(BadInput, match="has the heading b twice"):
        columns(table, "door.x", {"one": "b"}, ("one",))


def test_columns_are_found_among_the_names_that_they_may_have(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes('Отчёт,"Сумма, RUB"\nа,1\n'.encode("cp1251"))
    table = sheet(file)
    assert (table.delimiter, table.encoding) == (",", "cp1251")
    chosen = columns(table, "door.x", {"what": ["Имя", "отчет"], "sum": "Сумма, RUB", "other": ""}, ("what",))
    assert chosen == {"what": "Отчёт", "sum": "Сумма, RUB", "other": ""}
    with pytest.raises(BadInput, match=r'lacks the heading Имя.*or other = "" if there is none'):
        columns(table, "door.x", {"other": "Имя"}, ())
    with pytest.raises(BadConfig, match="what is empty"):
        columns(table, "door.x", {"what": ""}, ("what",))


def test_a_quote_that_is_not_closed_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('a;b\n1;"2\n3;4\n', "utf-8")
    with pytest.raises(BadInput, match=r"x.csv: a quote that opens in line 2 is not closed"):
        sheet(file).rows({"a": "a"})
