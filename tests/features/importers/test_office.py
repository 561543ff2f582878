from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig
from features.importers.office import Part, People, Versions, money, settings_of, write_identities
from features.lake import Lake

KEY = "k" * 32
DAY = pd.Timestamp("2025-10-01T12:00:00Z").as_unit("us")


def texts(*values: str) -> pd.Series:
    return pd.Series(values, dtype="str")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1990", "199000"),
        ("1 990,50 руб.", "199050"),
        ("1\u00a0990.5", "199050"),
        ("19900|RUB", "1990000"),
        ("19900.0000", "1990000"),
        ("0", "000"),
        ("100 RUB", "10000"),
        ("99 ₽", "9900"),
        ("100 USD", "100 USD"),
        ("1,990.50", "1,990.50"),
        ("бесплатно", "бесплатно"),
        ("", ""),
    ],
)
def test_amounts_are_minor_units_of_the_schools_currency(text: str, expected: str) -> None:
    assert money(texts(text), "RUB").tolist() == [expected]


def test_people_are_named_by_system_and_id() -> None:
    people = People("desk", "id", "")
    assert people.names(texts("7", "")).tolist() == ["desk:7", ""]
    assert People("desk", "own_id", "").names(texts("7", "")).tolist() == ["7", ""]
    by_email = People("desk", "email", KEY).names(texts("7", "8", ""), texts("A@x.ru", "no address", "a@x.ru"))
    assert by_email[0] == by_email[2]
    assert by_email[0].startswith("email:")
    assert by_email[1] == "desk:8"
    with pytest.raises(BadConfig, match="HANDRAIL_IDENTITY_KEY"):
        People("desk", "email", "").names(texts("7"), texts("a@x.ru"))


def test_enrolments_carry_the_schools_own_name_where_it_is_known() -> None:
    people = People("crm", "id", "", {"crm:7": "5017"})
    found = people.enrolments(texts("en", "en", "", "en"), texts("crm:7", "crm:8", "crm:7", ""))
    assert found.tolist() == ["en:5017", "en:crm:8", "", ""]


def test_the_first_words_count_from_the_beginning_and_later_ones_from_the_export(school: School) -> None:
    lake = Lake(school.lake, school.zone)

    def add(name: str, title: str, taken: pd.Timestamp | None, changed: pd.Timestamp | None = None) -> dict[str, int]:
        rows = pd.DataFrame({"course_id": ["en"], "title": [title], "known_at": [DAY]})
        with lake.adding("crm", name) as batch:
            part = Part(batch, "courses", Path("deals.csv"), taken)
            since = None if changed is None else pd.Series([changed])
            Versions(lake, "courses").write(part, rows, since)
        return batch.report.ignored

    add("a", "English", None)
    assert sum(add("b", "Englisch", None).values()) == 1
    add("c", "English", DAY + pd.Timedelta(days=1))
    add("d", "Anglais", DAY + pd.Timedelta(days=2))
    add("e", "Inglese", DAY + pd.Timedelta(days=9), DAY + pd.Timedelta(days=3))
    found = lake.read("courses")
    assert found["title"].tolist() == ["English", "Anglais", "Inglese"]
    assert [(at - DAY).days for at in found["known_at"]] == [0, 2, 3]


def test_a_name_of_two_students_is_nobodys(school: School) -> None:
    lake = Lake(school.lake, school.zone)

    def add(name: str, people: People, *pairs: tuple[str, str]) -> dict[str, int]:
        with lake.adding("crm", name) as batch:
            part = Part(batch, "identities", Path("contacts.csv"), None)
            aliases, students = (texts(*column) for column in zip(*pairs, strict=True))
            write_identities(part, people, aliases, students, pd.Series([DAY] * len(pairs)))
        return batch.report.set_aside

    first = People("crm", "id", "", {})
    pairs = [("crm:1", "s1"), ("crm:2", "s2"), ("crm:2", "s3"), ("", "s4"), ("crm:5", ""), ("crm:1", "s1")]
    assert add("a", first, *pairs)["identities"] == 2
    assert first.known == {"crm:1": "s1"}
    again = People.of("crm", {"named_by": "id"}, school, lake)
    assert add("b", again, ("crm:1", "s9"), ("crm:3", "s3"))["identities"] == 1
    known = lake.read("identities").set_index("alias")["student_id"].to_dict()
    assert known == {"crm:1": "s1", "crm:3": "s3"}


def test_settings_know_their_names_and_the_schools_zone(school: School) -> None:
    assert settings_of(school, "getcourse", ("statuses",))["time_zone"] == "Europe/Moscow"
    (school.home / "configs").mkdir()
    own = school.home / "configs" / "importers.toml"
    own.write_text('[getcourse]\ntime_zone = "Asia/Omsk"\n[getcourse.statuses]\n"Продлён" = "paid"\n', "utf-8")
    found = settings_of(school, "getcourse", ("statuses",))
    assert (found["time_zone"], found["statuses"]["Продлён"]) == ("Asia/Omsk", "paid")
    with pytest.raises(BadConfig, match=r"\[getcourse.statuses\]: unknown setting Продлён"):
        settings_of(school, "getcourse")
