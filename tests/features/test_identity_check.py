from __future__ import annotations

import itertools

import pandas as pd
import pytest

from features.lake import Lake

AT = "2026-03-08T12:00:00Z"
LATER = "2026-03-09T12:00:00Z"


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake", "UTC")


def add(lake: Lake, table: str, *rows: dict):
    with lake.adding("test", str(len(lake.batches()))) as batch:
        batch.write(table, pd.DataFrame(list(rows), index=range(2, len(rows) + 2)), file=f"{table}.csv")
    return batch.report


def names(lake: Lake, *pairs: str, known_at: str = AT):
    """Adds identities written like "crm:7 ann"."""
    rows = [dict(zip(("alias", "student_id"), pair.split(), strict=True), known_at=known_at) for pair in pairs]
    return add(lake, "identities", *rows)


def kept(lake: Lake) -> dict[str, str]:
    rows = lake.read("identities")
    return dict(zip(rows["alias"], rows["student_id"], strict=True))


def enrol(lake: Lake, *students: str):
    at = {"course_id": "c1", "occurred_at": AT, "known_at": AT}
    return add(lake, "enrolments", *({"enrolment_id": f"c1:{one}", "student_id": one, **at} for one in students))


def test_a_second_word_that_agrees_is_the_same_fact(lake):
    names(lake, "crm:7 ann")
    report = names(lake, "crm:7 ann", known_at=LATER)
    assert (report.kept, report.already_known, report.set_aside) == (
        {"identities": 0},
        {"identities": 1},
        {"identities": 0},
    )


def test_a_second_word_that_contradicts_is_set_aside_and_names_both_students(lake):
    names(lake, "crm:7 ann")
    report = names(lake, "crm:8 bob", "crm:7 bob")
    assert kept(lake) == {"crm:7": "ann", "crm:8": "bob"}
    (fault,) = report.faults
    assert (fault["file"], fault["row"], fault["column"]) == ("identities.csv", "3", "alias")
    assert fault["reason"] == "was said to be another student"
    assert "crm:7 is bob here and ann by an earlier import" in fault["mend"]
    assert report.read["identities"] == report.kept["identities"] + report.set_aside["identities"] == 2


@pytest.mark.parametrize("order", list(itertools.permutations(["crm:7 ann", "crm:7 bob", "crm:8 bob"])))
def test_of_two_words_in_one_file_neither_is_taken_whatever_their_order(lake, order):
    report = names(lake, *order)
    assert kept(lake) == {"crm:8": "bob"}
    assert all("crm:7 is said to be ann and bob" in fault["mend"] for fault in report.faults)
    assert len(report.faults) == 2


@pytest.mark.parametrize("order", list(itertools.permutations(["a b", "b c", "d e"])))
def test_an_alias_of_an_alias_is_refused_whatever_the_order(lake, order):
    report = names(lake, *order)
    assert kept(lake) == {"b": "c", "d": "e"}
    assert "write the student's own id" in report.faults[0]["mend"]


def test_an_alias_of_an_alias_of_an_earlier_import_is_refused_at_either_end(lake):
    names(lake, "b c")
    report = names(lake, "a b", "c d")
    assert kept(lake) == {"b": "c"}
    assert [fault["reason"] for fault in report.faults] == ["is an alias itself", "stands for other names already"]


def test_a_students_own_id_is_no_alias(lake):
    report = names(lake, "ann ann", "crm:7 ann")
    assert kept(lake) == {"crm:7": "ann"}
    assert report.faults[0]["reason"] == "names a student by the student's own id"


def test_a_student_of_the_school_is_no_alias(lake):
    add(lake, "students", {"student_id": "17", "known_at": AT})
    enrol(lake, "18", "email:ab")
    report = names(lake, "17 ann", "18 ann", "email:ab ann")
    assert kept(lake) == {"email:ab": "ann"}, "a name that an importer made of an address is nobody's own"
    assert {fault["reason"] for fault in report.faults} == {"is a student itself"}


def test_an_alias_is_no_student_of_the_school_afterwards(lake):
    names(lake, "17 ann")
    report = add(lake, "students", {"student_id": "17", "known_at": AT}, {"student_id": "18", "known_at": AT})
    assert list(lake.read("students")["student_id"]) == ["18"]
    assert "17 is another name of ann" in report.faults[0]["mend"]


def test_rows_under_an_alias_go_on_coming_in_and_its_word_may_be_repeated(lake):
    names(lake, "crm:7 ann")
    assert enrol(lake, "crm:7").kept == {"enrolments": 1}
    assert names(lake, "crm:7 ann").already_known == {"identities": 1}


def test_of_two_equal_words_the_earlier_known_one_is_kept_whatever_their_order(lake):
    rows = [{"alias": "crm:7", "student_id": "ann", "known_at": at} for at in (LATER, AT)]
    add(lake, "identities", *rows)
    assert list(lake.read("identities")["known_at"]) == [pd.Timestamp(AT)]


def test_a_row_that_breaks_its_contract_is_told_as_before(lake):
    report = names(lake, "crm:7 ann", "crm:7 bob")
    report = add(
        lake,
        "identities",
        {"alias": "", "student_id": "x", "known_at": AT},
        {"alias": "y", "student_id": "x", "known_at": AT},
    )
    assert [(fault["row"], fault["reason"]) for fault in report.faults] == [("2", "is empty")]
    assert kept(lake) == {"y": "x"}
