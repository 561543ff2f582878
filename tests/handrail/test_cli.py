"""What a person types: answers, refusals and their exit codes."""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
from datetime import date

import pandas as pd
import pytest

from features.importers.doors import DOORS
from handrail import cli


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command; gives its exit code, what it answered and what it complained of."""

    def typed(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handrail", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


@pytest.fixture
def home(made_home, tmp_path):
    return made_home.copy(tmp_path / "home").settings.home


def test_help_names_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    for command in (
        "import",
        "features",
        "train",
        "promote",
        "rollback",
        "score",
        "nightly",
        "readout",
        "serve",
        "demo",
        "doctor",
        "backtest",
        "drift",
        "retrain",
        "reproduce",
    ):
        assert command in out


def test_every_door_of_importing_says_what_it_reads(run):
    code, out, _ = run("import", "--help")
    assert code == 0
    for door in DOORS:
        assert door.name in out
        assert " ".join(door.text.split()[:4]) in " ".join(out.replace("│", " ").split())
        assert run("import", door.name, "--help")[0] == 0


def test_a_proposed_mapping_is_edited_and_imported(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "visits.csv").write_text("Student,Course,When,What\n7,m,2026-03-01 09:00,login\n")
    words = ("--home", "school", "import", "csv", "--guess", "exports/visits.csv")
    code, out, _ = run(*words)
    assert code == 0
    assert 'file = "exports/visits.csv"' in out
    assert json.loads(run(*words, "--json")[1])["mapping"] == out.removesuffix("\n")
    mapping = tmp_path / "exports" / "mapping.toml"
    assert run(*words, "--out", mapping) == (0, f"{mapping} is written: read it, settle its questions\n", "")
    assert 'file = "visits.csv"' in mapping.read_text("utf-8"), "named from where the mapping lies"
    code, _, err = run(*words, "--out", mapping)
    assert (code, "is there already" in err) == (1, True)
    code, _, err = run("--home", "school", "import", "csv", mapping)
    assert (code, "has no time zone" in err) == (1, True)
    mapping.write_text(mapping.read_text("utf-8").replace("# ? ", ""), "utf-8")
    assert run("--home", "school", "import", "csv", mapping)[0] == 0
    code, out, _ = run("--home", "school", "--json", "import", "csv", mapping)
    assert (code, json.loads(out)["repeated"]) == (0, True)
    assert run("import", "csv", mapping, mapping)[0] == 1
    assert run("import", "csv")[0] == 2


def test_a_database_is_asked_by_a_name_whose_url_only_the_environment_knows(run, tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("CREATE TABLE people (id TEXT, seen TEXT)")
        crm.execute("INSERT INTO people VALUES ('7', '2026-03-01T09:00:00Z')")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        '[[table]]\nname = "students"\nsource = "crm"\nquery = "SELECT * FROM people"\nsince = "seen"\n'
        'columns = { student_id = "id", known_at = "seen" }\n'
    )
    words = ("--home", tmp_path / "school", "--json", "import", "database", mapping)
    code, out, _ = run(*words)
    assert (code, json.loads(out)["where"]) == (1, "HANDRAIL_SOURCE_CRM")
    monkeypatch.setenv("HANDRAIL_SOURCE_CRM", f"sqlite:///{tmp_path / 'crm.db'}")
    assert json.loads(run(*words)[1])["kept"] == {"students": 1}
    assert json.loads(run(*words)[1])["kept"] == {"students": 0}


@pytest.mark.parametrize("words", [("dance",), ("features",), ("train", "--seed", "x"), ("serve", "--port", "0")])
def test_wrong_usage_exits_with_2(run, words):
    assert run(*words)[0] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("import", "oulad", "nowhere"), "no such file"),
        (("train",), "handrail import"),
        (("train", "--label", "churn"), "withdrawal_28d"),
        (("promote",), "handrail train"),
        (("rollback",), "no earlier champion"),
        (("nightly",), "handrail import"),
        (("nightly", "--as-of", "5.11.2014"), "2014-11-05"),
        (("features", "--as-of", "2026-01-01", "--out", "f.xlsx"), ".parquet"),
        (("features", "--as-of", "2026-01-01", "--every", "week", "--out", "f.csv"), "7d"),
        (("readout", "care_programme"), "care_programme"),
        (("key", "create", "--scope", "all"), "score, read, write"),
    ],
)
def test_a_refusal_exits_with_1_and_says_the_mend(run, tmp_path, words, says):
    code, out, err = run("--home", tmp_path / "empty", *words)
    assert (code, out) == (1, "")
    assert says in err
    assert "Traceback" not in err


def test_home_and_json_may_stand_anywhere(run, tmp_path):
    code, out, err = run("train", "--json", "--home", tmp_path / "empty")
    assert code == 1
    assert json.loads(out)["mend"].startswith("Import some")
    assert err


def test_features_of_several_weeks_are_written(run, home, tmp_path):
    out = tmp_path / "f.parquet"
    words = ("--as-of", "2026-05-18", "--until", "2026-06-08", "--every", "7d", "--out", out)
    code, said, _ = run("--home", home, "--json", "features", *words)
    assert code == 0
    table = pd.read_parquet(out)
    assert json.loads(said)["rows"] == len(table)
    assert sorted(table["as_of"].unique()) == [date(2026, 5, 18), date(2026, 5, 25), date(2026, 6, 1), date(2026, 6, 8)]
    assert not table.duplicated(["enrolment_id", "as_of"]).any()


def test_scores_are_written_with_the_columns_that_are_promised(run, home, tmp_path):
    out = tmp_path / "s.csv"
    assert run("--home", home, "score", "--as-of", "2026-06-08", "--out", out)[0] == 0
    table = pd.read_csv(out)
    assert list(table) == [
        *("enrolment_id", "student_id", "course_id", "as_of", "label", "horizon_days", "risk", "band", "model_version"),
    ]
    assert table["risk"].dropna().between(0, 1).all()
    assert table["risk"].isna().equals(table["band"].isna())


def test_train_refuse_override_and_roll_back(run, home):
    code, out, _ = run("--home", home, "--json", "train", "--until", "2026-05-01")
    trained = json.loads(out)
    assert (code, trained["version"]) == (0, 2)
    red = [gate["name"] for gate in trained["gates"] if gate["passed"] is False]
    assert red, "this small school cannot beat the rule clearly; choose another if it ever does"
    code, _, err = run("--home", home, "promote")
    assert code == 1
    assert all(name in err for name in red)
    assert run("--home", home, "promote", "--override", "few students, watched by hand")[0] == 0
    assert run("--home", home, "--json", "rollback")[1] == '{"label": "withdrawal_28d", "version": 1}\n'


def test_another_night_shows_what_changed(run, home):
    code, out, _ = run("--home", home, "nightly", "--as-of", "2026-06-07")
    assert code == 0
    assert "live enrolments ranked by withdrawal_28d" in out
    night = json.loads(run("--home", home, "--json", "nightly", "--as-of", "2026-06-08")[1])
    assert sum(night["bands"].values()) + night["not_enough_data"] == night["enrolments"]


def test_the_readout_is_read_against_the_control_group(run, home):
    code, out, _ = run("--home", home, "readout", "care_programme")
    assert code == 0
    assert "control" in out
    document = json.loads(run("--home", home, "--json", "readout", "care_programme", "--horizon", "14")[1])
    assert document["horizon_days"] == 14


def test_people_and_keys_are_made_with_secrets_of_their_own(run, home):
    first = json.loads(run("--home", home, "--json", "user", "create", "olga", "--role", "head")[1])
    assert len(first["password"]) >= 16
    code, _, err = run("--home", home, "user", "create", "olga")
    assert code == 1
    assert "olga" in err
    keys = {json.loads(run("--home", home, "--json", "key", "create", "--scope", "read")[1])["key"] for _ in range(2)}
    assert len(keys) == 2


def test_a_taken_port_is_said_before_anything_is_done(run, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = run("--home", tmp_path / "new", "demo", "--port", port)
    assert code == 1
    assert f"port {port}" in err
    assert not (tmp_path / "new").exists()


def test_the_demo_leaves_a_school_of_somebody_alone(run, home):
    code, _, err = run("--home", home, "demo", "--no-serve")
    assert code == 1
    assert "did not make" in err


def test_the_rules_are_checked(run, home):
    assert run("--home", home, "rules", "check")[0] == 0
    (home / "configs").mkdir()
    (home / "configs" / "rules.toml").write_text('[rule.R1]\nwhen = ["days_without_logn >= 5"]\n', "utf-8")
    code, _, err = run("--home", home, "rules", "check")
    assert code == 1
    assert "days_without_logn" in err
