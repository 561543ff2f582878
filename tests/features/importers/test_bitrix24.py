from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig, BadInput
from features.identity import email_alias
from features.importers import bitrix24
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
KEY = "k" * 32
COURSE = '[bitrix24.deals]\ncourse = "ufCrm_COURSE"\n'


def contact(id: int, created: str = "2025-08-20T10:00:00+03:00", **changes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "createdTime": created,
        "updatedTime": created,
        "name": "Анна",
        "lastName": "Кузнецова",
        "assignedById": 12,
        "fm": [{"id": 1, "typeId": "PHONE", "value": "+79990001122"}, {"typeId": "EMAIL", "value": f"c{id}@x.ru"}],
        "ufCrm_LMS": "",
        **changes,
    }


def deal(id: int, contact: int | None, stage: str = "WON", moved: str = "2025-09-01T12:00:00+03:00") -> dict[str, Any]:
    return {
        "id": id,
        "title": f"Сделка #{id}",
        "contactId": contact,
        "createdTime": "2025-08-25T12:00:00+03:00",
        "movedTime": moved,
        "updatedTime": "2025-11-01T12:00:00+03:00",
        "stageId": stage,
        "ufCrm_COURSE": "en-a1",
        "opportunity": 19900,
        "currencyId": "RUB",
        "numberOfPurchases": 7,
    }


def activity(id: int, type: int = 2, updated: str = "2025-09-10T12:00:00+03:00", **changes: Any) -> dict[str, Any]:
    return {
        "ID": str(id),
        "OWNER_ID": "9",
        "OWNER_TYPE_ID": "3",
        "TYPE_ID": str(type),
        "PROVIDER_ID": {2: "VOXIMPLANT_CALL", 4: "CRM_EMAIL", 3: "CRM_TASKS_TASK"}.get(type, ""),
        "DIRECTION": "2",
        "COMPLETED": "Y",
        "START_TIME": "2025-09-10T11:00:00+03:00",
        "CREATED": "2025-09-10T11:00:05+03:00",
        "LAST_UPDATED": updated,
        "RESPONSIBLE_ID": "12",
        "SUBJECT": "Исходящий на +79990001122",
        "callStatus": "",
        **changes,
    }


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., Path]:
    """Writes the rows of one answer, as crm.item.list gives them, or crm.activity.list."""

    def write(name: str, *rows: dict[str, Any], folder: str = "bitrix24") -> Path:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        result = list(rows) if name.startswith("activities") else {"items": list(rows)}
        content = {"result": result, "total": len(rows), "time": {"date_finish": "2025-11-02T00:00:00+03:00"}}
        (target / name).write_text(json.dumps(content, ensure_ascii=False), "utf-8")
        return target

    return write


def settle(school: School, text: str) -> None:
    (school.home / "configs").mkdir(exist_ok=True)
    (school.home / "configs" / "importers.toml").write_text(text, "utf-8")


def moscow(moment: pd.Timestamp) -> str:
    return moment.tz_convert("Europe/Moscow").strftime("%Y-%m-%d %H:%M:%S")


def test_deals_become_enrolments_and_outcomes_when_they_came_to_their_stage(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, COURSE + '[bitrix24.stages]\n"C3:LOSE" = "refund"\n')
    left = deal(2, 10, "C3:LOSE", "2025-10-05T12:00:00+03:00")
    report = bitrix24.load(
        school, answer("deals.json", deal(1, 9), left, deal(3, 11, "NEW"), deal(4, 12, "C3:DRAFT"), deal(5, None))
    )
    (enrolled,) = rows("enrolments").to_dict("records")
    assert (enrolled["enrolment_id"], enrolled["student_id"]) == ("en-a1:bitrix24:9", "bitrix24:9")
    assert moscow(enrolled["occurred_at"]) == moscow(enrolled["known_at"]) == "2025-09-01 12:00:00"
    assert enrolled["price_minor"] == 1_990_000
    (outcome,) = rows("outcomes").to_dict("records")
    assert (outcome["enrolment_id"], outcome["kind"]) == ("en-a1:bitrix24:10", "refund")
    assert moscow(outcome["known_at"]) == "2025-10-05 12:00:00"
    assert report.ignored == {
        "deals.json: NEW means nothing by [bitrix24.stages]": 1,
        "deals.json: C3:DRAFT is not among the words of [bitrix24.stages]": 1,
    }
    (fault,) = report.faults
    assert (fault["row"], fault["column"], fault["reason"]) == ("5", "contactId", "is empty")


def test_the_history_of_stages_tells_when_a_deal_began_and_when_it_ended(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, COURSE + '[bitrix24.stages]\n"C3:LOSE" = "withdrawal"\n')

    def move(deal: int, stage: str, at: str) -> dict[str, Any]:
        return {"ID": 1, "TYPE_ID": 2, "OWNER_ID": deal, "STAGE_ID": stage, "CREATED_TIME": f"{at}T12:00:00+03:00"}

    answer("deals.json", deal(1, 9, "C3:LOSE", "2025-10-05T12:00:00+03:00"))
    moves = [move(1, "C3:LOSE", "2025-10-05"), move(1, "NEW", "2025-08-25"), move(1, "WON", "2025-09-01")]
    report = bitrix24.load(school, answer("stagehistory.json", *moves, move(77, "WON", "2025-09-01")))
    assert moscow(rows("enrolments")["known_at"][0]) == "2025-09-01 12:00:00"
    assert moscow(rows("outcomes")["known_at"][0]) == "2025-10-05 12:00:00"
    assert report.ignored == {
        "stagehistory.json: moves of deals that are not there": 1,
        "stagehistory.json: NEW means nothing by [bitrix24.stages]": 1,
    }


def test_contacts_name_the_student_of_the_learning_system(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, COURSE + '[bitrix24.contacts]\nstudent_id = "ufCrm_LMS"\n')
    answer("contacts.json", contact(9, ufCrm_LMS="5017"), contact(10), contact(11, ufCrm_LMS=None))
    report = bitrix24.load(school, answer("deals.json", deal(1, 9), deal(2, 10)))
    (known,) = rows("identities").to_dict("records")
    assert (known["alias"], known["student_id"], known["source"]) == ("bitrix24:9", "5017", "bitrix24")
    assert rows("students").empty
    assert rows("enrolments")["enrolment_id"].tolist() == ["en-a1:5017", "en-a1:bitrix24:10"]
    assert rows("enrolments")["student_id"].tolist() == ["bitrix24:9", "bitrix24:10"]
    assert report.ignored == {"contacts.json: contacts; the school lists its students elsewhere": 3}
    later = bitrix24.load(school, answer("deals.json", deal(3, 9) | {"ufCrm_COURSE": "de-b1"}, folder="later"))
    assert later.kept["enrolments"] == 1
    assert "de-b1:5017" in set(rows("enrolments")["enrolment_id"]), "what an earlier import said is known"


def test_contacts_as_the_schools_list_become_students_and_their_versions(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    keyed = School(school.home, KEY)
    settle(keyed, '[bitrix24]\nregister = true\n[bitrix24.contacts]\nemail = "fm"\n[bitrix24.logins]\n12 = "olga"\n')
    bitrix24.load(keyed, answer("contacts.json", contact(9)))
    changed = contact(9, lastName="Петрова", updatedTime="2025-10-01T10:00:00+03:00")
    report = bitrix24.load(keyed, answer("contacts.json", changed, folder="later"))
    assert report.kept == {"students": 1, "identities": 0}
    people = rows("students")
    assert people["display_name"].tolist() == ["Анна Кузнецова", "Анна Петрова"]
    assert [moscow(moment)[:10] for moment in people["known_at"]] == ["2025-08-20", "2025-10-01"]
    assert set(people["curator"]) == {"olga"}
    assert rows("identities")["alias"].tolist() == [email_alias("c9@x.ru", KEY)]
    assert rows("identities")["student_id"].tolist() == ["bitrix24:9"]
    kept = b"".join(file.read_bytes() for file in school.home.rglob("*") if file.is_file())
    assert b"c9@x.ru" not in kept
    assert b"+7999" not in kept


def test_calls_and_letters_become_touches_with_who_made_them(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, COURSE + '[bitrix24.logins]\n"12" = "olga"\n')
    answer("deals.json", deal(1, 10))
    report = bitrix24.load(
        school,
        answer(
            "activities.json",
            activity(1),
            activity(2, 4, OWNER_TYPE_ID="2", OWNER_ID="1", RESPONSIBLE_ID="14"),
            activity(3, 6, PROVIDER_ID="CRM_SMS"),
            activity(4, DIRECTION="1"),
            activity(5, COMPLETED="N"),
            activity(6, 3),
            activity(7, OWNER_TYPE_ID="1"),
            activity(8, START_TIME=""),
        ),
    )
    found = rows("touches").set_index("touch_id")
    assert found["channel"].to_dict() == {
        "bitrix24:activity:1": "call",
        "bitrix24:activity:2": "email",
        "bitrix24:activity:3": "sms",
    }
    assert found["student_id"].tolist() == ["bitrix24:9", "bitrix24:10", "bitrix24:9"]
    assert found["by"].tolist() == ["olga", "14", "olga"]
    assert set(found["status"]) == {"sent"}
    assert moscow(found["occurred_at"].iloc[0]) == "2025-09-10 11:00:00"
    assert moscow(found["known_at"].iloc[0]) == "2025-09-10 11:00:05"
    assert report.ignored == {
        "activities.json: activities of type 3": 1,
        "activities.json: incoming, the student wrote or called": 1,
        "activities.json: planned, not carried out": 1,
        "activities.json: about no contact, and no deal that is there": 1,
    }
    assert [(fault["row"], fault["column"]) for fault in report.faults] == [("8", "START_TIME")]


def test_how_a_touch_went_is_a_newer_version_known_when_it_was_written_down(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, '[bitrix24.activities]\nresult = "callStatus"\n')
    bitrix24.load(school, answer("activities.json", activity(1), activity(2, callStatus="304")))
    before = rows("touches")
    assert before["status"].tolist() == ["sent", "sent", "failed"]
    assert moscow(before["known_at"].iloc[2]) == "2025-09-10 12:00:00"
    later = "2025-09-12T09:00:00+03:00"
    answered = activity(1, updated=later, callStatus="Успешный звонок", RESPONSIBLE_ID="99")
    same_again = activity(2, updated=later, callStatus="304")
    report = bitrix24.load(school, answer("activities-2025-09-15.json", answered, same_again, folder="later"))
    assert report.kept == {"touches": 1}
    assert report.ignored == {}
    pd.testing.assert_frame_equal(rows("touches").head(len(before)), before)
    newest = rows("touches").iloc[-1]
    assert (newest["touch_id"], newest["status"], newest["by"]) == ("bitrix24:activity:1", "answered", "99")
    assert moscow(newest["known_at"]) == "2025-09-12 09:00:00"
    assert bitrix24.load(school, answer("activities-2025-09-15.json", answered, same_again, folder="later")).repeated


def test_the_csv_of_the_site_is_read_with_russian_headings(school: School, tmp_path: Path, rows: Rows) -> None:
    settle(school, '[bitrix24.deals]\ncourse = "Курс"\nmoved = ""\n')
    lines = [
        "ID;Название сделки;Стадия сделки;Сумма;Валюта;Контакт: ID;Дата создания;Дата изменения;Курс",
        "1;Сделка;Сделка успешна;19900.00;RUB;9;25.08.2025 12:00:00;01.09.2025 13:00:00;en-a1",
        "2;Сделка;Сделка успешна;19900|RUB;RUB;10;25.08.2025 12:00:00;;en-a1",
    ]
    file = tmp_path / "deals.csv"
    file.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    report = bitrix24.load(school, file)
    (enrolled,) = rows("enrolments").to_dict("records")
    assert moscow(enrolled["known_at"]) == "2025-09-01 13:00:00"
    assert report.ignored == {"deals.csv: stage Сделка успешна has no date, in the row or in the file's name": 1}
    file.rename(tmp_path / "deals 2025-10-02.csv")
    bitrix24.load(school, tmp_path / "deals 2025-10-02.csv")
    second = rows("enrolments").set_index("student_id").loc["bitrix24:10"]
    assert moscow(second["known_at"]) == "2025-10-02 23:59:59"


def test_pages_in_json_lines_are_read_as_one(
    school: School, answer: Callable[..., Path], tmp_path: Path, rows: Rows
) -> None:
    settle(school, COURSE)
    pages = [{"result": {"items": [deal(1, 9), deal(2, 10)]}, "next": 50}, {"result": {"items": [deal(3, 11)]}}]
    file = tmp_path / "deals.jsonl"
    file.write_text("\n".join(json.dumps(page) for page in pages), "utf-8")
    bitrix24.load(school, file)
    assert len(rows("enrolments")) == 3
    wide = School(tmp_path / "wide")
    wide.home.mkdir()
    settle(wide, COURSE)
    bitrix24.load(wide, answer("deals.json", deal(1, 9), deal(2, 10), deal(3, 11)))
    pd.testing.assert_frame_equal(rows("enrolments"), Lake(wide.lake, wide.zone).read("enrolments"))


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", BadConfig, "course is empty. Write what the column is called: id, title, contactId"),
        ('[bitrix24.deals]\ncourse = "UF"\n', BadInput, "lacks the heading UF. Its headings are: id, title"),
        (COURSE + '[bitrix24]\nnamed_by = "email"\n', BadConfig, "carry no address"),
        (COURSE + '[bitrix24.stages]\nWON = "win"\n', BadConfig, "'WON' cannot be 'win'"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    school: School, answer: Callable[..., Path], text: str, error: type[Exception], words: str
) -> None:
    settle(school, text)
    with pytest.raises(error, match=words):
        bitrix24.load(school, answer("deals.json", deal(1, 9)))
    assert Lake(school.lake, school.zone).is_empty


def test_an_answer_that_is_an_error_is_refused(school: School, tmp_path: Path) -> None:
    text = '{"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}'
    (tmp_path / "deals.json").write_text(text, "utf-8")
    with pytest.raises(BadInput, match="no export but the answer 'Too many requests'"):
        bitrix24.load(school, tmp_path / "deals.json")
