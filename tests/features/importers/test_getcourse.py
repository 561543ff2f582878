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
from features.importers import getcourse
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
KEY = "k" * 32
USER_FIELDS = [
    *("id", "Email", "Тип регистрации", "Создан", "Последняя активность", "Имя", "Фамилия", "Телефон"),
    *("Дата рождения", "Возраст", "Страна", "Город", "От партнера", "utm_source"),
]
DEAL_FIELDS = [
    *("ID заказа", "Номер", "ID пользователя", "Пользователь", "Email", "Телефон", "Дата создания", "Дата оплаты"),
    *("Title", "Статус", "Стоимость, RUB", "Оплачено", "Комиссия платежной системы", "Валюта", "Менеджер", "Город"),
]
PAYMENT_FIELDS = [
    *("Номер", "Пользователь", "Эл. почта", "Заказ", "Дата создания", "Тип", "Статус", "Сумма", "Комиссии"),
    *("Получено", "Код платежа", "Название"),
]


def user(id: int, name: str = "Анна", created: str = "2025-08-20 10:15:00", email: str | None = None) -> list[Any]:
    email = f"user{id}@example.ru" if email is None else email
    return [
        *(id, email, "Пользователь", created, "2025-10-01 09:00:00", name, "Кузнецова", "+79990001122", "", ""),
        *("Россия", "Москва", "", "vk"),
    ]


def deal(
    id: int,
    user: int,
    status: str = "Завершен",
    paid: str = "2025-09-01 12:30:00",
    *,
    offer: str = "Английский A1",
    created: str = "2025-08-30 18:00:00",
    price: str = "19 900",
) -> list[Any]:
    person = ("Анна Кузнецова", f"user{user}@example.ru", "+79990001122")
    return [id, 10000 + id, user, *person, created, paid, offer, status, price, price, "0", "RUB", "Ольга", "Москва"]


def payment(id: int, deal: int, status: str = "Получен", at: str = "2025-09-01 12:30:00", sum: str = "19900.00 руб."):
    return [id, "Анна Кузнецова", "user@example.ru", 10000 + deal, at, "Картой", status, sum, "", sum, f"p{id}", "Курс"]


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., Path]:
    """Writes one answer of the API."""

    def write(name: str, fields: list[str], *items: list[Any], folder: str = "getcourse") -> Path:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        info = {"fields": fields, "items": list(items)}
        text = json.dumps({"success": True, "info": info, "error": False, "error_code": 0}, ensure_ascii=False)
        (target / name).write_text(text, "utf-8")
        return target

    return write


def as_csv(fields: list[str], *items: list[Any], mark: str = ";") -> str:
    lines = [mark.join(f'"{cell}"' if mark in str(cell) else str(cell) for cell in row) for row in (fields, *items)]
    return "\r\n".join(lines) + "\r\n"


def settle(school: School, text: str) -> None:
    (school.home / "configs").mkdir(exist_ok=True)
    (school.home / "configs" / "importers.toml").write_text(text, "utf-8")


def moscow(moment: pd.Timestamp) -> str:
    return moment.tz_convert("Europe/Moscow").strftime("%Y-%m-%d %H:%M:%S")


def test_users_orders_and_payments_of_the_api_become_students_enrolments_and_money(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    answer("users.json", USER_FIELDS, user(7), user(8, "Пётр"))
    answer("deals.json", DEAL_FIELDS, deal(1, 7), deal(2, 8, "Новый", ""))
    folder = answer("payments.json", PAYMENT_FIELDS, payment(55, 1), payment(56, 1, "Ожидается"))
    report = getcourse.load(school, folder)
    assert report.faults == []
    assert report.ignored == {
        "users.json: e-mail addresses; HANDRAIL_IDENTITY_KEY is not set": 2,
        "deals.json: Новый means nothing by [getcourse.statuses]": 1,
        "payments.json: Ожидается means nothing by [getcourse.payment_statuses]": 1,
    }
    assert rows("students").set_index("student_id")["display_name"].to_dict() == {
        "getcourse:7": "Анна Кузнецова",
        "getcourse:8": "Пётр Кузнецова",
    }
    (enrolled,) = rows("enrolments").to_dict("records")
    assert enrolled["enrolment_id"] == "Английский A1:getcourse:7"
    assert (enrolled["student_id"], enrolled["course_id"]) == ("getcourse:7", "Английский A1")
    assert moscow(enrolled["occurred_at"]) == moscow(enrolled["known_at"]) == "2025-09-01 12:30:00"
    assert enrolled["price_minor"] == 1_990_000
    (paid,) = rows("payments").to_dict("records")
    assert (paid["kind"], paid["amount_minor"], paid["student_id"]) == ("paid", 1_990_000, "getcourse:7")
    assert paid["enrolment_id"] == enrolled["enrolment_id"]
    assert rows("courses")["course_id"].tolist() == ["Английский A1"]


@pytest.mark.parametrize(
    ("mark", "encoding"), [(";", "utf-8-sig"), (",", "utf-8-sig"), (";", "cp1251"), (",", "cp1251"), ("\t", "utf-8")]
)
def test_the_csv_of_the_site_gives_the_same_as_the_api(
    school: School, answer: Callable[..., Path], rows: Rows, tmp_path: Path, mark: str, encoding: str
) -> None:
    getcourse.load(school, answer("deals.json", DEAL_FIELDS, deal(1, 7), deal(2, 8, price="7 450,50")))
    other = School(tmp_path / "other")
    items = (deal(1, 7, paid="01.09.2025 12:30"), deal(2, 8, paid="01.09.2025 12:30", price="7450.50"))
    file = tmp_path / "Deals.csv"
    file.write_bytes(as_csv(DEAL_FIELDS, *items, mark=mark).encode(encoding))
    getcourse.load(other, file)
    pd.testing.assert_frame_equal(rows("enrolments"), Lake(other.lake, other.zone).read("enrolments"))
    assert rows("enrolments")["price_minor"].tolist() == [1_990_000, 745_050]


def test_a_missing_heading_is_named_with_those_that_are_there_and_the_setting(
    school: School, answer: Callable[..., Path]
) -> None:
    fields = ["Предложение" if name == "Title" else name for name in DEAL_FIELDS]
    with pytest.raises(BadInput) as refused:
        getcourse.load(school, answer("deals.json", fields, deal(1, 7)))
    words = str(refused.value)
    assert "deals.json: lacks the heading Title or Состав заказа. Its headings are: ID заказа, Номер" in words
    assert "Предложение" in words
    assert 'course = "..." under [getcourse.deals] in importers.toml' in words
    assert Lake(school.lake, school.zone).is_empty
    settle(school, '[getcourse.deals]\ncourse = "предложение"\n')  # the case of letters does not matter
    assert getcourse.load(school, answer("deals.json", fields, deal(1, 7))).kept["enrolments"] == 1


def test_a_status_without_a_date_counts_from_the_day_in_the_files_name(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    getcourse.load(school, answer("deals_2025-10-05.json", DEAL_FIELDS, deal(1, 7, "Ожидаем возврата")))
    (left,) = rows("outcomes").to_dict("records")
    assert (left["kind"], left["enrolment_id"]) == ("refund", "Английский A1:getcourse:7")
    assert moscow(left["occurred_at"]) == moscow(left["known_at"]) == "2025-10-05 23:59:59"
    assert moscow(rows("enrolments")["known_at"][0]) == "2025-09-01 12:30:00"


def test_a_status_without_any_date_is_left_out_and_counted(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    folder = answer("deals.json", DEAL_FIELDS, deal(1, 7, "Отменен"), deal(2, 8, "Частично оплачен", ""))
    report = getcourse.load(school, folder)
    assert rows("outcomes").empty
    assert rows("enrolments")["student_id"].tolist() == ["getcourse:7"]
    assert report.ignored == {
        "deals.json: status Отменен has no date, in the row or in the file's name": 1,
        "deals.json: status Частично оплачен has no date, in the row or in the file's name": 1,
    }


def test_a_column_with_the_moment_of_the_status_is_used_first(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, '[getcourse.deals]\nchanged = "Статус изменён"\n')
    row = [*deal(1, 7, "Отменён"), "2025-09-20 11:00:00"]
    getcourse.load(school, answer("deals_2025-10-05.json", [*DEAL_FIELDS, "Статус изменен"], row))
    assert moscow(rows("outcomes")["known_at"][0]) == "2025-09-20 11:00:00"


def test_an_order_that_was_never_paid_is_no_refund_and_one_bought_instead_keeps_the_enrolment(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    folder = answer(
        "deals-2025-10-05.json",
        DEAL_FIELDS,
        deal(1, 7, "Отменен", ""),
        deal(2, 8, "Отменен"),
        deal(3, 8, paid="2025-09-02 10:00:00"),
    )
    report = getcourse.load(school, folder)
    assert rows("outcomes").empty
    assert rows("enrolments")["enrolment_id"].tolist() == ["Английский A1:getcourse:8"]
    assert moscow(rows("enrolments")["occurred_at"][0]) == "2025-09-01 12:30:00"
    assert report.ignored == {
        "deals-2025-10-05.json: Отменен: the order was never paid": 1,
        "deals-2025-10-05.json: Отменен: another order for the same course is paid": 1,
        "deals-2025-10-05.json: an order of an enrolment that began before it": 1,
    }


def test_a_later_export_adds_what_is_new_and_changes_nothing_that_was_known(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    first = answer("deals-2025-09-10.json", DEAL_FIELDS, deal(1, 7), deal(2, 8, "Частично оплачен", ""))
    answer("users-2025-09-10.json", USER_FIELDS, user(7), user(8), folder="getcourse")
    getcourse.load(school, first)
    assert getcourse.load(school, first).repeated
    before = {table: rows(table) for table in ("enrolments", "students", "courses")}
    assert moscow(before["enrolments"]["known_at"][1]) == "2025-09-10 23:59:59"
    assert moscow(before["enrolments"]["occurred_at"][1]) == "2025-08-30 18:00:00"
    later = answer(
        "deals-2025-11-01.json",
        DEAL_FIELDS,
        deal(1, 7, "Ожидаем возврата"),
        deal(2, 8, "Завершен", "2025-10-20 10:00:00"),
        deal(3, 9, paid="2025-10-21 10:00:00"),
        folder="later",
    )
    answer("users-2025-11-01.json", USER_FIELDS, user(7), user(8, "Пётр"), user(9), folder="later")
    report = getcourse.load(school, later)
    assert {table: n for table, n in report.kept.items() if n} == {"students": 2, "enrolments": 1, "outcomes": 1}
    for table, old in before.items():
        pd.testing.assert_frame_equal(rows(table).head(len(old)), old)
    assert moscow(rows("students").query("display_name == 'Пётр Кузнецова'")["known_at"].iloc[0])[:10] == "2025-11-01"
    partly = rows("enrolments").query("student_id == 'getcourse:8'")
    assert len(partly) == 1, "the rest of the money does not move the beginning"


def test_an_undated_later_export_changes_no_person(school: School, answer: Callable[..., Path], rows: Rows) -> None:
    getcourse.load(school, answer("users.json", USER_FIELDS, user(7)))
    report = getcourse.load(school, answer("users.json", USER_FIELDS, user(7, "Мария"), user(9), folder="later"))
    assert rows("students")["display_name"].tolist() == ["Анна Кузнецова", "Анна Кузнецова"]
    assert sum("the file's name has no date" in reason for reason in report.ignored) == 1


def test_totals_as_of_today_are_not_read_and_cannot_be(
    school: School, answer: Callable[..., Path], rows: Rows, tmp_path: Path
) -> None:
    totals = ["Количество покупок", "Сумма покупок", "Дней с последнего входа"]
    getcourse.load(school, answer("users.json", USER_FIELDS, user(7)))
    other = School(tmp_path / "other")
    getcourse.load(other, answer("users.json", [*USER_FIELDS, *totals], [*user(7), 5, "99 500", 41], folder="totals"))
    pd.testing.assert_frame_equal(rows("students"), Lake(other.lake, other.zone).read("students"))
    settle(school, '[getcourse.users]\npurchases = "Количество покупок"\n')
    with pytest.raises(BadConfig, match=r"unknown setting purchases.*Totals as of today.*are not read"):
        getcourse.load(school, answer("users.json", USER_FIELDS, user(7)))


def test_a_file_named_by_another_day_than_it_was_taken_on_is_refused(
    school: School, answer: Callable[..., Path]
) -> None:
    folder = answer("deals-2025-08-31.json", DEAL_FIELDS, deal(1, 7))
    with pytest.raises(BadInput, match="row 1 is of 2025-09-01 09:30 UTC, after the date in the file's name"):
        getcourse.load(school, folder)
    with pytest.raises(BadInput, match="no sound date: 2025-13-01"):
        getcourse.load(school, answer("deals-2025-13-01.json", DEAL_FIELDS, deal(1, 7), folder="month"))


def test_addresses_are_kept_only_as_keyed_hashes(school: School, answer: Callable[..., Path], rows: Rows) -> None:
    keyed = School(school.home, KEY)
    folder = answer("users.json", USER_FIELDS, user(7), user(8, email="Twin@x.ru"), user(9, email="twin@x.ru "))
    answer("deals.json", DEAL_FIELDS, deal(1, 7))
    report = getcourse.load(keyed, answer("payments.json", PAYMENT_FIELDS, payment(55, 1)))
    (known,) = rows("identities").to_dict("records")
    assert known["alias"] == email_alias("user7@example.ru", KEY)
    assert (known["student_id"], known["source"]) == ("getcourse:7", "getcourse")
    assert report.set_aside["identities"] == 2, "one address of two students is nobody's"
    kept = b"".join(path.read_bytes() for path in folder.parent.glob("school/**/*") if path.is_file())
    text = " ".join(str(rows(table).to_dict()) for table in ("students", "enrolments", "payments", "identities"))
    text += json.dumps(report.as_dict(), ensure_ascii=False, default=str) + str(Lake(keyed.lake, keyed.zone).rejects())
    assert not [word for word in ("user7@", "twin", "+7999") if word in text.lower()]
    assert b"user7@" not in kept


def test_people_can_go_by_their_address_or_by_the_schools_own_ids(
    school: School, answer: Callable[..., Path], rows: Rows, tmp_path: Path
) -> None:
    keyed = School(school.home, KEY)
    settle(keyed, '[getcourse]\nnamed_by = "email"\nregister = false\n')
    getcourse.load(keyed, answer("deals.json", DEAL_FIELDS, deal(1, 7)))
    assert rows("enrolments")["student_id"].tolist() == [email_alias("user7@example.ru", KEY)]
    own = School(tmp_path / "own")
    own.home.mkdir()
    settle(own, '[getcourse]\nnamed_by = "own_id"\n')
    getcourse.load(own, answer("users.json", USER_FIELDS, user(7)))
    lake = Lake(own.lake, own.zone)
    assert set(lake.read("students")["student_id"]) == set(lake.read("enrolments")["student_id"]) == {"7"}
    keyless = School(tmp_path / "keyless")
    keyless.home.mkdir()
    settle(keyless, '[getcourse]\nnamed_by = "email"\n')
    with pytest.raises(BadConfig, match="HANDRAIL_IDENTITY_KEY"):
        getcourse.load(keyless, answer("deals.json", DEAL_FIELDS, deal(1, 7)))


def test_payments_that_failed_or_went_back_and_the_discount_of_an_order(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, '[getcourse.deals]\ndiscount = "Скидка"\n')
    answer("deals.json", [*DEAL_FIELDS, "Скидка"], [*deal(1, 7), "2 000"])
    folder = answer(
        "payments-2025-10-01.json",
        PAYMENT_FIELDS,
        payment(57, 1, "Возвращен", "2025-09-15 10:00:00"),
        payment(55, 1, "Ошибка", "2025-08-31 10:00:00"),
        payment(56, 1),
        payment(58, 77),
    )
    report = getcourse.load(school, folder)
    found = rows("payments").set_index("event_id")
    assert found["kind"].to_dict() == {
        "getcourse:payment:57:paid": "paid",
        "getcourse:payment:55:failed": "failed",
        "getcourse:payment:56:paid": "paid",
        "getcourse:payment:57:refunded": "refunded",
    }
    assert found["discount_minor"].dropna().to_dict() == {"getcourse:payment:56:paid": 200_000}
    assert moscow(found["known_at"]["getcourse:payment:57:paid"]) == "2025-09-15 10:00:00"
    assert moscow(found["known_at"]["getcourse:payment:57:refunded"]) == "2025-10-01 23:59:59"
    (fault,) = report.faults
    assert (fault["file"], fault["row"], fault["column"]) == ("payments-2025-10-01.json", "4", "Заказ")
    assert fault["reason"] == "names no known order"


def test_offers_are_folded_into_courses_and_some_are_none(
    school: School, answer: Callable[..., Path], rows: Rows
) -> None:
    settle(school, '[getcourse.courses]\n"Английский A1" = "en-a1"\n"Английский A1, VIP" = "en-a1"\n"Гайд" = ""\n')
    folder = answer(
        "deals.json", DEAL_FIELDS, deal(1, 7), deal(2, 8, offer="английский A1,  VIP"), deal(3, 9, offer="Гайд")
    )
    report = getcourse.load(school, folder)
    assert set(rows("enrolments")["course_id"]) == {"en-a1"}
    assert set(rows("enrolments")["enrolment_id"]) == {"en-a1:getcourse:7", "en-a1:getcourse:8"}
    assert sum(report.ignored.values()) == 1


def test_bad_rows_are_set_aside_with_their_line(school: School, tmp_path: Path, rows: Rows) -> None:
    good, no_user, no_day, no_price = deal(1, 7), deal(2, 8), deal(3, 9, paid="вчера"), deal(4, 10, price="бесплатно")
    no_user[2] = ""
    file = tmp_path / "deals.csv"
    text = as_csv(DEAL_FIELDS, good, no_user, no_day, no_price)
    file.write_text(text + "5;10005;11\r\n", "utf-8")
    report = getcourse.load(school, file)
    assert rows("enrolments")["student_id"].tolist() == ["getcourse:7"]
    found = {fault["row"]: f"{fault['column']} {fault['reason']}" for fault in report.faults}
    assert found == {
        "3": "ID пользователя is empty",
        "4": "Дата оплаты is not a moment",
        "5": "price_minor is not a finite number",
        "6": " has fewer cells than the 16 headings",
    }
    assert all(fault["file"] == "deals.csv" and fault["mend"] for fault in report.faults)


def test_lessons_of_a_process_are_activity_of_the_same_enrolment(school: School, tmp_path: Path, rows: Rows) -> None:
    file = tmp_path / "lessons.csv"
    lines = [
        *("ID пользователя;Тренинг;Урок;Событие;Дата", "7;Английский A1;Урок 1;Урок пройден;02.09.2025 20:01"),
        *("7;Английский A1;Урок 2;Ответ отправлен;03.09.2025 20:01", "7;Английский A1;Урок 2;Лайк;03.09.2025 20:02"),
    ]
    file.write_bytes(("\n".join(lines) + "\n").encode("cp1251"))
    report = getcourse.load(school, file)
    found = rows("activity")
    assert found["kind"].tolist() == ["lesson_completed", "homework"]
    assert set(found["enrolment_id"]) == {"Английский A1:getcourse:7"}
    assert report.ignored == {"lessons.csv: Лайк is not among the words of [getcourse.lesson_events]": 1}
    file.write_bytes(("\n".join([lines[0], *lines[2:], lines[1]]) + "\n").encode("cp1251"))
    assert getcourse.load(school, file).kept["activity"] == 0


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "deals.json",
            '{"success": false, "error": true, "error_code": 905, "error_message": "Файл еще не создан"}',
            "905|еще",
        ),
        ("deals.json", '{"info": ', "is not JSON"),
        ("deals.json", '{"success": true, "info": {"fields": [], "items": []}}', "holds no rows"),
        ("orders.csv", "ID заказа\n1\n", "its name does not say what it holds"),
        ("deals.csv", "", "the file is empty"),
    ],
)
def test_a_file_that_is_no_export_is_refused_whole(
    school: School, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(BadInput, match=words):
        getcourse.load(school, tmp_path / name)
    assert Lake(school.lake, school.zone).is_empty


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[getcourse]\nnamed_by = "phone"', "named_by = 'phone'. Write one of: id, email, own_id"),
        ('[getcourse.statuses]\n"Продлён" = "renewed"', "'Продлён' cannot be 'renewed'"),
        ('[getcourse]\ntime_zone = "Moscow"', "is not a known zone"),
        ('[getcourse.deals]\nid = ""', "id is empty"),
        ("[getcourse.deals]\nprice = 5", "price = 5"),
        ('[getcourse]\nregister = "yes"', "register = 'yes'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    school: School, answer: Callable[..., Path], text: str, words: str
) -> None:
    settle(school, text)
    with pytest.raises(BadConfig, match=words.replace("(", r"\(")):
        getcourse.load(school, answer("deals.json", DEAL_FIELDS, deal(1, 7)))
