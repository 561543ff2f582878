"""One mapping language for CSV, JSON lines and Parquet."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.config import School
from features.errors import BadInput
from features.importers import csv, json_lines_file, parquet_file
from features.importers.table_file import kind_of
from features.lake import Lake
from tests.thorough import examples

TICKETS = """
[[table]]
name = "tickets"
file = "{file}"
time_zone = "Europe/Moscow"
copy = {{ known_at = "occurred_at" }}
constants = {{ event = "opened" }}
columns = {{ event_id = "id", ticket_id = "id", student_id = "who.id", category = "via.channel", occurred_at = "at" }}
"""
ROWS: list[dict[str, Any]] = [
    {"id": "1", "who": {"id": "7"}, "via": {"channel": "web"}, "at": "2026-03-01T09:00:00", "more": [1]},
    {"id": "2", "who": {"id": "8"}, "via": {"channel": None}, "at": "2026-03-02T09:00:00Z", "more": []},
    {"id": "3", "who": None, "via": {"channel": "чат"}, "at": "2026-03-03T09:00:00", "more": None},
]


@pytest.fixture
def load(school: School, tmp_path: Path) -> Callable:
    """load(name, content, mapping): writes the file and imports it."""

    def run(name: str, content: bytes, mapping: str = TICKETS):
        (tmp_path / name).write_bytes(content)
        (tmp_path / "mapping.toml").write_text(mapping.format(file=name), "utf-8")
        return csv.load(school, tmp_path / "mapping.toml")

    return run


def json_lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet(rows: list[dict[str, Any]] | pa.Table, path: Path, **options: Any) -> bytes:
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path, **options)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["t.jsonl", "t.json.gz", "t.txt", "t.parquet", "t.data"])
def test_nested_fields_go_by_dotted_names(load: Callable, rows: Callable, tmp_path: Path, kind: str) -> None:
    content = json_lines(*ROWS)
    if kind in ("t.parquet", "t.data"):
        content = parquet(ROWS, tmp_path / kind)
    report = load(kind, gzip.compress(content, mtime=0) if kind.endswith(".gz") else content)
    assert (report.kept, report.set_aside) == ({"tickets": 2}, {"tickets": 1})
    assert [(f["file"], f["row"], f["column"], f["reason"]) for f in report.faults] == [
        (kind, "3", "student_id", "is empty")
    ]
    table = rows("tickets").sort_values("ticket_id")
    assert table["student_id"].tolist() == ["7", "8"]
    assert table["category"].fillna("").tolist() == ["web", ""]
    assert table["occurred_at"].tolist() == [pd.Timestamp("2026-03-01T06:00Z"), pd.Timestamp("2026-03-02T09:00Z")]


def test_a_name_that_has_the_dot_itself_comes_first(load: Callable, rows: Callable, tmp_path: Path) -> None:
    plain = [{**row, "who.id": "9", "who": {"id": "7"}} for row in ROWS]
    assert load("t.jsonl", json_lines(*plain)).kept == {"tickets": 3}
    assert set(rows("tickets")["student_id"]) == {"9"}
    flat = pa.table({"id": ["4"], "who.id": ["9"], "via": [{"channel": "x"}], "at": ["2026-03-01T09:00:00"]})
    assert load("t.parquet", parquet(flat, tmp_path / "t.parquet")).kept == {"tickets": 1}


def test_a_line_that_is_no_object_is_set_aside_with_its_number(load: Callable) -> None:
    bad = [
        b'{"id": "9",\n',
        b"[1]\n",
        b"\n",
        b'{"id": "\\ud800"}\n',
        "\xf1".encode("latin-1") + b"\n",
        b"[" * 9999 + b"\n",
    ]
    report = load("t.jsonl", json_lines(*ROWS[:2]) + b"".join(bad))
    assert (report.kept, report.set_aside) == ({"tickets": 2}, {"tickets": 5})
    faults = sorted(report.faults, key=lambda fault: int(fault["row"]))
    assert [(f["row"], f["reason"]) for f in faults] == [
        ("3", "is not sound JSON"),
        ("4", "is not a JSON object"),
        ("6", "is not sound JSON"),
        ("7", "is not UTF-8 text"),
        ("8", "is not sound JSON"),
    ]
    assert all("one JSON object a line" in fault["mend"] for fault in faults)


def test_numbers_keep_their_spelling(load: Callable, rows: Callable) -> None:
    text = b'{"id": 12345678901234567890123, "who": {"id": 7.10}, "at": "2026-03-01T09:00:00"}\n'
    assert load("t.jsonl", text).kept == {"tickets": 1}
    (row,) = rows("tickets").to_dict("records")
    assert (row["ticket_id"], row["student_id"]) == ("12345678901234567890123", "7.10")


def test_a_field_that_no_line_has_is_told(load: Callable) -> None:
    report = load("t.jsonl", json_lines(*[{k: v for k, v in row.items() if k != "via"} for row in ROWS[:2]]))
    assert report.kept == {"tickets": 2}
    assert report.ignored == {"t.jsonl: the field via.channel, which no row has": 2}


def test_an_id_of_a_field_that_no_line_has_is_refused(load: Callable, school: School) -> None:
    mapping = TICKETS.replace('event_id = "id", ', "").replace("constants", 'id_from = ["id", "nr"]\nconstants')
    words = "t.jsonl (table block 1 of mapping.toml): no line has the field nr. Its first line has: at, id, more, via"
    with pytest.raises(BadInput, match=re.escape(words)):
        load("t.jsonl", json_lines(*ROWS), mapping)
    assert Lake(school.lake, school.zone).is_empty


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.json", b'[{"id": "1"}]', "t.json: is one JSON list, not JSON lines. Write one object a line"),
        ("t.csv", b"PK\x03\x04rest", 't.csv: is a workbook or an archive. Save it as "CSV UTF-8"'),
        ("t.parquet", gzip.compress(b"PAR1....", mtime=0), "is a packed Parquet file. Unpack it"),
        ("t.parquet", b"PAR1 and then nothing of use", "t.parquet (table block 1 of mapping.toml): is not a soun"),
        ("t.jsonl.gz", gzip.compress(json_lines(*ROWS), mtime=0)[:-9], "the gzip file is cut"),
        ("t.jsonl", b"", "the file is empty"),
        ("t.jsonl", b"{}\n{}\n", "all 2 rows: event_id is empty"),
        ("t.csv.gz", gzip.compress(b"id,who.id,via.channel,at\n1,2,3,4\n" * 99, mtime=0)[:-9], "the gzip file is cut"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read(load: Callable, school: School, name: str, content: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)) as caught:
        load(name, content)
    assert caught.value.mend
    assert Lake(school.lake, school.zone).is_empty


def test_a_parquet_file_that_breaks_in_the_middle_adds_nothing(load: Callable, school: School, tmp_path: Path) -> None:
    many = [{**ROWS[0], "id": f"{n:06d}"} for n in range(5000)]
    content = bytearray(parquet(many, tmp_path / "t.parquet", row_group_size=1000, compression="zstd"))
    middle = len(content) // 2
    content[middle : middle + 2000] = b"\xff" * 2000
    with pytest.raises(BadInput, match="is not a sound Parquet file"):
        load("t.parquet", bytes(content))
    assert Lake(school.lake, school.zone).is_empty


def test_a_missing_column_of_parquet_is_named(load: Callable, tmp_path: Path) -> None:
    words = "lacks the columns who.id, at. The columns are: id, who.nr, via.channel, when. Write"
    table = pa.table({"id": ["1"], "who": [{"nr": 1}], "via": [{"channel": "x"}], "when": [1]})
    with pytest.raises(BadInput, match=re.escape(words.removesuffix(". Write"))):
        load("t.parquet", parquet(table, tmp_path / "t.parquet"))


def test_typed_moments_need_no_form_and_a_zone_only_without_an_offset(
    load: Callable, rows: Callable, tmp_path: Path
) -> None:
    mapping = """
    [[table]]
    name = "assignments"
    file = "{file}"
    time_format = "%d.%m.%Y"
    time_zone = "Europe/Moscow"
    columns = {{ assignment_id = "id", course_id = "course", due_at = "due", known_at = "known", weight = "weight" }}
    """
    table = pa.table(
        {
            "id": pa.array([1, 2]),
            "course": pa.array(["m", "m"]).dictionary_encode(),
            "due": pa.array([datetime(2026, 3, 1, 9), None], pa.timestamp("ns")),
            "known": pa.array([datetime(2026, 1, 1, 9, tzinfo=UTC)] * 2, pa.timestamp("us", "Asia/Tokyo")),
            "weight": pa.array([12.5, float("nan")]),
        }
    )
    assert load("t.parquet", parquet(table, tmp_path / "t.parquet"), mapping).kept == {"assignments": 2}
    first, second = rows("assignments").sort_values("assignment_id").to_dict("records")
    assert first["due_at"] == pd.Timestamp("2026-03-01T06:00Z")
    assert first["known_at"] == pd.Timestamp("2026-01-01T09:00Z")
    assert (first["weight"], pd.isna(second["weight"]), pd.isna(second["due_at"])) == (12.5, True, True)


def test_moments_counted_from_1970(load: Callable, rows: Callable) -> None:
    mapping = TICKETS.replace("time_zone", 'time_format = "{form}"\ntime_zone')
    for form, at in (("unix", 1772344800), ("unix_ms", 1772344800123)):
        load(f"{form}.jsonl", json_lines({**ROWS[0], "id": form, "at": at}), mapping.replace("{form}", form))
    moments = rows("tickets").set_index("ticket_id")["occurred_at"]
    assert moments["unix"] == pd.Timestamp("2026-03-01T06:00Z")
    assert moments["unix_ms"] == pd.Timestamp("2026-03-01T06:00:00.123Z")


def test_packed_csv_is_read_too(load: Callable) -> None:
    text = "id,who.id,via.channel,at\n1,7,web,2026-03-01T09:00:00\n"
    assert load("t.csv.gz", gzip.compress(text.encode(), mtime=0)).kept == {"tickets": 1}


@pytest.mark.parametrize("size", [1, 2])
def test_chunks_change_nothing(load: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for reader in (json_lines_file, parquet_file):
        monkeypatch.setattr(reader, "CHUNK_ROWS", size)
    for name, content in (("t.jsonl", json_lines(*ROWS)), ("t.parquet", parquet(ROWS, tmp_path / "t.parquet"))):
        report = load(name, content)
        assert [fault["row"] for fault in report.faults] == ["3"]
        assert report.set_aside == {"tickets": 1}


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), max_size=8)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(lambda at: at.isoformat(timespec="seconds"))


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(
        st.tuples(TEXTS, TEXTS, st.one_of(MOMENTS, TEXTS)).filter(lambda row: any(map(str.strip, row))),
        min_size=1,
        max_size=8,
    )
)
def test_the_same_rows_are_the_same_facts_in_every_kind_of_file(cells: list[tuple[str, str, str]]) -> None:
    """Whatever the texts are: kept, set aside and why are the same, only the row numbers of CSV count the heading."""
    rows = [{"who.id": who, "via.channel": channel, "at": at} for who, channel, at in cells]
    mapping = TICKETS.replace('event_id = "id", ticket_id = "id", ', "").replace(
        "constants = {{", 'id_from = ["who.id", "via.channel", "at"]\nconstants = {{ ticket_id = "t",'
    )
    found = []
    with TemporaryDirectory() as folder:
        path = Path(folder)
        pd.DataFrame(rows).to_csv(path / "t.csv", index=False)
        (path / "t.jsonl").write_bytes(json_lines(*rows))
        parquet(rows, path / "t.parquet")
        for name in ("t.csv", "t.jsonl", "t.parquet"):
            (path / "mapping.toml").write_text(mapping.format(file=name), "utf-8")
            school = School(path / name.replace(".", "-"))
            try:
                report = csv.load(school, path / "mapping.toml")
            except BadInput as error:
                found.append(re.sub(r"\(row.*", "", error.what))
                continue
            table = Lake(school.lake, school.zone).read("tickets").sort_values("event_id").to_csv()
            found.append((report.kept, report.set_aside, report.reasons, table))
    assert found[0] == found[1] == found[2]


def test_what_a_file_is(tmp_path: Path) -> None:
    for name, content, kind in (
        ("a.csv", b"a,b\n", "csv"),
        ("a.ndjson.gz", gzip.compress(b'{"a": 1}', mtime=0), "json_lines"),
        ("a.JSONL", b"", "json_lines"),
        ("noending", b'\xef\xbb\xbf {"a": 1}', "json_lines"),
        ("a.txt", b"", "csv"),
    ):
        (tmp_path / name).write_bytes(content)
        assert kind_of(tmp_path / name) == kind


def test_values_of_python_as_cells() -> None:
    from features.importers.cells import as_text

    pairs = [(None, ""), (" x ", "x"), (True, "true"), (7.0, "7"), (7.25, "7.25"), (float("nan"), "")]
    pairs += [(Decimal("19.90"), "19.90"), (date(2026, 3, 1), "2026-03-01"), (b"\xff", "ff"), (b"ab", "ab")]
    pairs += [({"a": [1, None]}, '{"a": [1, null]}'), (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00")]
    assert [as_text(value) for value, _ in pairs] == [text for _, text in pairs]
