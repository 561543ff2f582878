from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.lake import Lake
from handrail import cli, doctor, fitness, journeys
from handrail.doctor import Finding, doors
from handrail.settings import Settings

KEY = "0123456789abcdef" * 4
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def settings_of(home: Path, key: str = "") -> Settings:
    return Settings(home, f"sqlite:///{home / 'handrail.db'}", None, key)


def look(home: Path, key: str = "") -> Finding:
    return doctor.examine(settings_of(home, key), quiet=True)


def states(found: Finding) -> dict[str, str]:
    return {check.name: check.state for check in found.checks}


def statements(folder: Path, *actors: dict) -> Path:
    """A file of a played and a paused video for each actor."""
    lines = []
    for n, actor in enumerate(actors):
        for minute, verb in ((0, "played"), (9, "paused")):
            place = {"https://w3id.org/xapi/video/extensions/time": 60 * minute}
            lines.append(
                {
                    "id": f"{n}-{verb}",
                    "actor": actor,
                    "verb": {"id": f"https://w3id.org/xapi/video/verbs/{verb}"},
                    "object": {"id": "v", "definition": {"type": "https://w3id.org/xapi/video/activity-type/video"}},
                    "context": {"contextActivities": {"parent": [{"id": "c"}]}, "registration": f"s{n}"},
                    "result": {"extensions": place},
                    "timestamp": (NOW + timedelta(days=n, minutes=minute)).isoformat(),
                }
            )
    file = folder / "statements.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return file


def account(name: str) -> dict:
    return {"account": {"homePage": "https://lms.example", "name": name}}


def test_an_empty_home_is_told_what_to_do_first(tmp_path):
    found = look(tmp_path / "none")
    assert not found.fit
    assert states(found) == {
        **dict.fromkeys(("home", "disk", "configs", "identity", "database", "model"), "ok"),
        "lake": "not yet",
    }
    assert "handrail import --help" in found.words()
    assert "handrail train" in found.words()
    assert not (tmp_path / "none").exists(), "looking makes nothing"


def test_a_lake_of_video_statements_alone_names_what_it_cannot_fill(tmp_path):
    home = tmp_path / "home"
    journeys.import_data(settings_of(home), "xapi", statements(tmp_path, account("ann"), account("bob")), quiet=True)
    found = look(home)
    state = {one.name: one for one in found.families}
    assert not state["video"].is_empty
    assert state["payments"].is_empty
    words = found.words()
    assert "payments is empty\n    import payments: handrail import getcourse, csv, database" in words
    assert "activity" in words
    assert [one["source"] for one in found.imports] == ["xapi"]
    assert states(found)["lake"] == "ok"
    json.dumps(found.as_dict(), default=str)


def test_a_school_with_a_champion_is_fit(made_home, tmp_path):
    found = doctor.examine(made_home.copy(tmp_path / "home").settings, quiet=True)
    assert found.fit, found.words()
    assert sum(not one.is_empty for one in found.families) >= 7
    assert "Fit to serve: yes" in found.words()


def test_a_lake_with_a_damaged_file_is_broken_and_says_which(made_home, tmp_path):
    copy = made_home.copy(tmp_path / "home")
    path = Lake(copy.school.lake, copy.school.zone).paths("activity")[0]
    path.write_bytes(path.read_bytes()[:1000])
    found = doctor.examine(copy.settings, quiet=True)
    (lake,) = [check for check in found.checks if check.name == "lake"]
    assert lake.state == "broken"
    assert path.name in lake.words
    assert found.families == []


def test_a_manifest_that_is_cut_is_broken(tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "manifest.json").write_text('{"batches": [')
    assert states(look(tmp_path))["lake"] == "broken"


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("school.toml", 'time_zone = "Moscow"', "not a known zone"),
        ("school.toml", "time_zone = ", "not valid TOML"),
        ("scool.toml", "", "is no settings file of Handrail"),
        ("school.toml", '[served]\nlabel = "boredom"', "there is no label 'boredom'"),
    ],
)
def test_wrong_settings_are_broken_and_say_where(tmp_path, file, text, says):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / file).write_text(text, "utf-8")
    (check,) = [check for check in look(tmp_path).checks if check.name == "configs"]
    assert check.state == "broken"
    assert says in check.words


def test_a_database_that_is_none_is_broken(tmp_path):
    (tmp_path / "handrail.db").write_text("not a database, but long enough to be taken for one" * 100)
    assert states(look(tmp_path))["database"] == "broken"


def test_a_full_disk_is_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(fitness, "LEAST_FREE", 2**62)
    assert states(look(tmp_path))["disk"] == "broken"


def test_identities_are_told_with_names_of_nobody_and_contradictions(tmp_path):
    home = tmp_path / "home"
    file = statements(tmp_path, account("ann"), {"mbox": "mailto:bob@school.example"})
    journeys.import_data(settings_of(home, KEY), "xapi", file, quiet=True)
    school = settings_of(home).school
    rows = [("crm:7", "https://lms.example:ann"), ("crm:8", "ann"), ("crm:8", "bob")]
    identities = pd.DataFrame(rows, columns=["alias", "student_id"]).assign(known_at=NOW, source="the CRM")
    with Lake(school.lake, school.zone).adding("crm", "1") as batch:
        batch.write("identities", identities, file="people.csv")
    found = look(home, KEY)
    assert found.aliases == {"the CRM": 1}
    assert [(one.table, one.kind, one.names) for one in found.nobodys] == [("enrolments", "email", 1)]
    words = found.words()
    assert "1 by the CRM" in words
    assert "1 hidden e-mail addresses in 1 rows of enrolments stand for no student" in words
    assert "2 identities were set aside: the alias is said to be several students" in words
    assert "crm:8 is said to be ann and bob" in words
    assert states(found)["identity"] == "ok"


def test_another_key_than_that_of_earlier_imports_is_refused_before_anything_is_read(tmp_path):
    home = tmp_path / "home"
    file = statements(tmp_path, {"mbox": "mailto:bob@school.example"})
    journeys.import_data(settings_of(home, KEY), "xapi", file, quiet=True)
    other = settings_of(home, KEY[::-1])
    with pytest.raises(doctor.HandrailError, match="not the key of earlier imports"):
        journeys.import_data(other, "xapi", file, quiet=True)
    assert states(look(home, KEY[::-1]))["identity"] == "broken"
    assert KEY not in (home / "identity.mark").read_text()


def test_doors_of_a_tables_own_come_before_those_of_any_table():
    assert doors(("tickets", "payments")) == ["zendesk", "usedesk", "getcourse", "csv", "database"]
    assert doors(()) == []


def test_the_command_exits_with_1_until_the_school_is_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["handrail", "doctor", "--json", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert told["fit"] is False
    assert {check["name"] for check in told["checks"]} >= {"lake", "model", "database"}


def test_the_command_exits_with_0_when_it_is(made_home, tmp_path, monkeypatch, capsys):
    home = made_home.copy(tmp_path / "home").settings.home
    monkeypatch.setattr(sys, "argv", ["handrail", "--home", str(home), "doctor"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 0
    assert "Fit to serve: yes" in capsys.readouterr().out


def test_a_family_that_the_school_has_not_switched_on_says_how(made_home):
    said = look(made_home.settings.home).words()
    assert "profile is off: to use an attribute, list its values in school.toml [profile]" in said
