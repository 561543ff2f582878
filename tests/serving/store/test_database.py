from __future__ import annotations

import json
import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from features.errors import BadConfig, NotReady, Unavailable
from serving.store import Store
from serving.store import database as database_room
from serving.store.schema import Moment, audit, login_failure, metadata

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_the_migrations_make_the_tables(store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_keeps_what_is_there(store, make_record) -> None:
    store.put_decisions([make_record()])
    store.migrate()
    assert store.decision("d_1") == make_record()


def test_before_migrating_it_is_not_ready(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(NotReady, match="not up to date"):
        store.check()
    store.migrate()
    store.check()


def test_a_newer_database_is_refused_and_left_alone(store) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refuses in (store.migrate, store.check):
        with pytest.raises(BadConfig, match="newer version of Handrail"):
            refuses()


def _migrate(url: str) -> None:
    store = Store(url)
    store.migrate()
    store.check()


def test_several_processes_may_migrate_at_once(tmp_path: Path, start) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    processes = [start(_migrate, url) for _ in range(2)]
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]


def test_what_is_committed_is_on_the_disk(store) -> None:
    with store.reading() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "is not the URL of a database"),
        ("nosuch://here/db", "nosuch is not a database that Handrail can use"),
        ("sqlite://", "in memory would be forgotten"),
        ("sqlite:///:memory:", "in memory would be forgotten"),
        ("mysql+nosuch://h/d", "mysql is not a database that Handrail can use"),
    ],
)
def test_a_url_that_cannot_be_used(url: str, says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        Store(url)


def test_a_missing_driver_is_named() -> None:
    driver = pytest.importorskip("importlib.util").find_spec("pg8000")
    if driver is not None:
        pytest.skip("pg8000 is installed here")
    with pytest.raises(BadConfig, match="the driver pg8000 is not installed"):
        Store("postgresql+pg8000://user:secret@127.0.0.1/handrail")


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    for asks in (store.check, store.migrate, store.last_night):
        with pytest.raises(Unavailable, match="Check that its folder is there"):
            asks()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "text.db"
    file.write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Unavailable, match="file is not a database"):
        Store(f"sqlite:///{file}").check()


def test_a_locked_database_is_unavailable_and_comes_back(url, make_record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_room, "WAIT_SECONDS", 0.05)
    store = Store(url)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match=r"database is locked.*Try again in"):
        store.put_decisions([make_record()])
    assert store.decision("d_1") is None, "reading goes on meanwhile"
    other.execute("ROLLBACK")
    other.close()
    assert store.put_decisions([make_record()]) == [make_record()]


def _fill(store) -> None:
    """Writes until the file may not grow any more."""
    with store.writing() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count={pages}"))
        for _ in range(100):
            row = {"at": NOW, "actor": "a", "what": "b", "subject": "c", "detail": "x" * 9000}
            connection.execute(audit.insert().values(row))


def test_a_full_disk_is_unavailable_and_loses_nothing(store, make_record) -> None:
    store.put_decisions([make_record()])
    with pytest.raises(Unavailable, match="database or disk is full"):
        _fill(store)
    store.close()
    assert store.decision("d_1") == make_record()
    assert store.audit_trail() == []
    with store.reading() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_moments_are_aware_on_every_database(store, dialect: str) -> None:
    moment, there = Moment(), NOW.astimezone(timezone(timedelta(hours=9)))
    kind = postgresql.dialect() if dialect == "postgresql" else store._engine.dialect
    stored = moment.process_bind_param(there, kind)
    assert stored is not None
    back = moment.process_result_value(stored, kind)
    assert back == NOW
    assert back.tzinfo is UTC
    assert moment.process_bind_param(None, kind) is None
    assert moment.process_result_value(None, kind) is None
    with pytest.raises(ValueError, match="no time zone"):
        moment.process_bind_param(NOW.replace(tzinfo=None), kind)


def test_the_tables_can_be_made_on_postgresql() -> None:
    dialect = postgresql.dialect()
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    made += [str(CreateIndex(i).compile(dialect=dialect)) for table in metadata.sorted_tables for i in table.indexes]
    assert "TIMESTAMP WITH TIME ZONE" in "".join(made)
    names = [str(c.name) for table in metadata.sorted_tables for c in (*table.constraints, *table.indexes) if c.name]
    assert all(len(name) <= 63 for name in names), "PostgreSQL would cut a longer name"


def _fail(store) -> None:
    with store.writing() as connection:
        connection.execute(login_failure.insert().values(login="anna", failures=1, last_at=NOW))
        raise RuntimeError


def test_what_is_written_in_a_failed_transaction_is_not_kept(store) -> None:
    with pytest.raises(RuntimeError):
        _fail(store)
    assert store.failures("anna") is None


def test_a_database_of_the_first_release_keeps_its_touches_and_can_go_back(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'old.db'}")
    config = database_room._config()
    with store.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = "touch_id, student_id, channel, status, occurred_at, known_at"
        values = "'t1', 's1', 'sms', 'sent', '2025-03-01 12:00:00.000000', '2025-03-01 12:00:00.000000'"
        connection.execute(text(f"INSERT INTO touch ({columns}) VALUES ({values})"))
    store.migrate()
    told = {"touch_id": "t1", "student_id": "s1", "channel": "sms", "occurred_at": NOW, "by": "anna"}
    store.add_touches([{**told, "status": "opened", "known_at": NOW + timedelta(days=1)}])
    assert [(row["status"], row["by"]) for row in store.touch_versions(None, NOW)] == [
        ("sent", None),
        ("opened", "anna"),
    ]
    with store.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert connection.execute(text("SELECT touch_id, status FROM touch")).all() == [("t1", "opened")]
    store.migrate()
    store.check()


def test_a_database_from_before_capacities_keeps_its_decisions_and_can_go_back(tmp_path: Path, make_record) -> None:
    store = Store(f"sqlite:///{tmp_path / 'old.db'}")
    config = database_room._config()
    with store.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        record = make_record()
        names = ("decision_id", "student_id", "request_digest", "model_version", "policy_version", "action", "arm")
        row = {name: record[name] for name in names} | {"decision_date": record["decision_date"], "created_at": "x"}
        columns = ", ".join([*row, "record"])
        values = ", ".join(f":{name}" for name in [*row, "record"])
        connection.execute(
            text(f"INSERT INTO decision ({columns}) VALUES ({values})"), {**row, "record": json.dumps(record)}
        )
    store.migrate()
    store.check()
    store.keep_policy("p1", {"rules": []})
    assert list(store.decisions_on(date(2025, 3, 2))) == [make_record()]
    with store.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
    assert store.decision("d_1") == make_record()
    store.migrate()
    assert store.last_policy() is None


def test_a_database_from_before_matters_keeps_its_flags_and_can_go_back(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'old.db'}")
    config = database_room._config()
    flag = {"event_id": "f1", "student_id": "s1", "kind": "complaint", "state": "set", "occurred_at": NOW}
    with store.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        columns = "event_id, student_id, kind, state, occurred_at, known_at"
        values = "'f1', 's1', 'complaint', 'set', '2025-03-01 12:00:00.000000', '2025-03-01 12:00:00.000000'"
        connection.execute(text(f"INSERT INTO flag ({columns}) VALUES ({values})"))
    store.migrate()
    store.check()
    assert store.add_flags([flag]).known == ("f1",), "told again, it is the same fact"
    store.add_flags([{**flag, "event_id": "f2", "reference": "case 7", "known_at": NOW}])
    assert [row["reference"] for row in store.flags_of(None)] == [None, "case 7"]
    with store.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
        assert connection.execute(text("SELECT event_id FROM flag ORDER BY 1")).all() == [("f1",), ("f2",)]
    store.migrate()
    store.check()
