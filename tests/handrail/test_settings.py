from __future__ import annotations

import stat
from pathlib import Path

from handrail.settings import Settings


def test_the_home_is_said_by_the_option_or_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HANDRAIL_HOME", str(tmp_path / "a"))
    assert Settings.read().home == tmp_path / "a"
    assert Settings.read(tmp_path / "b").home == tmp_path / "b"
    monkeypatch.delenv("HANDRAIL_HOME")
    assert Settings.read().home == Path.cwd() / "school"


def test_the_database_is_in_the_home_unless_the_environment_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("HANDRAIL_DATABASE_URL", raising=False)
    assert Settings.read(tmp_path).database_url == f"sqlite:///{tmp_path / 'handrail.db'}"
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", "postgresql+psycopg://db/handrail")
    assert Settings.read(tmp_path).database_url == "postgresql+psycopg://db/handrail"


def test_a_session_secret_is_made_once_and_nobody_else_reads_it(monkeypatch, tmp_path):
    monkeypatch.delenv("HANDRAIL_SESSION_SECRET", raising=False)
    secret = Settings.read(tmp_path).session_secret()
    assert len(secret) >= 32
    assert Settings.read(tmp_path).session_secret() == secret
    assert stat.S_IMODE((tmp_path / "session.secret").stat().st_mode) == 0o600
    monkeypatch.setenv("HANDRAIL_SESSION_SECRET", "x" * 40)
    assert Settings.read(tmp_path).session_secret() == "x" * 40


def test_databases_to_import_from_are_named_by_the_environment_and_not_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("HANDRAIL_SOURCE_CRM", "postgresql://u:zq9secret@db/crm")
    monkeypatch.setenv("HANDRAIL_SOURCE_OLD_LMS", "sqlite:////data/lms.db\n")
    monkeypatch.setenv("HANDRAIL_SOURCE_NONE", " ")
    read = Settings.read(tmp_path)
    assert read.school.sources == {"crm": "postgresql://u:zq9secret@db/crm", "old_lms": "sqlite:////data/lms.db"}
    assert "zq9secret" not in repr(read) + repr(read.school)
    assert hash(read) == hash(Settings.read(tmp_path))


def test_the_key_that_hides_addresses_is_read_and_shown_to_nobody(monkeypatch, tmp_path):
    monkeypatch.delenv("HANDRAIL_IDENTITY_KEY", raising=False)
    assert Settings.read(tmp_path).school.identity_key == ""
    monkeypatch.setenv("HANDRAIL_IDENTITY_KEY", f" {'k' * 64}\n")
    settings = Settings.read(tmp_path)
    assert settings.school.identity_key == "k" * 64
    assert "k" * 64 not in repr(settings) + repr(settings.school)
