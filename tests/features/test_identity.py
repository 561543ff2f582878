from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.config import School
from features.enrolments import Enrolments
from features.errors import BadConfig, BadInput
from features.identity import Identities, email_alias, told_sql
from features.importers import csv
from features.lake import Lake
from features.people import is_known

KEY = "0123456789abcdef" * 4
DAY = 20520  # 2026-03-08


def at(day: int) -> datetime:
    """Noon of a day number, UTC."""
    return datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)


def known(*rows: tuple[str, str, int]) -> Identities:
    """alias, student, day on which it was known."""
    columns = {"alias": [r[0] for r in rows], "student_id": [r[1] for r in rows]}
    moments = pd.Series([at(r[2]) for r in rows], dtype="datetime64[us, UTC]")
    days = pd.Series([r[2] for r in rows], dtype="Int32")
    return Identities(pd.DataFrame(columns, dtype="str").assign(known_at=moments, known_day=days))


def facts(*rows: tuple[str, int]) -> pd.DataFrame:
    days = pd.Series([day for _, day in rows], dtype="Int32")
    names = pd.Series([name for name, _ in rows], dtype="str")
    return pd.DataFrame({"event_id": [f"e{n}" for n in range(len(rows))], "student_id": names, "known_day": days})


# The alias of an e-mail address.


def test_an_address_is_named_by_its_keyed_hash():
    expected = hmac.new(KEY.encode(), b"anna@school.example", hashlib.sha256).hexdigest()
    assert email_alias("anna@school.example", KEY) == f"email:{expected}"
    assert email_alias("anna@school.example", KEY[::-1]) != f"email:{expected}"


@pytest.mark.parametrize("same", [" Anna@School.Example\n", "mailto:anna@school.example", "MAILTO:ANNA@SCHOOL.EXAMPLE"])
def test_ways_to_write_one_address_are_one_name(same):
    assert email_alias(same, KEY) == email_alias("anna@school.example", KEY)


def test_composed_and_decomposed_letters_are_one_name():
    assert email_alias("rene\u0301@school.example", KEY) == email_alias("ren\u00e9@school.example", KEY)


@pytest.mark.parametrize("other", ["a.nna@school.example", "anna+x@school.example", "anna@sch00l.example"])
def test_what_only_some_providers_take_for_the_same_is_not_guessed(other):
    assert email_alias(other, KEY) != email_alias("anna@school.example", KEY)


@pytest.mark.parametrize("text", ["", "n/a", "-", "anna", "@", "anna@", "anna b@c", "a@b@c"])
def test_what_is_no_address_names_nobody(text):
    with pytest.raises(BadInput, match="is not an e-mail address"):
        email_alias(text, KEY)


@pytest.mark.parametrize(("key", "says"), [("", "is not set"), ("short", "has 5 characters")])
def test_without_a_good_key_it_says_how_to_make_one(key, says):
    with pytest.raises(BadConfig, match=says) as refusal:
        email_alias("anna@school.example", key)
    assert "secrets.token_hex(32)" in str(refusal.value)
    assert refusal.value.where == "HANDRAIL_IDENTITY_KEY"


# Rows as they are read.


def test_a_row_counts_for_the_student_when_row_and_name_are_known():
    rows = known(("crm:7", "ann", 10)).resolved(facts(("crm:7", 3), ("crm:7", 12), ("ann", 3), ("crm:8", 3)))
    assert list(rows["student_id"]) == ["ann", "ann", "ann", "crm:8"]
    assert list(rows["known_day"]) == [10, 12, 3, 3]
    assert list(rows["event_id"]) == ["e0", "e1", "e2", "e3"]


def test_two_other_names_of_one_student_are_one():
    one = known(("crm:7", "ann", 10), ("email:a", "ann", 12))
    assert one.names(["ann", "bob"]) == ["ann", "bob", "crm:7", "email:a"]
    assert (one.student("email:a"), one.student("bob")) == ("ann", "bob")
    assert one.known_before(11, ["crm:7", "email:a", "bob"]) == {"ann", "email:a", "bob"}
    assert one.known_before(10, ["crm:7"]) == {"crm:7"}


def test_nothing_known_leaves_everything_as_it_is():
    rows = facts(("ann", 3), ("crm:7", 4))
    pd.testing.assert_frame_equal(known().resolved(rows), rows)
    assert known().names(["ann"]) == ["ann"]


NAMES = st.sampled_from(["ann", "bob", "x", "y", "z"])
FACTS = st.lists(st.tuples(NAMES, st.integers(0, 30)), max_size=8)
SAID = st.dictionaries(st.sampled_from("xyz"), st.tuples(st.sampled_from(["ann", "bob"]), st.integers(0, 30)))


@settings(deadline=None)
@given(FACTS, SAID)
def test_the_database_gives_the_same_as_pandas(rows, said):
    identities, frame = known(*((alias, *to) for alias, to in said.items())), facts(*rows)
    with duckdb.connect() as engine:
        engine.register("identities", identities._rows)
        engine.register("events", frame)
        found = engine.execute(f"SELECT * FROM ({told_sql('events')}) ORDER BY event_id").df()
    told = identities.told(frame).sort_values("event_id")
    for name in ("event_id", "student_id", "person_id"):
        assert list(found[name]) == list(told[name])
    assert list(found["person_day"].astype("Int32")) == list(told["person_day"]) or found.empty


@given(FACTS, SAID, st.integers(0, 31))
def test_a_merge_learned_of_later_changes_nothing_before(rows, said, cut):
    """At a cut-off, what counts for whom is the same whether or not the names learned of from then on are there."""

    def counted(named: dict) -> set:
        told = known(*((alias, *to) for alias, to in named.items())).told(facts(*rows))
        told = told[told["known_day"] < cut]
        merged = (told["person_day"] < cut).fillna(False)
        return set(zip(told["event_id"], told["person_id"].where(merged, told["student_id"]), strict=True))

    assert counted(said) == counted({alias: to for alias, to in said.items() if to[1] < cut})


# Enrolments, which are kept in versions.


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake", "UTC")


def add(lake: Lake, table: str, *rows: dict) -> object:
    with lake.adding("test", f"{table}{len(lake.batches())}") as batch:
        batch.write(table, pd.DataFrame(list(rows), index=range(2, len(rows) + 2)), file=f"{table}.csv")
    return batch.report


def enrolment(student: str, day: int, **more) -> dict:
    fixed = {"enrolment_id": "e1", "course_id": "c1", "occurred_at": at(DAY).isoformat()}
    return {**fixed, "student_id": student, "known_at": at(day).isoformat(), **more}


def identity(alias: str, student: str, day: int = DAY, **more) -> dict:
    return {"alias": alias, "student_id": student, "known_at": at(day).isoformat(), **more}


def test_an_enrolment_is_the_aliass_before_the_name_is_known_and_the_students_from_then_on(lake):
    add(lake, "enrolments", enrolment("email:a", DAY))
    add(lake, "identities", identity("email:a", "ann", DAY + 10))
    found = Enrolments(lake)
    assert list(found.at(DAY + 10)["student_id"]) == ["email:a"], "known during that day, so not at its start"
    assert list(found.at(DAY + 11)["student_id"]) == ["ann"]
    for asked in (["ann"], ["email:a"], ["ann", "email:a"]):
        own = Enrolments(lake, asked)
        assert list(own.at(DAY + 11)["student_id"]) == ["ann"]
        assert list(own.at(DAY + 5)["student_id"]) == (["email:a"] if "email:a" in asked else [])


def test_a_name_learned_of_later_does_not_bring_an_older_version_back(lake):
    ends = at(DAY + 60).isoformat()
    add(lake, "enrolments", enrolment("email:a", DAY), enrolment("ann", DAY + 4, ends_at=ends))
    add(lake, "identities", identity("email:a", "ann", DAY + 10))
    for day in (DAY + 5, DAY + 11, DAY + 20):
        row = Enrolments(lake).at(day).loc["e1"]
        assert (row["student_id"], row["end_day"]) == ("ann", DAY + 60)


def test_a_newer_version_under_the_alias_is_the_students(lake):
    ends = at(DAY + 60).isoformat()
    add(lake, "enrolments", enrolment("email:a", DAY), enrolment("email:a", DAY + 20, ends_at=ends))
    add(lake, "identities", identity("email:a", "ann", DAY + 10))
    found = [tuple(Enrolments(lake).at(day).loc["e1", ["student_id", "end_day"]]) for day in (DAY + 12, DAY + 21)]
    assert [student for student, _ in found] == ["ann", "ann"]
    assert found[1][1] == DAY + 60


@given(
    st.lists(st.tuples(NAMES, st.integers(0, 20)), min_size=1, max_size=6, unique_by=lambda version: version[1]),
    SAID,
    st.integers(1, 31),
)
def test_versions_say_whose_an_entity_was_at_any_cut_off(versions, said, cut):
    identities = known(*((alias, *to) for alias, to in said.items()))
    rows = pd.DataFrame({"id": "e1", "student_id": pd.Series([name for name, _ in versions], dtype="str")})
    rows["known_at"] = pd.Series([at(day) for _, day in versions], dtype="datetime64[us, UTC]")
    rows["known_day"] = pd.Series([day for _, day in versions], dtype="Int32")
    found = identities.versions(rows, "id").sort_values(["known_day", "known_at"], kind="stable")
    found = found[found["known_day"] < cut]
    before = [(day, name) for name, day in versions if day < cut]
    if not before:
        assert found.empty
        return
    name = max(before)[1]
    student, since = said.get(name, (name, 0))
    assert found["student_id"].iloc[-1] == (student if since < cut else name)


def test_a_student_is_known_by_any_name(lake):
    add(lake, "enrolments", enrolment("email:a", DAY))
    add(lake, "identities", identity("email:a", "ann"), identity("crm:7", "ann"))
    assert all(is_known(lake, name) for name in ("ann", "email:a", "crm:7"))
    assert not is_known(lake, "crm:8")


def test_a_name_learned_of_by_a_later_import_is_known_at_once(lake):
    assert Identities.of(lake).student("crm-1") == "crm-1"
    add(lake, "identities", identity("crm-1", "ann"))
    assert Identities.of(lake).student("crm-1") == "ann"
    add(lake, "identities", identity("crm-2", "ann"))
    assert Identities.of(lake).names(["ann"]) == ["ann", "crm-1", "crm-2"]
    assert Identities.of(lake, at(DAY) - timedelta(days=9)).names(["ann"]) == ["ann"]


def test_a_name_of_nobody_makes_nobody_known(lake):
    add(lake, "identities", identity("crm:7", "zoe"))
    assert not is_known(lake, "zoe")
    assert not is_known(lake, "crm:7")


def test_the_guides_example_joins_the_crms_names(tmp_path):
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "identity.md").read_text("utf-8")
    (tmp_path / "mapping.toml").write_text(guide.split("```toml\n")[1].split("```")[0], "utf-8")
    (tmp_path / "crm-people.csv").write_text("CRM id,LMS id,Linked on\nbitrix24:55,1017,2026-03-01 10:00\n", "utf-8")
    school = School(tmp_path / "school")
    assert csv.load(school, tmp_path / "mapping.toml").kept == {"identities": 1}
    assert Identities.of(Lake(school.lake, school.zone)).student("bitrix24:55") == "1017"
