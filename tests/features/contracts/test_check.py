import pandas as pd
import pytest

from features.contracts import TABLES, check
from features.errors import BadInput

GOOD = {
    "event_id": "e1",
    "enrolment_id": "ann",
    "kind": "login",
    "occurred_at": "2026-03-01T10:00:00+03:00",
    "known_at": "2026-03-01T10:00:00+03:00",
}


def rows(*changes: dict, table: str = "activity", index=None) -> object:
    frame = pd.DataFrame([GOOD | {"event_id": f"e{i}"} | change for i, change in enumerate(changes)], index=index)
    return check(table, frame, file="log.csv")


def test_sound_rows_are_typed_and_completed():
    kept = rows({}, {"quantity": "3"}).rows
    assert kept["quantity"].to_list() == [1.0, 3.0]
    assert str(kept["occurred_at"].iloc[0]) == "2026-03-01 07:00:00+00:00"
    assert list(kept.columns) == list(TABLES["activity"].columns)


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"event_id": ""}, "event_id", "is empty"),
        ({"event_id": "x" * 201}, "event_id", "longer than 200"),
        ({"event_id": "a\x00b"}, "event_id", "control character"),
        ({"kind": "dancing"}, "kind", "allowed values"),
        ({"quantity": "many"}, "quantity", "finite number"),
        ({"quantity": "inf"}, "quantity", "finite number"),
        ({"quantity": True}, "quantity", "finite number"),
        ({"quantity": "0"}, "quantity", "from 1"),
        ({"occurred_at": "2026-03-01 10:00"}, "occurred_at", "no time zone"),
        ({"occurred_at": "01.03.2026"}, "occurred_at", "not a moment"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "occurred_at", "before 1990"),
        ({"known_at": "2026-02-01T00:00:00Z"}, "known_at", "before occurred_at"),
        ({"known_at": "2999-01-01T00:00:00Z"}, "known_at", "in the future"),
    ],
)
def test_a_wrong_value_sets_its_row_aside_and_says_why(change, column, reason):
    checked = rows({}, change)
    assert (len(checked.rows), checked.rejected) == (1, 1)
    fault = checked.rejects[checked.rejects["column"] == column].iloc[0]
    assert reason in fault["reason"]
    assert fault["mend"]
    assert (fault["file"], fault["row"]) == ("log.csv", 1)


def test_all_faults_of_a_row_are_named_at_once_and_the_row_is_counted_once():
    checked = rows({"kind": "x", "quantity": "y", "occurred_at": "z"}, index=[17])
    assert set(checked.rejects["column"]) == {"kind", "quantity", "occurred_at"}
    assert set(checked.rejects["row"]) == {17}
    assert checked.rejected == 1


def test_missing_and_unknown_columns_are_named_together():
    with pytest.raises(BadInput, match=r"log.csv: lacks the columns enrolment_id, kind.* unknown column colour"):
        check(
            "activity",
            pd.DataFrame({"event_id": ["a"], "occurred_at": [""], "known_at": [""], "colour": ["red"]}),
            file="log.csv",
        )


def test_ids_that_were_read_as_numbers_are_still_ids():
    assert rows({"enrolment_id": 7.0}, {"enrolment_id": 12}).rows["enrolment_id"].to_list() == ["7", "12"]


def test_optional_values_may_be_missing_but_not_wrong():
    student = {"student_id": "ann", "known_at": GOOD["known_at"]}
    frame = pd.DataFrame([student | {"time_zone": zone} for zone in (None, "", "Asia/Omsk", "Moscow time")])
    checked = check("students", frame)
    assert checked.rows["time_zone"].fillna("none").to_list() == ["none", "none", "Asia/Omsk"]
    assert checked.rejects["reason"].to_list() == ["is not a known time zone"]


def test_flags_are_read_as_people_write_them():
    frame = pd.DataFrame(
        {"student_id": list("abcd"), "is_minor": ["yes", "0", "maybe", None], "known_at": GOOD["known_at"]}
    )
    checked = check("students", frame)
    assert checked.rows["is_minor"].to_list()[:2] == [True, False]
    assert pd.isna(checked.rows["is_minor"].iloc[2])
    assert checked.rejects["value"].to_list() == ["maybe"]


@pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES)
def test_every_table_is_described_and_has_its_times(contract):
    assert contract.text
    assert all(column.text for column in contract.columns.values())
    assert "known_at" in contract.columns
    assert all(name in contract.columns for pair in contract.order for name in pair)
    assert set(contract.key) <= set(contract.columns)
