"""The page through HTTP: who sees what, what a press does, and what nobody may see."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from features import clock
from features.config import School
from features.errors import BadConfig, NotReady
from serving import access
from serving.decide import Case, Policy, decide
from serving.decide.case import Flag
from serving.page.routes import build_router
from serving.store import Store
from serving.store.schema import decision
from tests.serving.page import made_list

SignIn = Callable[..., TestClient]
Token = Callable[[str], str]


class Text(HTMLParser):
    """What a reader sees of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def text_of(html: str) -> str:
    parser = Text()
    parser.feed(html)
    return " ".join(parser.words)


def names_of(html: str) -> list[str]:
    return re.findall(r'<th role="rowheader"[^>]*>\s*<a href="[^"]*">([^<]*)</a>', html)


def row_of(html: str, name: str) -> str:
    rows = [row for row in re.findall(r"<tr role=\"row\" class.*?</tr>", html, re.S) if f">{name}</a>" in row]
    assert len(rows) == 1
    return rows[0]


def card_of(client: TestClient, store: Store, name: str, query: str = "") -> str:
    answer = client.get(f"/students/{made_list.id_of(store, name)}{query}")
    assert answer.status_code == 200
    return answer.text


# Signing in


@pytest.mark.parametrize("path", ["/", "/students/s0001", "/?band=high"])
def test_nobody_sees_anything_before_signing_in(browse: TestClient, path: str) -> None:
    answer = browse.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert not answer.text


def test_signing_in_leads_where_one_wanted_to_go(browse: TestClient, token: Token) -> None:
    page = browse.get(browse.get("/?band=high").headers["location"])
    form = {"login": "anna", "password": made_list.PASSWORD, "csrf": token(page.text)}
    wanted = re.findall(r'name="next" value="([^"]*)"', page.text)[-1]
    answer = browse.post("/login", data=form | {"next": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?band=high")
    assert browse.get("/").status_code == 200


@pytest.mark.parametrize(
    "away", ["https://example.org/", "//example.org", "/\\example.org", "javascript:x", "/a\nb", ""]
)
def test_a_prepared_link_leads_nowhere_else(browse: TestClient, token: Token, away: str) -> None:
    form = {"login": "anna", "password": made_list.PASSWORD, "csrf": token(browse.get("/login").text), "next": away}
    assert browse.post("/login", data=form).headers["location"] == "/"


@pytest.mark.parametrize(
    ("login", "password"), [("anna", "another password"), ("nobody", made_list.PASSWORD), ("", "")]
)
def test_a_wrong_password_and_an_unknown_login_are_told_alike(
    browse: TestClient, token: Token, login: str, password: str
) -> None:
    form = {"login": login, "password": password, "csrf": token(browse.get("/login").text)}
    answer = browse.post("/login", data=form)
    assert answer.status_code == 401
    assert "Login and password do not match" in answer.text
    assert browse.get("/").status_code == 303


def test_guessing_is_made_to_wait_even_with_the_right_password(browse: TestClient, token: Token) -> None:
    csrf = token(browse.get("/login").text)
    for _ in range(access.FREE_ATTEMPTS):
        browse.post("/login", data={"login": "anna", "password": "wrong guess", "csrf": csrf})
    answer = browse.post("/login", data={"login": "anna", "password": made_list.PASSWORD, "csrf": csrf})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text


def test_a_sign_in_form_needs_its_token(browse: TestClient) -> None:
    browse.get("/login")
    answer = browse.post("/login", data={"login": "anna", "password": made_list.PASSWORD, "csrf": "guessed"})
    assert answer.status_code == 403
    assert browse.get("/").status_code == 303


def test_a_session_ends_after_a_working_day(sign_in: SignIn, now: Any) -> None:
    client = sign_in("anna")
    now.ahead += timedelta(hours=11, minutes=59)
    assert client.get("/").status_code == 200
    now.ahead += timedelta(minutes=2)
    assert client.get("/").status_code == 303


def test_a_new_password_ends_older_sessions(sign_in: SignIn, store: Store) -> None:
    client = sign_in("anna")
    access.set_password(store, "anna", "quite another password")
    assert client.get("/").status_code == 303


def test_signing_out_ends_the_session_and_needs_the_token(sign_in: SignIn, token: Token) -> None:
    client = sign_in("anna")
    csrf = token(client.get("/").text)
    assert client.post("/logout", data={"csrf": "guessed"}).status_code == 403
    assert client.get("/").status_code == 200
    assert client.post("/logout", data={"csrf": csrf}).status_code == 303
    assert client.get("/").status_code == 303


def test_a_changed_cookie_is_not_believed(sign_in: SignIn) -> None:
    client = sign_in("anna")
    cookie = client.cookies["handrail_session"]
    client.cookies.clear()
    client.cookies.set("handrail_session", cookie.replace(cookie[4], "A" if cookie[4] != "A" else "B", 1))
    assert client.get("/").status_code == 303


def test_a_cookie_of_another_school_is_not_believed(sign_in: SignIn, store: Store, school: School, policy: Any) -> None:
    other = FastAPI()
    other.include_router(build_router(store, school, policy=lambda: policy, secret="x" * 40, now=clock.now))
    stranger = TestClient(other, follow_redirects=False)
    stranger.cookies.update(sign_in("anna").cookies)
    assert stranger.get("/").status_code == 303


@pytest.mark.parametrize(("base_url", "secure"), [("http://testserver", False), ("https://testserver", True)])
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(sign_in: SignIn, base_url: str, secure: bool) -> None:
    cookie = sign_in("nobody", base_url=base_url).get("/login").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert ("secure" in cookie) is secure


def test_a_short_secret_is_refused(store: Store, school: School, policy: Any) -> None:
    with pytest.raises(BadConfig, match="session secret"):
        build_router(store, school, policy=lambda: policy, secret="short", now=clock.now)


# Headers


@pytest.mark.parametrize("path", ["/login", "/", "/students/nobody", "/static/page.css", "/static/nothing.css"])
def test_every_answer_is_hardened(browse: TestClient, path: str) -> None:
    headers = browse.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_with_personal_data_are_not_kept(sign_in: SignIn) -> None:
    assert sign_in("anna").get("/").headers["cache-control"] == "no-store"


def test_no_page_holds_inline_script_or_style(sign_in: SignIn, store: Store) -> None:
    client = sign_in("anna")
    for html in (client.get("/").text, card_of(client, store, "Daria Melnikova"), client.get("/login").text):
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)
        assert re.findall(r"<script[^>]*>(.*?)</script>", html, re.S) == [""]


def test_static_files_are_kept_by_their_content(browse: TestClient) -> None:
    html = browse.get("/login").text
    for href in re.findall(r'"(/static/[^"]+)"', html):
        answer = browse.get(href)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert re.search(r"\?v=[0-9a-f]{10}$", href)


# The list


STALE = {"table": "videos", "families": ["video"], "last_day": "2026-03-07", "age_days": 3, "usual_gap_days": 1.0}


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, None),
        ({"stale": [], "data_health": "amber", "holds": None}, None),
        (
            {"stale": [STALE], "data_health": "green", "holds": "automatic"},
            "Data of video is 3 days old (last: Saturday, 7 March 2026). Risks may be wrong; automatic messages wait.",
        ),
        (
            {"stale": [STALE], "data_health": None, "holds": "none"},
            "Data of video is 3 days old (last: Saturday, 7 March 2026). Risks may be wrong.",
        ),
        (
            {"stale": [STALE], "holds": "all"},
            "Data of video is 3 days old (last: Saturday, 7 March 2026). "
            "Risks may be wrong; what rests on this data is not recommended.",
        ),
        (
            {"stale": [], "data_health": "red", "holds": "automatic"},
            "The check of the data has found faults in it; whoever looks after Handrail knows which. "
            "Risks may be wrong; automatic messages wait.",
        ),
    ],
    ids=["an older night", "sound", "stale", "stale but nothing held", "stale and all held", "red"],
)
def test_a_list_made_of_data_that_has_stopped_says_so(sign_in: SignIn, store: Store, counts: dict, said: str) -> None:
    last = store.last_night(made_list.LABEL)
    assert last
    opened = store.open_night(last.as_of, last.label, last.model_version, last.policy_version, "lake-2")
    store.publish_night(opened.night_id, store.entries(last.night_id), counts)
    html = sign_in("anna").get("/").text
    found = re.search(r'<div class="notice doubts" role="status">(.*?)</div>', html, re.S)
    assert (text_of(found[1]) if found else None) == said


def test_a_curator_sees_the_own_students_by_rank(sign_in: SignIn) -> None:
    html = sign_in("anna").get("/").text
    assert names_of(html)[:5] == ["Daria Melnikova", "Chen Jing", "Ilya Sokolov", "Marta Nowak", "Sofia Lindqvist"]
    for somebody_elses in ("Oleg Tarasov", "Tomas Ferreira", "Zhao Ming"):
        assert somebody_elses not in html


def test_the_head_sees_everybody_and_those_whom_nobody_looks_after(sign_in: SignIn) -> None:
    client = sign_in("head")
    assert names_of(client.get("/").text)[:3] == ["Daria Melnikova", "Chen Jing", "Oleg Tarasov"]
    assert names_of(client.get("/?curator=-").text)[0] == "Tomas Ferreira"
    assert names_of(client.get("/?curator=wei").text)[:2] == ["Oleg Tarasov", "Zhao Ming"]


def test_only_those_who_see_all_may_choose_a_curator(sign_in: SignIn) -> None:
    assert 'name="curator"' in sign_in("head").get("/").text
    anna = sign_in("anna")
    assert 'name="curator"' not in anna.get("/").text
    assert "Nobody matches" in anna.get("/?curator=wei").text


def test_a_row_says_the_risk_the_reasons_and_what_to_do(sign_in: SignIn, now: Any) -> None:
    now.ahead = made_list.AT - clock.now()
    row = text_of(row_of(sign_in("anna").get("/").text, "Daria Melnikova"))
    assert row == (
        "Place 1 Daria Melnikova Python from zero was medium 63% high No login for 12 days "
        "3 pieces of homework overdue Active on 4 of the last 28 days Care SMS not before 09:00"
    )


def test_what_may_be_done_by_now_has_no_time(sign_in: SignIn, now: Any) -> None:
    now.ahead = made_list.AT - clock.now() + timedelta(hours=6)
    assert "not before" not in row_of(sign_in("anna").get("/").text, "Daria Melnikova")


def test_the_header_says_what_the_list_is_and_how_old(sign_in: SignIn, now: Any) -> None:
    text = text_of(sign_in("anna").get("/").text)
    assert "Ranked by the chance of withdrawing within 28 days." in text
    assert "List of Tuesday, 10 March 2026" in text
    assert "A newer one has not arrived" not in text
    now.ahead += timedelta(hours=37)
    text = text_of(sign_in("anna").get("/").text)
    assert "This list was made 37 hours ago. A newer one has not arrived" in text


def test_bands_are_counted_within_what_one_sees(sign_in: SignIn) -> None:
    def counts(path: str, login: str) -> dict[str, int]:
        html = sign_in(login).get(path).text
        nav = html[html.index('<nav class="bands"') :]
        return {
            name.strip(): int(count)
            for name, count in re.findall(r"</span>([^<]+)<b>(\d+)</b>", nav[: nav.index("</nav>")])
        }

    assert counts("/", "anna") == {"All": 38, "High": 5, "Medium": 4, "Low": 28, "Not enough data": 1}
    everybody = counts("/", "head")
    assert everybody["Все"] == made_list.SIZE
    assert sum(everybody.values()) == 2 * made_list.SIZE
    assert counts("/?band=high", "anna")["Low"] == 28


def test_filters_narrow_the_list(sign_in: SignIn) -> None:
    client = sign_in("anna")
    assert names_of(client.get("/?band=high&course=da-2").text) == ["Chen Jing", "Marta Nowak"]
    assert names_of(client.get("/?state=answered").text) == ["Nora Berg"]
    assert "Nora Berg" not in names_of(client.get("/?state=todo").text)
    assert names_of(client.get("/?state=changed").text) == ["Daria Melnikova"]
    assert names_of(client.get("/?band=none").text) == ["Vera Petit"]


def test_every_student_is_on_exactly_one_page(sign_in: SignIn) -> None:
    client, path, seen = sign_in("head"), "/", []
    while path:
        html = client.get(path).text
        seen += re.findall(r'<td role="cell" class="rank">.*?</span> (\d+)</td>', html)
        following = re.search(r'href="([^"]*)" rel="next"', html)
        path = following[1].replace("&amp;", "&") if following else ""
    assert seen == [str(rank) for rank in range(1, made_list.SIZE + 1)]


def test_what_was_done_is_shown_on_the_row(sign_in: SignIn) -> None:
    row = text_of(row_of(sign_in("anna").get("/").text, "Nora Berg"))
    assert "Already spoke anna," in row


def test_a_student_with_too_little_data_has_no_number(sign_in: SignIn) -> None:
    row = text_of(row_of(sign_in("anna").get("/").text, "Vera Petit"))
    assert "not enough data" in row
    assert "Too little is known yet" in row
    assert "%" not in row


def test_empty_states_are_said_in_words(sign_in: SignIn, school: School, policy: Any, tmp_path: Any) -> None:
    assert "No students of yours on this list" in sign_in("new").get("/").text
    assert "Nobody matches these filters" in sign_in("anna").get("/?course=nothing").text


def test_before_the_first_night_the_page_says_so(store: Store, sign_in: SignIn) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM night")
    answer = sign_in("anna").get("/")
    assert answer.status_code == 200
    assert "There is no list yet" in answer.text
    assert sign_in("anna").get("/students/s0001").status_code == 404


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999999999999", "course=" + "x" * 300])
def test_a_bent_address_is_answered_in_words(sign_in: SignIn, query: str) -> None:
    answer = sign_in("anna").get(f"/?{query}")
    assert answer.status_code in (200, 422)
    assert "Traceback" not in answer.text
    assert "<h1>" in answer.text


def test_names_are_text_whatever_they_hold(store: Store, sign_in: SignIn) -> None:
    evil = "<script>alert(1)</script>\"'&"
    with store.writing() as connection:
        connection.exec_driver_sql(
            'UPDATE night_entry SET "values" = json_set("values", \'$.display_name\', ?) WHERE rank = 1', (evil,)
        )
    client = sign_in("anna")
    student = re.findall(r'href="(/students/[^"]+)"', client.get("/").text)[0]
    for html in (client.get("/").text, client.get(student).text):
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)" in html


def test_who_was_erased_since_is_not_shown(sign_in: SignIn, store: Store) -> None:
    client = sign_in("anna")
    assert names_of(client.get("/").text)[0] == "Daria Melnikova"
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM night_entry WHERE rank = 1")
    html = client.get("/").text
    assert names_of(html)[0] == "Chen Jing"
    assert "Melnikova" not in html


def test_what_is_not_ready_is_said_in_words(store: Store, school: School, token: Token) -> None:
    def none_yet() -> Any:
        raise NotReady("there is no policy")

    app = FastAPI()
    app.include_router(build_router(store, school, policy=none_yet, secret="x" * 40, now=clock.now))
    answer = TestClient(app).get("/login")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "One moment, please" in answer.text


# The card


def test_the_card_opens_with_a_fact_and_a_strength(sign_in: SignIn, store: Store) -> None:
    text = text_of(card_of(sign_in("anna"), store, "Daria Melnikova"))
    fact, strength = text.index("On the course for 46 days"), text.index("Going well Homework on average: 91 points")
    assert fact < strength < text.index("63%") < text.index("No login for 12 days")


def test_a_reason_is_told_with_its_comparison(sign_in: SignIn, store: Store) -> None:
    text = text_of(card_of(sign_in("anna"), store, "Daria Melnikova"))
    said = "No login for 12 days makes leaving more likely now 12 days a week ago 5 days course-mates 0–3 days"
    assert said in text


def test_what_would_lower_the_risk_is_told_as_the_models_word(sign_in: SignIn, store: Store) -> None:
    text = text_of(card_of(sign_in("anna"), store, "Daria Melnikova"))
    login = "With only 1 day without a login, the model would say 41% instead of 63%"
    homework = "With no homework overdue, the model would say 52% instead of 63%"
    assert f"What would lower the chance {login} {homework} This is how the model counts, not a promise" in text
    assert "What would lower the chance" not in text_of(card_of(sign_in("anna"), store, "Nora Berg"))


def test_the_areas_are_told_from_what_raises_to_what_lowers_and_add_up(sign_in: SignIn, store: Store) -> None:
    html = card_of(sign_in("anna"), store, "Daria Melnikova")
    said = "Activity +53% Homework +27% Calendar and enrolment +13% Video −7% Each area's part"
    assert f"Where the chance comes from {said}" in text_of(html)
    assert "Payments" not in text_of(html)
    assert "Where the chance comes from" not in card_of(sign_in("anna"), store, "Nora Berg")


def test_a_standing_among_course_mates_is_not_compared_again(sign_in: SignIn, store: Store) -> None:
    text = text_of(card_of(sign_in("anna"), store, "Ilya Sokolov"))
    fact = "More active days in 14 days than 12% of course-mates makes leaving more likely now 12% a week ago 40%"
    assert fact in text
    assert f"{fact} course-mates" not in text


def test_the_recommendation_says_why_and_what_comes_after(sign_in: SignIn, store: Store) -> None:
    text = text_of(card_of(sign_in("anna"), store, "Daria Melnikova"))
    assert "Recommended today Care SMS" in text
    assert "Has not logged in for 7 days or more." in text
    assert "After that Mentor's call" in text


def test_what_was_blocked_is_told_with_its_reason(sign_in: SignIn, store: Store) -> None:
    anna, head = sign_in("anna"), sign_in("head")
    capped = text_of(card_of(anna, store, "Sofia Lindqvist"))
    assert "Not possible now Care SMS Enough contacts: at most 1 in 48 hours" in capped
    assert "отозвано" in text_of(card_of(head, store, "Tomas Ferreira"))


def test_the_card_shows_contacts_and_answers(sign_in: SignIn, store: Store) -> None:
    client = sign_in("anna")
    assert "SMS: opened" in text_of(card_of(client, store, "Sofia Lindqvist"))
    assert "anna: already spoke Was ill last week, is back." in text_of(card_of(client, store, "Nora Berg"))


@pytest.mark.parametrize("name", ["Oleg Tarasov", "Tomas Ferreira"])
def test_another_curators_student_does_not_exist(sign_in: SignIn, store: Store, token: Token, name: str) -> None:
    client = sign_in("anna")
    student = made_list.id_of(store, name)
    theirs, nobodys = client.get(f"/students/{student}"), client.get("/students/nobody-at-all")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text == nobodys.text
    press = {"verdict": "done", "csrf": token(client.get("/").text)}
    assert client.post(f"/students/{student}/verdict", data=press).status_code == 404
    assert not store.verdicts_about(student)
    assert sign_in("head").get(f"/students/{student}").status_code == 200


def test_a_student_who_left_the_list_is_still_found_with_the_history(sign_in: SignIn, store: Store) -> None:
    student = made_list.id_of(store, "Daria Melnikova")
    night = store.last_night(made_list.LABEL)
    assert night is not None
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM night_entry WHERE night_id = ? AND rank = 1", (night.night_id,))
    answer = sign_in("anna").get(f"/students/{student}")
    assert answer.status_code == 200
    assert "Not on the newest list" in answer.text
    assert 'name="verdict"' not in answer.text
    assert sign_in("wei").get(f"/students/{student}").status_code == 404


def test_a_former_curator_sees_no_more_of_a_student(sign_in: SignIn, store: Store) -> None:
    student = made_list.id_of(store, "Daria Melnikova")
    night = store.last_night(made_list.LABEL)
    assert night is not None
    with store.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE night_entry SET curator = 'wei' WHERE night_id = ? AND rank = 1", (night.night_id,)
        )
    assert sign_in("anna").get(f"/students/{student}").status_code == 404
    assert sign_in("wei").get(f"/students/{student}").status_code == 200


def test_looking_at_a_card_is_written_down(sign_in: SignIn, store: Store) -> None:
    card_of(sign_in("anna"), store, "Daria Melnikova")
    (seen,) = store.audit_trail(made_list.id_of(store, "Daria Melnikova"))
    assert (seen["actor"], seen["what"]) == ("anna", "student.viewed")


def test_an_id_may_hold_any_characters(sign_in: SignIn, store: Store) -> None:
    odd = "a/b c?d#é"
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE night_entry SET student_id = ? WHERE rank = 1", (odd,))
    client = sign_in("anna")
    html = client.get("/").text
    href = re.findall(r'href="(/students/[^"]+)"', html)[0]
    answer = client.get(href)
    assert answer.status_code == 200
    assert odd in answer.text
    action = re.search(r'action="(/students/[^"]+/verdict)"', answer.text)
    assert action
    csrf = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert csrf
    assert client.post(action[1], data={"verdict": "done", "csrf": csrf[1]}).status_code == 303
    assert store.verdicts_about(odd)[0].word == "done"


# Answers


@pytest.mark.parametrize("word", ["done", "wrong_flag", "already_spoke"])
def test_a_press_keeps_the_answer_and_leads_on(sign_in: SignIn, store: Store, token: Token, word: str) -> None:
    client = sign_in("anna")
    html = card_of(client, store, "Daria Melnikova", "?state=todo")
    action = re.search(r'<form class="answers" method="post" action="([^"]+)"', html)
    assert action
    answer = client.post(action[1], data={"verdict": word, "note": " Called, all is well. ", "csrf": token(html)})
    assert answer.status_code == 303
    card = text_of(client.get(answer.headers["location"]).text)
    assert "Noted:" in card
    assert "Next: Chen Jing" in card
    assert "anna: " in card
    said = store.verdicts_about(made_list.id_of(store, "Daria Melnikova"))[0]
    assert (said.word, said.note, said.login) == (word, "Called, all is well.", "anna")
    assert "Daria Melnikova" not in names_of(client.get("/?state=todo").text)


def test_the_newest_answer_counts(sign_in: SignIn, store: Store, token: Token) -> None:
    client = sign_in("anna")
    student = made_list.id_of(store, "Daria Melnikova")
    for word in ("done", "wrong_flag"):
        client.post(f"/students/{student}/verdict", data={"verdict": word, "csrf": token(client.get("/").text)})
    assert "Wrong flag" in text_of(row_of(client.get("/").text, "Daria Melnikova"))


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"verdict": "done"}, 403),
        ({"verdict": "done", "csrf": "guessed"}, 403),
        ({"verdict": "done", "csrf": "ключ"}, 403),
        ({"verdict": "cheated", "csrf": "own"}, 422),
        ({"csrf": "own"}, 422),
        ({"verdict": "done", "note": "x" * 501, "csrf": "own"}, 422),
    ],
)
def test_a_bad_press_keeps_nothing(
    sign_in: SignIn, store: Store, token: Token, form: dict[str, str], status: int
) -> None:
    client = sign_in("anna")
    student = made_list.id_of(store, "Daria Melnikova")
    form = form | ({"csrf": token(client.get("/").text)} if form.get("csrf") == "own" else {})
    answer = client.post(f"/students/{student}/verdict", data=form)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert not store.verdicts_about(student)


def test_an_answer_is_for_every_course_of_the_student(sign_in: SignIn, store: Store, token: Token) -> None:
    student = made_list.id_of(store, "Daria Melnikova")
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE night_entry SET student_id = ? WHERE rank = 2", (student,))
    client = sign_in("anna")
    html = client.get(f"/students/{student}").text
    assert html.count('class="enrolment') == 2
    client.post(f"/students/{student}/verdict", data={"verdict": "done", "note": "x", "csrf": token(html)})
    assert len(store.verdicts_about(student)) == 2
    assert client.get(f"/students/{student}").text.count("anna: done") == 1
    row = text_of(row_of(client.get("/").text, "Chen Jing"))
    assert "Done" in row


def test_an_action_stands_beside_the_course_it_is_about(sign_in: SignIn, store: Store) -> None:
    student = made_list.id_of(store, "Daria Melnikova")
    with store.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE night_entry SET student_id = ?, decision_id = (SELECT decision_id FROM night_entry AS other "
            "WHERE other.night_id = night_entry.night_id AND other.rank = 1) WHERE rank = 2",
            (student,),
        )
    client = sign_in("anna")
    html = client.get("/").text
    assert "Care SMS" in row_of(html, "Daria Melnikova")
    assert "Together with the other course" in row_of(html, "Chen Jing")
    assert client.get(f"/students/{student}").text.count("Care SMS") == 2  # recommended, and in the history


def test_what_was_decided_before_a_refusal_is_not_told_after_it(sign_in: SignIn, store: Store) -> None:
    student = made_list.id_of(store, "Daria Melnikova")
    word = {"event_id": "c-1", "student_id": student, "occurred_at": clock.now()}
    client = sign_in("anna")
    assert "Care SMS" in row_of(client.get("/").text, "Daria Melnikova")
    store.add_consents([{**word, "state": "withdrawn"}])
    for text in (
        text_of(row_of(client.get("/").text, "Daria Melnikova")),
        text_of(card_of(client, store, "Daria Melnikova")),
    ):
        assert "Do not contact The student asked not to be contacted" in text
    store.add_consents([{**word, "event_id": "c-2", "state": "paused", "occurred_at": clock.now()}])
    assert "The student asked for a pause" in text_of(row_of(client.get("/").text, "Daria Melnikova"))
    assert "Recommended today Care SMS" not in text_of(card_of(client, store, "Daria Melnikova"))


def test_what_was_decided_before_a_flag_is_not_told_after_it(sign_in: SignIn, store: Store) -> None:
    flag = {"event_id": "f-1", "student_id": made_list.id_of(store, "Daria Melnikova"), "kind": "medical"}
    store.add_flags([{**flag, "occurred_at": clock.now()}])
    client = sign_in("anna")
    for html in (row_of(client.get("/").text, "Daria Melnikova"), card_of(client, store, "Daria Melnikova")):
        assert "Do not contact From now on a person decides about this student" in text_of(html)
        assert "medical" not in html.lower()


# Who decides, and by what


def decided_anew(store: Store, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Puts another decision in the place of the one that the newest list has for a student."""
    night = store.last_night(made_list.LABEL)
    assert night is not None
    entry = store.entry(night.night_id, f"{made_list.id_of(store, name)}-1")
    assert entry is not None
    record = store.decision(str(entry.decision_id))
    assert record is not None
    with store.writing() as connection:
        of_entry = decision.c.decision_id == entry.decision_id
        connection.execute(update(decision).where(of_entry).values(record=change(record)))


def test_about_some_students_only_people_decide_and_the_card_says_whom_to_ask(
    sign_in: SignIn, store: Store, policy: Policy
) -> None:
    def flagged(record: dict[str, Any]) -> dict[str, Any]:
        case, at = Case.from_record(record["case"]), made_list.AT
        flags = (Flag("wellbeing", "set", at - timedelta(days=1)), Flag("dispute", "set", at - timedelta(days=1)))
        return {**decide(replace(case, flags=flags), policy, at).to_record(), "decision_id": record["decision_id"]}

    decided_anew(store, "Daria Melnikova", flagged)
    client, routed = sign_in("anna"), policy.catalogue["route_to_human"].names["en"]
    card = text_of(card_of(client, store, "Daria Melnikova"))
    assert f"Recommended today {routed} A person looks after this student; ask the head of curators. A question" in card
    assert routed in text_of(row_of(client.get("/").text, "Daria Melnikova"))
    assert "Not possible now" not in card
    assert not re.search("wellbeing|dispute", card_of(client, store, "Daria Melnikova"))


def test_what_a_lot_chose_is_told_neutrally(sign_in: SignIn, store: Store) -> None:
    decided_anew(store, "Daria Melnikova", lambda record: {**record, "explored": True})
    card = text_of(card_of(sign_in("anna"), store, "Daria Melnikova"))
    assert "Recommended today Care SMS Chosen by lot: part of the check of what helps." in card


def test_an_action_without_a_rule_is_explained_by_what_it_did_for_others(sign_in: SignIn, store: Store) -> None:
    decided_anew(store, "Daria Melnikova", lambda record: {**record, "rule": None})
    card = text_of(card_of(sign_in("anna"), store, "Daria Melnikova"))
    assert "Recommended today Care SMS It has helped students in a similar place." in card


# The control group


def test_the_control_group_looks_like_a_day_without_an_action(sign_in: SignIn, store: Store) -> None:
    """The same student once held out, once ordinarily without an action: the pages are the same to the letter."""
    client = sign_in("anna")
    student = made_list.id_of(store, "Ilya Sokolov")
    night = store.last_night(made_list.LABEL)
    assert night is not None
    entry = store.entry(night.night_id, f"{student}-1")
    assert entry is not None
    held_out = store.decision(str(entry.decision_id))
    assert held_out is not None
    assert held_out["holdout"] is True
    assert {blocked["gate"] for blocked in held_out["blocked"]} == {"G8"}
    before = (row_of(client.get("/").text, "Ilya Sokolov"), card_of(client, store, "Ilya Sokolov"))

    ordinary = {**held_out, "blocked": [], "fired": [], "arm": "treatment", "holdout": False, "eligible": ["no_action"]}
    ordinary |= {"explored": True}  # and so does a lot that chose nothing
    with store.writing() as connection:
        connection.execute(
            update(decision).where(decision.c.decision_id == entry.decision_id).values(record=ordinary, arm="treatment")
        )
    assert (row_of(client.get("/").text, "Ilya Sokolov"), card_of(client, store, "Ilya Sokolov")) == before


@pytest.mark.parametrize("login", ["anna", "head"])
def test_nothing_on_any_page_tells_the_control_group(sign_in: SignIn, store: Store, login: str) -> None:
    client = sign_in(login)
    client.cookies.set("handrail_lang", "en")
    for html in (client.get("/").text, card_of(client, store, "Ilya Sokolov")):
        for word in ("G8", "control_group", "control group", "holdout", "hold-out", "held out", "treatment", "arm"):
            assert not re.search(rf"\b{re.escape(word)}\b", html, re.I), word


# Languages


def test_the_language_of_the_account_is_the_first_one(sign_in: SignIn) -> None:
    assert '<html lang="zh">' in sign_in("wei").get("/").text
    assert '<html lang="ru">' in sign_in("head").get("/").text


def test_a_chosen_language_stays_and_leads_back(sign_in: SignIn, token: Token) -> None:
    client = sign_in("anna")
    form = {"lang": "ru", "next": "/?band=high", "csrf": token(client.get("/").text)}
    answer = client.post("/language", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?band=high")
    assert "Не заходит 12 дней" in text_of(client.get("/").text)
    assert client.post("/language", data=form | {"csrf": "guessed"}).status_code == 403
    assert client.post("/language", data=form | {"next": "//example.org"}).headers["location"] == "/"
    client.post("/language", data=form | {"lang": "xx"})
    assert '<html lang="en">' in client.get("/").text


def test_before_signing_in_the_browsers_language_is_used(browse: TestClient) -> None:
    assert '<html lang="zh">' in browse.get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert '<html lang="en">' in browse.get("/login", headers={"Accept-Language": "pt"}).text


@pytest.mark.parametrize("lang", ["en", "ru", "zh"])
def test_every_page_is_whole_in_every_language(sign_in: SignIn, store: Store, token: Token, lang: str) -> None:
    client = sign_in("head")
    client.cookies.set("handrail_lang", lang)
    pages = [client.get(path).text for path in ("/", "/?band=none", "/?state=answered", "/?course=x", "/students/x")]
    pages += [card_of(client, store, made.name) for made in made_list.NAMED]
    for html in pages:
        text = text_of(html)
        assert "{" not in text
        assert "_" not in text.replace("withdrawal_28d", "")
        if lang != "ru":
            assert not re.search("[а-яё]", text.replace("РУ", "").lower())
        if lang != "zh":
            assert not re.search("[\u4e00-\u9fff]", text.replace("中文", ""))


# Accessibility that can be read off the HTML


def test_every_field_has_a_label_and_ids_are_unique(sign_in: SignIn, store: Store) -> None:
    client = sign_in("head")
    for html in (client.get("/").text, card_of(client, store, "Daria Melnikova"), client.get("/login").text):
        ids = re.findall(r'\sid="([^"]+)"', html)
        assert len(ids) == len(set(ids))
        assert html.count("<h1") == 1
        labels = set(re.findall(r'<label for="([^"]+)"', html))
        for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", html):
            if 'type="hidden"' not in tag:
                found = re.search(r'id="([^"]+)"', tag)
                assert found
                assert found[1] in labels, tag
        for svg in re.findall(r"<svg[^>]*>", html):
            assert 'aria-hidden="true"' in svg
