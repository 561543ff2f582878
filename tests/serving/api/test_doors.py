"""Keys, bad requests, lists and readiness."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from handrail import journeys
from handrail.serving_app import app_of
from tests.conftest import settings_of

BAD = [
    "",
    "[]",
    "null",
    "{",
    '"s"',
    "{}",
    '{"student_id": null}',
    '{"student_id": ""}',
    '{"student_id": 7}',
    '{"student_id": "a\\u0000b"}',
    '{"student_id": "' + "x" * 300 + '"}',
    '{"student_id": "a", "as_of": "tomorrow"}',
    '{"student_id": "a", "as_of": "0001-01-01"}',
    '{"studnet_id": "a"}',
    '{"student_id": "a", "events": {}}',
    '{"student_id": "a", "events": [{"table": "grades", "row": {}}]}',
    '{"student_id": "a", "events": [{"table": "tickets", "row": {"score": 1e999}}]}',
    '{"student_id": "a", "events": [{"table": "tickets", "row": {"score": NaN}}]}',
]


@pytest.mark.parametrize("body", BAD)
def test_a_request_that_is_not_what_it_should_be_is_refused_and_says_where(caller, body):
    answer = caller.client.post("/v1/score", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert (told["status"], told["instance"]) == (422, "/v1/score")
    assert told["errors"]


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer nonsense", "Bearer hr_00000000_" + "0" * 48])
def test_without_a_good_key_there_is_no_answer(caller, key):
    answer = caller.client.post("/v1/score", json={"student_id": "a"}, headers={"Authorization": key})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_is_good_for_its_scopes_only(caller):
    key = journeys.create_key(caller.home.settings, ["read"], "reader", 1)
    mine = {"Authorization": f"Bearer {key}"}
    assert caller.client.get("/v1/risk-list", headers=mine).status_code == 200
    assert caller.client.post("/v1/score", json={"student_id": "a"}, headers=mine).status_code == 403


def test_every_route_but_the_health_checks_wants_a_key(caller):
    paths = caller.client.get("/openapi.json").json()["paths"]
    assert "/v1/score" in paths
    stranger = TestClient(caller.client.app, raise_server_exceptions=False)
    for path, methods in paths.items():
        for method in methods:
            answer = stranger.request(method, path.replace("{student_id}", "a").replace("{decision_id}", "b"))
            assert answer.status_code == (200 if path in ("/healthz", "/readyz", "/metrics") else 401), (method, path)


def test_a_body_that_is_too_long_is_refused_unread(caller):
    answer = caller.client.post("/v1/score", content=b"x" * 3_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_body_that_says_nothing_of_its_length_is_counted(caller):
    pieces = (b"x" * 100_000 for _ in range(40))
    answer = caller.client.post("/v1/score", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_pages_of_the_list_give_everyone_once(caller):
    found: list[str] = []
    cursor = None
    while True:
        page = caller.client.get("/v1/risk-list", params={"limit": 37} | ({"cursor": cursor} if cursor else {})).json()
        found += [row["enrolment_id"] for row in page["entries"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == [row["enrolment_id"] for row in caller.list()]


def test_the_list_is_filtered(caller):
    everyone = caller.list()
    for name, column in (("course", "course_id"), ("band", "band"), ("curator", "curator")):
        value = everyone[0][column]
        rows = caller.client.get("/v1/risk-list", params={name: value, "limit": 1000}).json()["entries"]
        assert rows == [row for row in everyone if row[column] == value]
        assert 0 < len(rows) < len(everyone)


def test_a_list_that_has_not_changed_is_not_sent_again(caller):
    first = caller.client.get("/v1/risk-list", params={"limit": 5})
    again = caller.client.get("/v1/risk-list", params={"limit": 5}, headers={"If-None-Match": first.headers["etag"]})
    other = caller.client.get("/v1/risk-list", params={"limit": 6}, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)


@pytest.mark.parametrize("cursor", ["x", "OTk5OjE=", "AAAA", "%00"])
def test_a_cursor_that_is_not_ours_is_refused(caller, cursor):
    answer = caller.client.get("/v1/risk-list", params={"cursor": cursor})
    assert answer.status_code == 422
    assert "cursor" in answer.json()["detail"]


def test_the_card_of_a_student_has_the_history(own_caller):
    row = own_caller.list()[0]
    card = own_caller.client.get(f"/v1/students/{row['student_id']}").json()
    assert card["risks"][0]["risk"] == row["risk"]
    assert card["decisions"][0]["decision_id"] == row["decision_id"]
    word = {"enrolment_id": row["enrolment_id"], "word": "already_spoke", "note": "will be back on Monday"}
    assert own_caller.client.post("/v1/verdicts", json=word).status_code == 200
    again = own_caller.client.get(f"/v1/students/{row['student_id']}").json()
    assert [(one["word"], one["login"]) for one in again["verdicts"]] == [("already_spoke", "tests")]
    assert own_caller.client.get("/v1/students/nobody").status_code == 404


def test_an_address_that_does_not_exist_is_a_page_for_people_and_a_problem_for_programs(caller):
    answers = {path: caller.client.get(path) for path in ("/nothing", "/v1/nothing")}
    assert {answer.status_code for answer in answers.values()} == {404}
    kinds = {path: answer.headers["content-type"].partition(";")[0] for path, answer in answers.items()}
    assert kinds == {"/nothing": "text/html", "/v1/nothing": "application/problem+json"}


def test_a_decision_that_does_not_exist_is_not_found(caller):
    assert caller.client.get("/v1/decisions/d_0").status_code == 404


def test_ready_says_what_it_serves(caller):
    told = caller.client.get("/readyz").json()
    assert told == {"status": "ready", "label": "withdrawal_28d", "model_version": told["model_version"]}
    assert caller.client.get("/v1/model").json()["gates"]


def test_without_data_it_lives_and_is_not_ready_and_says_how_to_get_some(tmp_path):
    client = TestClient(app_of(settings_of(tmp_path)), raise_server_exceptions=False)
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "handrail import" in answer.json()["mend"]


def test_without_a_model_the_rules_decide(made_home, tmp_path):
    home = made_home.copy(tmp_path / "home")
    (home.settings.home / "bundles" / "served.json").unlink()
    night = journeys.nightly(home.settings, home.as_of, quiet=True)
    assert (night.model_version, night.not_enough_data) == ("no-model", night.enrolments)
    assert "there is no model of withdrawal_28d yet; the rules decide alone" in night.words()
    assert night.actions["care_sms"] > 0
    store = journeys.store(home.settings)
    first = store.entries(night.night_id, limit=1)[0]
    assert first.risk is None
    client = TestClient(app_of(home.settings), raise_server_exceptions=False)
    assert client.get("/readyz").json()["model_version"] == "no-model"
    key = journeys.create_key(home.settings, ["score", "read"], "crm", None)
    told = client.post(
        "/v1/score",
        json={"student_id": first.student_id, "as_of": home.as_of.isoformat()},
        headers={"Authorization": f"Bearer {key}"},
    ).json()
    assert told["enrolments"][0]["risk"] is None
    assert told["decision"]["decision_id"] == first.decision_id


def test_a_model_that_was_promoted_while_serving_is_served_and_a_damaged_one_is_not(own_caller):
    home = own_caller.home.settings.home
    before = own_caller.client.get("/readyz").json()["model_version"]
    journeys.train(own_caller.home.settings, None, None, 99, quiet=True)
    journeys.promote(own_caller.home.settings, None, None, "another seed")
    after = own_caller.client.get("/readyz").json()["model_version"]
    assert after != before
    booster = home / "bundles" / "withdrawal_28d" / "1" / "booster.txt"
    booster.write_text(booster.read_text("utf-8").replace("leaf_value=", "leaf_value=9", 1), "utf-8")
    served = home / "bundles" / "served.json"
    served.write_text(served.read_text("utf-8").replace('"version": 2', '"version": 1'), "utf-8")
    assert own_caller.client.get("/readyz").json()["model_version"] == after


def test_rules_that_cannot_be_used_leave_the_old_ones_in_force(own_caller):
    student = own_caller.list()[0]["student_id"]
    before = own_caller.score(student).json()["policy_version"]
    configs = own_caller.home.settings.home / "configs"
    configs.mkdir()
    (configs / "rules.toml").write_text('[rule.R1]\nwhen = ["days_without_logn >= 5"]\n', "utf-8")
    assert own_caller.score(student).json()["policy_version"] == before
    (configs / "rules.toml").write_text('[rule.R1]\nwhen = ["days_without_login >= 5"]\n', "utf-8")
    assert own_caller.score(student).json()["policy_version"] != before
