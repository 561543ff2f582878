"""Words: the same catalogue in every language, right plurals, and no stored name shown to people."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import FEATURES
from serving import wording
from serving.wording import LANGUAGES, WORDS, Catalogue

PAGE_WORDS = Catalogue(Path(wording.__file__).with_name("page") / "texts")
CATALOGUES = pytest.mark.parametrize("words", [WORDS, PAGE_WORDS], ids=["values", "page"])
FORMS = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}, "zh": {"other"}}
nbsp = "\u00a0"


def forms(text: str | dict[str, str]) -> dict[str, str]:
    return text if isinstance(text, dict) else {"other": text}


def placeholders(text: str | dict[str, str]) -> set[str]:
    return {field for form in forms(text).values() for _, field, _, _ in Formatter().parse(form) if field}


@CATALOGUES
def test_every_language_has_the_same_keys_and_placeholders(words: Catalogue) -> None:
    english = words.texts["en"]
    for lang in LANGUAGES:
        assert words.texts[lang].keys() == english.keys()
        for key, text in words.texts[lang].items():
            assert all(forms(text).values()), f"{lang} {key} is empty"
            assert placeholders(text) == placeholders(english[key]), f"{lang} {key}"


@CATALOGUES
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_plural_text_has_every_form_of_its_language(words: Catalogue, lang: str) -> None:
    for key, text in words.texts[lang].items():
        if isinstance(text, dict):
            given_forms = text.keys() - {"zero"}
            assert given_forms in (FORMS[lang], {"other"}), f"{lang} {key}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_catalogue_says_nothing_in_another_language(lang: str) -> None:
    cyrillic, han = re.compile("[а-яё]", re.I), re.compile("[\u4e00-\u9fff]")
    for words in (WORDS, PAGE_WORDS):
        for key, text in words.texts[lang].items():
            whole = " ".join(forms(text).values())
            assert lang == "ru" or not cyrillic.search(whole), key
            assert lang == "zh" or not han.search(whole), key


@pytest.mark.parametrize(
    ("n", "days"),
    [
        (0, "0 дней"),
        (1, "1 день"),
        (2, "2 дня"),
        (5, "5 дней"),
        (11, "11 дней"),
        (12, "12 дней"),
        (21, "21 день"),
        (22, "22 дня"),
        (1.5, "1,5 дня"),
        (112, "112 дней"),
        (1001, "1 001 день"),
    ],
)
def test_russian_plurals(n: float, days: str) -> None:
    assert WORDS.say("unit.days", "ru", n).replace(nbsp, " ") == days


@given(st.floats(-1e6, 1e6), st.sampled_from(LANGUAGES))
def test_any_number_has_a_plural_form_of_its_language(n: float, lang: str) -> None:
    assert wording.plural_form(n, lang) in FORMS[lang]


@pytest.mark.parametrize(
    ("feature", "value", "text"),
    [
        ("days_without_login", 12.0, "12 days"),
        ("days_without_login", 1.0, "1 day"),
        ("homework_late_share", 0.35, "35%"),
        ("homework_late_share", 0.001, "<1%"),
        ("video_watched_minutes_28d", 73.4, "73 min"),
        ("homework_mean_score", 61.0, "61 points"),
        ("homework_mean_delay", -2.0, "2 days early"),
        ("homework_mean_delay", 1.5, "1.5 days late"),
        ("homework_mean_delay", 0.0, "on time"),
        ("activity_trend", -3.0, "−3 days"),
        ("homework_resubmissions", 0.35, "0.3"),
        ("video_speed_28d", 1.25, "125%"),
        ("first_response_hours_90d", 2.5, "2.5 hours"),
        ("card_expires_in_days", -1.0, "expired 1 day ago"),
        ("clicks_28d", 1234.0, "1,234"),
        ("clicks_28d", None, "not known"),
        ("clicks_28d", float("nan"), "not known"),
        ("a_feature_of_an_old_night", 3.0, "3"),
    ],
)
def test_a_value_has_its_unit(feature: str, value: float | None, text: str) -> None:
    assert wording.value_text(feature, value, "en") == text


@pytest.mark.parametrize(
    ("risk", "text"),
    [(0.0, "0%"), (0.004, "<1%"), (0.126, "13%"), (0.994, "99%"), (0.999, ">99%"), (1.0, "100%"), (None, "not known")],
)
def test_a_risk_is_never_rounded_to_certainty(risk: float | None, text: str) -> None:
    assert wording.percent_text(risk, "en") == text


def reason(
    feature: str, value: float | None, low: float | None, high: float | None, **more: object
) -> dict[str, object]:
    return {"feature": feature, "value": value, "usual_low": low, "usual_high": high, "contribution": 0.4, **more}


@pytest.mark.parametrize(
    ("given_reason", "lang", "text"),
    [
        (
            reason("days_without_login", 12.0, 0.0, 3.0, week_ago=5.0),
            "en",
            "No login for 12 days; course-mates usually 0–3 days; a week ago 5 days",
        ),
        (
            reason("days_without_login", 12.0, 0.0, 3.0, week_ago=5.0),
            "ru",
            "Не заходит 12 дней; обычно у однокурсников 0–3 дня; неделю назад 5 дней",
        ),
        (
            reason("days_without_login", 12.0, 0.0, 3.0, week_ago=5.0),
            "zh",
            "已 12 天未登录；同班通常 0–3 天；一周前 5 天",
        ),
        (reason("homework_overdue_now", 2.0, 0.0, 0.0), "en", "2 pieces of homework overdue; course-mates usually 0"),
        (reason("video_skip_share_28d", 0.62, 0.1, 0.2), "en", "Skips 62% of the video; course-mates usually 10–20%"),
        (
            reason("homework_mean_delay", 3.0, -2.0, 1.0),
            "en",
            "Homework on average 3 days late; course-mates usually 2 days early to 1 day late",
        ),
        (
            reason("card_expires_in_days", -3.0, 40.0, 90.0),
            "en",
            "The payment card expired 3 days ago; course-mates usually 40 days to 90 days",
        ),
        (reason("card_expires_in_days", 21.0, None, None), "ru", "Срок действия карты истекает через 21 день"),
        (
            reason("first_response_hours_90d", 5.0, 1.0, 2.0),
            "ru",
            "Поддержка отвечает в среднем за 5 рабочих часов; обычно у однокурсников 1–2 часа",
        ),
        (reason("homework_score_change", -2.0, None, None), "zh", "最近一次作业比本人平均分低 2 分"),
        (
            reason("active_days_14d_rank", 0.12, 0.25, 0.75, week_ago=0.4),
            "en",
            "More active days in 14 days than 12% of course-mates; a week ago 40%",
        ),
        (reason("days_without_login_rank", 0.9, 0.25, 0.75), "ru", "Без входа дольше, чем 90 % однокурсников"),
        (reason("progress_gap", -0.1, None, None), "en", "10% of the course ahead of plan"),
        (reason("homework_last_score", None, None, None), "en", "Last homework score: not known"),
        (reason("a_feature_of_an_old_night", 3.0, None, None), "en", "a feature of an old night: 3"),
    ],
)
def test_a_reason_in_words(given_reason: dict[str, object], lang: str, text: str) -> None:
    assert wording.reason_text(given_reason, lang).replace(nbsp, " ") == text


def test_what_is_usual_is_a_whole_number_where_the_value_is_one() -> None:
    counted = reason("active_days_7d", 1.0, 1.0, 5.75)
    assert wording.reason_words(counted, "en").usual == "1–6 days"
    measured = reason("homework_mean_delay", 1.5, 0.25, 0.75)
    assert wording.reason_words(measured, "en").usual == "0.2 days late to 0.8 days late"


@pytest.mark.parametrize(
    ("feature", "goal", "lang", "text"),
    [
        ("homework_overdue_now", 0.0, "en", "With no homework overdue, the model would say 18% instead of 34%"),
        (
            "homework_overdue_now",
            2.0,
            "en",
            "With only 2 pieces of homework overdue, the model would say 18% instead of 34%",
        ),
        (
            "homework_overdue_now",
            1.0,
            "ru",
            "Если бы было просрочено только 1 задание, модель назвала бы 18 % вместо 34 %",
        ),
        ("days_without_login", 0.0, "ru", "Если бы последний вход был вчера, модель назвала бы 18 % вместо 34 %"),
        ("days_without_login", 3.0, "ru", "Если бы без входа прошло только 3 дня, модель назвала бы 18 % вместо 34 %"),
        ("tickets_open_now", 0.0, "zh", "如果没有未解决的工单，模型会给出 18%，而不是 34%"),
        (
            "homework_submitted_share",
            0.85,
            "en",
            "With 85% of the homework due handed in, the model would say 18% instead of 34%",
        ),
        (
            "active_days_14d",
            6.0,
            "en",
            "If as active as is usual (6 of the last 14 days), the model would say 18% instead of 34%",
        ),
        (
            "a_feature_of_an_old_night",
            3.0,
            "en",
            "With a feature of an old night: 3, the model would say 18% instead of 34%",
        ),
    ],
)
def test_a_step_is_told_as_the_models_word(feature: str, goal: float, lang: str, text: str) -> None:
    step = {"feature": feature, "from": 9.0, "to": goal, "risk": 0.18}
    assert wording.what_if_text(step, 0.34, lang).replace(nbsp, " ") == text


def test_a_small_step_is_told_with_a_decimal() -> None:
    step = {"feature": "homework_overdue_now", "from": 1.0, "to": 0.0, "risk": 0.0259}
    assert wording.what_if_text(step, 0.0286, "en").endswith("the model would say 2.6% instead of 2.9%")
    assert "2,6 % вместо 2,9 %" in wording.what_if_text(step, 0.0286, "ru").replace(nbsp, " ")


def test_a_family_that_is_not_known_keeps_its_name() -> None:
    assert wording.family_name("homework", "ru") == "Домашние задания"
    assert wording.family_name("moon_phase", "en") == "moon phase"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_has_a_sentence_of_its_own(feature: str, lang: str) -> None:
    for value in (0.0, 0.35, 1.0, 7.0):
        text = wording.reason_text(reason(feature, value, 0.0, 2.0, week_ago=1.0), lang)
        assert "_" not in text
        assert "{" not in text
    assert WORDS.has(f"says.{feature}", lang), f"say in serving/texts/{lang}.json what {feature} means for a person"


def test_the_direction_follows_the_contribution() -> None:
    worse = wording.reason_words(reason("clicks_7d", 1.0, 5.0, 9.0), "en")
    better = wording.reason_words(reason("clicks_7d", 30.0, 5.0, 9.0) | {"contribution": -0.2}, "en")
    assert (worse.raises, better.raises) == (True, False)
    assert worse.direction != better.direction


@pytest.mark.parametrize(
    ("wishes", "lang"),
    [
        (("ru",), "ru"),
        (("zh-CN,zh;q=0.9,en;q=0.8",), "zh"),
        (("de-DE,de;q=0.9,ru;q=0.5,en;q=0.4",), "ru"),
        (("en;q=0.1, ru;q=0.9",), "ru"),
        ((None, "", "fr", "ru"), "ru"),
        (("ru;q=0", "zh"), "zh"),
        (("ru;q=nonsense",), "en"),
        ((), "en"),
    ],
)
def test_the_first_wish_that_can_be_met(wishes: tuple[str | None, ...], lang: str) -> None:
    assert wording.choose_language(*wishes) == lang


def stopped(table: str, last_day: str, age_days: int) -> dict[str, object]:
    return {"table": table, "last_day": last_day, "age_days": age_days}


@pytest.mark.parametrize(
    ("lang", "texts"),
    [
        (
            "en",
            [
                "Data of video, ratings and NPS is 3 days old (last: Tuesday, 4 November 2014).",
                "Data of a table of an old night is 21 days old (last: Friday, 17 October 2014).",
            ],
        ),
        (
            "ru",
            [
                "Данным 3 дня: видео, оценки и NPS (последние: вторник, 4 ноября 2014).",
                "Данным 21 день: a table of an old night (последние: пятница, 17 октября 2014).",
            ],
        ),
        (
            "zh",
            [
                "视频、评分和NPS数据已 3 天未更新（最近：2014年11月4日 星期二）。",
                "a table of an old night数据已 21 天未更新（最近：2014年10月17日 星期五）。",
            ],
        ),
    ],
)
def test_what_has_stopped_is_said_once_for_each_last_day(lang: str, texts: list[str]) -> None:
    last = "2014-11-04"
    stale = [stopped("a table of an old night", "2014-10-17", 21)]
    stale += [stopped(table, last, 3) for table in ("videos", "ratings", "nps")]
    assert [text.replace(nbsp, " ") for text in wording.stale_texts(stale, lang)] == texts


def test_dates() -> None:
    day = date(2014, 11, 5)
    assert wording.date_text(day, "en", weekday=True) == "Wednesday, 5 November 2014"
    assert wording.date_text(day, "ru", weekday=True).replace(nbsp, " ") == "среда, 5 ноября 2014"
    assert wording.date_text(day, "zh", weekday=True) == "2014年11月5日 星期三"


def test_a_moment_is_told_by_the_clock_of_the_zone() -> None:
    moment = datetime(2014, 11, 5, 21, 30, tzinfo=UTC)
    assert wording.moment_text(moment, "en", "Europe/Moscow") == "6 November 2014, 00:30"
    assert wording.moment_text(moment, "en", "Europe/Moscow", today=date(2014, 11, 5)) == "6 November, 00:30"
    assert wording.moment_text(moment, "en", "Europe/Moscow", today=date(2014, 11, 6)) == "00:30"


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=3, minutes=50), "3 hours ago"),
        (timedelta(hours=30), "30 hours ago"),
        (timedelta(days=2), "2 days ago"),
    ],
)
def test_an_age_in_its_largest_unit(age: timedelta, text: str) -> None:
    assert wording.age_text(age, "en") == text


def test_a_label_names_its_horizon() -> None:
    assert wording.label_text("withdrawal_28d", 28, "en") == "chance of withdrawing within 28 days"
    assert wording.label_text("withdrawal_28d", 14, "en") == "withdrawal, within 14 days"
    assert wording.label_text("own_label_7d", 7, "ru").replace(nbsp, " ") == "own label, в течение 7 дней"
