from __future__ import annotations

import re
from pathlib import Path

import pytest

from features.config import DEFAULTS
from features.errors import BadConfig, BadInput
from features.importers.mapping import read

SOUND = """
[[table]]
name = "activity"
file = "visits.csv"
id_from = ["When"]
columns = { enrolment_id = ["Course", "Student"], occurred_at = "When", kind = "What" }
copy = { known_at = "occurred_at" }
"""


def write(tmp_path: Path, text: str, *files: str) -> Path:
    for name in files or ("visits.csv",):
        (tmp_path / name).write_text("x")
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_block_says_what_it_says_and_defaults_the_rest(tmp_path: Path) -> None:
    (block,) = read(write(tmp_path, SOUND))
    assert (block.number, block.table, block.files) == (1, "activity", (tmp_path / "visits.csv",))
    assert (block.encoding, block.delimiter, block.decimal, block.time_zone) == ("utf-8", ",", ".", "")
    assert block.columns["enrolment_id"] == ("Course", "Student")
    assert block.headings == ["Course", "Student", "When", "What"]


def test_constants_may_be_any_plain_value(tmp_path: Path) -> None:
    text = """
    [[table]]
    name = "students"
    file = "visits.csv"
    columns = { student_id = "Id" }
    constants = { is_minor = true, region = 7, known_at = 2026-03-01 }
    """
    (block,) = read(write(tmp_path, text))
    assert block.constants == {"is_minor": "true", "region": "7", "known_at": "2026-03-01"}


def test_a_pattern_stands_for_all_its_files_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND.replace("visits.csv", "visits-*.csv"), "visits-2.csv", "visits-1.csv", "other.csv")
    assert [file.name for file in read(path)[0].files] == ["visits-1.csv", "visits-2.csv"]


def test_a_name_with_brackets_need_not_be_a_pattern(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND.replace("visits.csv", "visits [1].csv"), "visits [1].csv")
    assert [file.name for file in read(path)[0].files] == ["visits [1].csv"]


def test_the_example_of_the_product_is_sound(tmp_path: Path) -> None:
    text = (DEFAULTS / "csv-mapping.example.toml").read_text("utf-8")
    files, query = re.split(r"(?m)^(?=# \[\[table)", text)
    named = ("people.csv", "visits-1.csv", "tickets.csv", "complaints.csv", "ratings.jsonl.gz")
    tables = [block.table for block in read(write(tmp_path, files, *named))]
    assert tables == ["students", "enrolments", "activity", *["tickets"] * 2, *["flags"] * 2, "ratings"]
    (asked,) = read(write(tmp_path, re.sub(r"(?m)^# ", "", query)), "query")
    assert (asked.table, asked.source, asked.since) == ("payments", "crm", "updated_at")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (SOUND, "", "has no [[table]] block. Begin with configs/csv-mapping.example.toml"),
        (SOUND, "table = 5", "has no [[table]] block"),
        (SOUND, "[[table]", "is not valid TOML"),
        ("\n[[table]]", "tables = 1\n[[table]]", "unknown key 'tables' (did you mean 'table'?) outside of"),
        ('name = "activity"', "", "table block 1 (no name): name is missing"),
        ('file = "visits.csv"', "", "table block 1 (activity): file is missing"),
        ('"activity"', '"activities"', "unknown table 'activities' (did you mean 'activity'?); the tables are: stud"),
        ("columns =", "colums =", "unknown key 'colums' (did you mean 'columns'?)"),
        ('id_from = ["When"]', 'id_from = "When"', "id_from is not a list"),
        ('id_from = ["When"]', "id_from = [5]", "id_from is not a list of headings"),
        ("file =", 'delimiter = "||"\nfile =', "delimiter is not one character"),
        ("file =", 'encoding = "cp-1251-win"\nfile =', "unknown encoding 'cp-1251-win'"),
        ("file =", 'decimal = ";"\nfile =', 'decimal is neither "." nor ","'),
        ("file =", 'time_zone = "Moscow"\nfile =', "unknown time_zone 'Moscow'"),
        ("file =", 'time_format = "dd.mm.yyyy"\nfile =', "time_format is not made of codes"),
        ("file =", "time_format = 5\nfile =", "time_format is not a text or a list of texts"),
        ("file =", 'query = "SELECT 1"\nfile =', "query belongs to a mapping of `handrail import database`"),
        ("kind =", "kid =", "unknown column 'kid' (did you mean 'kind'?) in columns; the columns of activity are: ev"),
        (', kind = "What"', "", "nothing gives kind"),
        ('id_from = ["When"]', "", "nothing gives event_id; event_id can be made by id_from"),
        ("columns = {", 'columns = { event_id = "Id",', "event_id is given twice"),
        ("copy = {", 'constants = { kind = "login" }\ncopy = {', "kind is given twice"),
        ('"occurred_at" }', '"happened_at" }', "copy: 'happened_at' is not in columns or constants"),
        ('kind = "What"', "kind = 5", "columns: kind is neither a heading nor a list of headings"),
        ('kind = "What"', "kind = []", "columns: kind is neither a heading nor a list of headings"),
        ("file =", "constants = { object_id = [1] }\nfile =", "constants: object_id is not one value"),
        ("file =", 'values = { kind = "x" }\nfile =', "values: kind is not a table"),
        ("file =", 'values = { kind = { A = "log" } }\nfile =', "values: kind cannot be 'log'; it is one of: login, "),
        ("file =", 'values = { object_id = { A = "b" } }\nfile =', "values: object_id is not in columns"),
        ('kind = "What"', 'kind = "What" }\nmultiply = { kind = 2', "multiply: kind is not a number"),
        ('kind = "What"', 'kind = "What", quantity = "N" }\nmultiply = { quantity = 0', "is not a number above 0"),
    ],
)  # fmt: skip
def test_a_fault_of_the_mapping_is_named_with_its_block(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in SOUND
    with pytest.raises(BadConfig, match=re.escape(words)) as caught:
        read(write(tmp_path, SOUND.replace(old, new, 1)))
    assert caught.value.where.endswith("mapping.toml")
    assert caught.value.mend


ASKED = SOUND.replace('file = "visits.csv"', 'source = "lms"\nquery = "SELECT 1"')


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('source = "lms"', "", "table block 1 (activity): source is missing"),
        ('query = "SELECT 1"', "", "query is missing"),
        ('"lms"', '"L M S"', "source 'L M S' is not a name of small letters, digits and _"),
        ("source =", 'file = "a.csv"\nsource =', "file belongs to a mapping of `handrail import csv`"),
        ("source =", 'since = "changed"\nsource =', "id_from lacks changed, the column of since: rows that differ"),
    ],
)  # fmt: skip
def test_a_fault_of_a_mapping_of_queries_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    (block,) = read(write(tmp_path, ASKED), "query")
    assert (block.source, block.query, block.files) == ("lms", "SELECT 1", ())
    with pytest.raises(BadConfig, match=re.escape(words)):
        read(write(tmp_path, ASKED.replace(old, new, 1)), "query")


def test_all_faults_of_all_blocks_are_named_at_once(tmp_path: Path) -> None:
    second = SOUND.replace("kind =", "kid =").replace("file =", 'decimal = "x"\nfile =')
    with pytest.raises(BadConfig) as caught:
        read(write(tmp_path, SOUND.replace("columns", "colums") + second))
    for words in ("table block 1 (activity): unknown key 'colums'", "table block 2 (activity): decimal", "'kid'"):
        assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"table block 1: there is no such file: visits\.csv. Paths are relative"):
        read(write(tmp_path, SOUND, "other.csv"))


def test_a_mapping_that_is_not_there_or_not_utf_8(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="there is no such file"):
        read(tmp_path / "mapping.toml")
    (tmp_path / "mapping.toml").write_bytes('name = "Вход"'.encode("cp1251"))
    with pytest.raises(BadConfig, match=r"is not UTF-8 text\. Save it as UTF-8"):
        read(tmp_path / "mapping.toml")
