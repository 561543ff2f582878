"""A proposed mapping asks what it does not know; when its questions are answered, it imports."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.config import School
from features.errors import BadInput
from features.importers import csv
from features.importers import mapping as mappings
from features.importers.guess import named
from features.importers.proposal import ASK, propose, quoted
from features.synthetic import make
from tests.thorough import examples

ROOT = Path(__file__).resolve().parents[3]
WORDS = School(ROOT).config("headings")
ZONE = "Europe/Moscow"


@pytest.fixture
def guess(tmp_path: Path) -> Callable[..., str]:
    """guess(("name.csv", content), ...): writes the files and proposes a mapping for them, beside them."""

    def run(*files: tuple[str, str | bytes]) -> str:
        for name, content in files:
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return propose([tmp_path / name for name, _ in files], WORDS, ZONE, tmp_path)

    return run


def questions(text: str) -> list[str]:
    return [line.removeprefix(ASK) for line in text.splitlines() if line.startswith(ASK)]


def settled(text: str, **changes: str) -> str:
    """All first candidates taken; keyword arguments (key=whole line, "" deletes it) answer otherwise."""
    lines = []
    for line in text.splitlines():
        key = line.removeprefix(ASK).split(" = ")[0]
        lines.append(changes.get(key, line.removeprefix(ASK)) if line.startswith(ASK) else line)
    return "\n".join(lines)


def blocks(text: str) -> list[dict]:
    return tomllib.loads(text).get("table", [])


def load(school: School, folder: Path, text: str):
    (folder / "mapping.toml").write_text(text, "utf-8")
    return csv.load(school, folder / "mapping.toml")


def test_the_guide_comes_out_as_it_is_written_there(guess: Callable, school: School, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "guides" / "own-data.md").read_text("utf-8")
    files = dict(re.findall(r"^```\w+ title=(\S+)\n(.*?)^```", guide, flags=re.S | re.M))
    written = files.pop("mapping.toml")
    text = guess(*files.items())
    assert set(questions(text)) == {f'time_zone = "{ZONE}"  # the moments say no offset; this is the school\'s zone'}
    with pytest.raises(BadInput, match="has no time zone"):
        load(school, tmp_path, text)
    found, wanted = blocks(settled(text)), blocks(written)
    assert [block["columns"] for block in found] == [block["columns"] for block in wanted]
    assert [block.get("constants") for block in found] == [block.get("constants") for block in wanted]
    report = load(school, tmp_path, settled(text))
    assert report.kept == {"students": 2, "enrolments": 2, "outcomes": 1, "activity": 4, "tickets": 4}


def test_the_made_school_comes_out_as_it_was_written(tmp_path: Path) -> None:
    made = make(
        tmp_path,
        students=60,
        weeks=12,
        seed=3,
        in_holdout=lambda student: False,
        settings=School(ROOT).config("synthetic"),
    )
    text = propose(sorted(tmp_path.glob("*.csv")), WORDS, ZONE, tmp_path)
    assert questions(text) == []
    wanted = {block["file"]: block for block in blocks(made.mapping.read_text("utf-8"))}
    assert {block["file"]: block for block in blocks(text)} == wanted


RUSSIAN = (
    "Номер ученика;ФИО;Курс;Куратор;Дата записи;Стоимость;Дата ухода\r\n"
    "1017;Анна К.;математика;olga;01.09.2025;1 990;\r\n1018;Иван П.;математика;olga;03.09.2025;2 990;12.10.2025\r\n"
)


def test_an_export_of_excel_in_russia(guess: Callable, school: School, tmp_path: Path, rows: Callable) -> None:
    text = guess(("Ученики.csv", RUSSIAN.encode("cp1251")))
    assert [block["name"] for block in blocks(text)] == ["students", "enrolments", "outcomes"]
    assert [question for question in questions(text) if "time_zone" not in question] == [
        "not UTF-8: do the headings read well in cp1251? Other encodings are koi8-r, cp866, gb18030, latin-1",
        "multiply = { price_minor = 100 }  # unless Стоимость is in minor units already",
        'price_minor = "Стоимость"  # needs the line with multiply above, unless it is in minor units already',
    ]
    answered = re.sub(r"(?m)^# \? not UTF-8.*\n", "", text)
    assert load(school, tmp_path, settled(answered)).kept == {"students": 2, "enrolments": 2, "outcomes": 1}
    assert sorted(rows("enrolments")["price_minor"]) == [199000, 299000]
    assert rows("outcomes")["occurred_at"].tolist() == [pd.Timestamp("2025-10-11T21:00Z")]


def test_an_export_in_chinese(guess: Callable, school: School, tmp_path: Path, rows: Callable) -> None:
    text = guess(
        (
            "访问日志.csv",
            "学号,课程编号,时间,事件,页面\n1,m,2025年09月01日 10:20,登录,首页\n2,m,2025年09月02日 10:20,作业,首页\n",
        )
    )
    assert [block["name"] for block in blocks(text)] == ["activity"]
    report = load(school, tmp_path, settled(text, time_zone='time_zone = "Asia/Shanghai"'))
    assert report.kept == {"activity": 2}
    assert sorted(rows("activity")["kind"]) == ["homework", "login"]
    assert rows("activity")["occurred_at"].min() == pd.Timestamp("2025-09-01T02:20Z")


def test_json_lines_and_parquet_are_proposed_for_too(guess: Callable, school: School, tmp_path: Path) -> None:
    line = '{"id": 1, "requester": {"id": 5}, "created_at": "2025-09-01T10:00:00Z", "solved_at": null}\n'
    table = {"Student": ["7"], "Course": ["m"], "When": [pd.Timestamp("2026-03-01T09:00Z")], "What": ["login"]}
    pd.DataFrame(table).to_parquet(tmp_path / "visits.parquet")
    text = guess(("tickets.jsonl", line), ("visits.parquet", (tmp_path / "visits.parquet").read_bytes()))
    assert questions(text) == []
    assert blocks(text)[0]["columns"]["student_id"] == "requester.id"
    assert load(school, tmp_path, text).kept == {"tickets": 1, "activity": 1}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("visits.csv", "Student,Course,Date,What\n1,m,03/04/2025,login\n", 'time_format = "%d/%m/%Y"  # or "%m/%d/%Y"'),
        ("visits.csv", "Student,Course,Date,What\n1,m,2025-03-04,dance\n", 'kind = "What"'),
        ("visits.csv", "Student,Course,Date,What\n1,m,1,login\n", 'occurred_at = "Date"  # needed: when it happened'),
        ("visits.csv", "Student,Date,What\n1,2025-03-04,login\n", 'enrolment_id = ["'),
        ("payments.csv", 'Student,Paid at,Amount\n1,2025-03-04T09Z,"1,990"\n', 'decimal = ","  # if the commas'),
        ("payments.csv", "Student,Paid at\n1,2025-03-04T09Z\n", 'constants = { kind = "paid" }  # kind is one of: pa'),
        ("people.csv", "Student,Name\n1,A\n", 'constants = { known_at = "2025-09-01" }  # known_at: when the school'),
        ("people.csv", "Student,User,Registered\n1,2,2025-03-04T09Z\n", 'student_id = "Student"  # or "User"; nee'),
        ("people.csv", "Student,Registered,Old full name\n1,2025-03-04T09Z,x\n", 'display_name = "Old full name"'),
        ("ratings.csv", "Student,When,Rating\n1,2025-03-04T09Z,95\n", "its values go from 95 to 95, the table wants"),
        ("people.csv", "Student|Registered\n1|2025-03-04T09Z\n", ""),
        ("people.csv", "Student~Registered\n1~2025-03-04T09Z\n", "only one column: perhaps the delimiter is another"),
        ("people.csv", "Student,,Student\n1,2,3\n", "headings that are empty or stand twice are left out"),
        ("weather.csv", "city,rain\nMoscow,1\n", "no table of Handrail fits these headings; the tables are: students"),
    ],
)  # fmt: skip
def test_what_is_not_sure_is_a_question(guess: Callable, name: str, content: str, words: str) -> None:
    text = guess((name, content))
    found = questions(text)
    assert any(words in question for question in found) if words else not found
    assert f"# Questions: {len(found)}." in text


def test_values_without_a_meaning_are_asked_for(guess: Callable) -> None:
    text = guess(("visits.csv", "Student,Course,When,What\n1,m,2025-03-04T09Z,Вход\n1,m,2025-03-04T09Z,Танец\n"))
    (block,) = blocks(text)
    assert block["values"] == {"kind": {"Вход": "login"}}
    choices = "login, lesson, lesson_completed, content, forum, quiz, homework, live, other"
    assert questions(text) == [f'"Танец" = ""  # one of: {choices}']


def test_a_file_that_cannot_be_read_is_named(guess: Callable, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        propose([tmp_path / "nowhere.csv"], WORDS, ZONE, tmp_path)
    with pytest.raises(BadInput, match="is a workbook"):
        guess(("a.xlsx", b"PK\x03\x04"))


HEADINGS = st.lists(
    st.one_of(
        st.sampled_from(["Student", "Курс", "date", "id", "学号", "Created at", "kind", "Сумма"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    ),
    min_size=1,
    max_size=6,
)
CELLS = st.sampled_from(["", "7", "2025-03-04", "01.02.2025", "1,990", "login", "да", "0.5", '"', "\x7f"])


@settings(max_examples=examples(30), deadline=None)
@given(HEADINGS, st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=4))
def test_any_export_gives_a_mapping_that_can_be_read(tmp_path_factory, headings, cells) -> None:
    folder = tmp_path_factory.mktemp("any")
    table = pd.DataFrame([row[: len(headings)] for row in cells], columns=headings)
    table.to_csv(folder / "any.csv", index=False)
    text = propose([folder / "any.csv"], WORDS, ZONE, folder)
    assert "any.csv" in text
    stripped = [heading.strip() for heading in headings]
    for block in blocks(text):  # sound TOML; what it is sure of stands in the file
        for found in block["columns"].values():
            assert set([found] if isinstance(found, str) else found) <= set(stripped)
    if text.count(ASK) == 0 and blocks(text):
        (folder / "mapping.toml").write_text(text, "utf-8")
        mappings.read(folder / "mapping.toml")


@given(st.text())
def test_any_text_is_quoted_for_toml(text: str) -> None:
    if text.isascii() or text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") == text:
        assert tomllib.loads(f"x = {quoted(text)}")["x"] == text


def test_names_are_the_same_whatever_their_case_and_order() -> None:
    assert named("id_student") == named("studentId") == named("Student ID")
    assert named("Приём") == named("прием")
    assert named("student") != named("students")
