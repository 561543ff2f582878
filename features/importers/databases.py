"""Databases to import from: opened for reading only, by a secret URL that no message ever shows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import duckdb

from features.errors import BadConfig, BadInput, HandrailError, Unavailable

CHUNK_ROWS = 20_000
_SECONDS_TO_ANSWER = 10
_HOST = re.compile(r"[\w.-]*")
_FORMS = (
    "Write it like postgresql://USER:PASSWORD@HOST/DATABASE, sqlite:////FOLDER/FILE, duckdb:////FOLDER/FILE, or "
    "duckdb+mysql:host=HOST user=USER password=PASSWORD database=DATABASE, which is duckdb+TYPE: and what DuckDB's "
    "ATTACH takes"
)


def variable(name: str) -> str:
    """The environment's variable that holds the URL of a source."""
    return f"HANDRAIL_SOURCE_{name.upper()}"


@dataclass(frozen=True)
class Database:
    """An open database.

    Attributes:
        connection: of its driver.
        parameter: how its SQL writes the place of a value.
        errors: what its driver raises.
        lost: those of them that mean that it went away.
        secrets: texts that its errors may repeat and nobody should see.
    """

    connection: Any
    parameter: str
    errors: tuple[type[Exception], ...]
    lost: tuple[type[Exception], ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def columns(self, query: str) -> list[str]:
        """The names of a query's columns.

        Raises:
            BadInput: it fails, or two columns have one name.
        """
        with self._asked(self._select(query) + " LIMIT 0", ()) as cursor:
            names = [column[0] for column in cursor.description]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise BadInput(f"the query has two columns {twice[0]}", mend="Give one of them another name with AS")
        return names

    def rows(self, query: str, since: str = "", start: Any = None) -> Iterator[Sequence[tuple[Any, ...]]]:
        """A query's rows, some thousand at a time.

        Args:
            query: one SELECT.
            since: a column of it; with ``start``, only rows where it is at least that, or empty, are asked for.
            start: from where on.

        Raises:
            BadInput: the query fails.
            Unavailable: the database went away.
        """
        sql = self._select(query)
        values: tuple[Any, ...] = ()
        if start is not None:
            column = '"' + since.replace('"', '""') + '"'
            sql = sql.replace("%", "%%") if self.parameter == "%s" else sql
            sql, values = f"{sql} WHERE {column} >= {self.parameter} OR {column} IS NULL", (start,)
        with self._asked(sql, values, "handrail") as cursor:
            while rows := cursor.fetchmany(CHUNK_ROWS):
                yield rows

    @staticmethod
    def _select(query: str) -> str:
        """As part of another one, a query cannot be anything but a SELECT."""
        return f"SELECT * FROM (\n{query.strip().rstrip(';')}\n) AS asked"

    @contextmanager
    def _asked(self, sql: str, values: tuple[Any, ...], name: str = "") -> Iterator[Any]:
        try:
            with self._cursor(name) as cursor:
                yield cursor.execute(sql, values) if values else cursor.execute(sql)  # psycopg then leaves a % alone
        except self.lost as error:
            raise Unavailable(f"the database went away ({self._said(error)})", mend="Import again") from None
        except self.errors as error:
            mend = "Try it in the database's own client; it has to be one SELECT"
            raise BadInput(f"the query fails: {self._said(error)}", mend=mend) from None

    def _said(self, error: Exception) -> str:
        words = _first_line(error)
        for secret in self.secrets:
            words = words.replace(secret, "...")
        return words

    def _cursor(self, name: str) -> AbstractContextManager[Any]:
        """A cursor; a named one stays in the server, which then hands out the rows some at a time."""
        if self.parameter == "%s":
            return self.connection.cursor(name=name) if name else self.connection.cursor()
        return nullcontext(self.connection)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def opened(name: str, urls: Mapping[str, str]) -> Iterator[Database]:
    """Opens a source for reading.

    Args:
        name: as mappings say it.
        urls: the secret URLs by name.

    Raises:
        BadConfig: there is no URL for that name, or it cannot be used.
        Unavailable: the database does not answer, or does not let us in.
    """
    where, url = variable(name), urls.get(name, "")
    if not url:
        raise BadConfig(f"there is no URL for the source {name}", where=where, mend=f"Set that variable. {_FORMS}")
    scheme = url.partition(":")[0].lower()
    opener = {"postgresql": _postgresql, "postgres": _postgresql, "sqlite": _sqlite, "duckdb": _duckdb}.get(scheme)
    if opener is None and not re.fullmatch(r"duckdb\+[a-z_]+", scheme):
        raise BadConfig("is not the URL of a database that can be read", where=where, mend=_FORMS)
    try:
        database = (opener or _attached)(url)
    except HandrailError as error:
        raise type(error)(error.what, where=where, mend=error.mend) from None
    try:
        yield database
    finally:
        database.connection.close()


def _postgresql(url: str) -> Database:
    import psycopg

    if not _is_sound(url):
        raise BadConfig(
            "is not a sound URL",
            mend="Signs such as @ / : # ? % in a name or password are written %40 %2F %3A %23 %3F %25",
        )
    try:
        connection = psycopg.connect(
            url, connect_timeout=_SECONDS_TO_ANSWER, client_encoding="utf8", application_name="handrail"
        )
    except psycopg.OperationalError as error:
        words = " ".join(str(error).split())
        raise Unavailable(f"cannot be opened: {words}", mend="Check host, user and password") from None
    except (psycopg.Error, ValueError):
        raise BadConfig("is not a sound URL", mend=_FORMS) from None  # the driver's own words may show a part of it
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # all blocks see one moment
    return Database(connection, "%s", (psycopg.Error,), (psycopg.OperationalError,))


def _is_sound(url: str) -> bool:
    """Whether nothing of the password can be taken for another part of the URL, and so be shown by an error."""
    try:
        parts = urlsplit(url)
        ends = f"{parts.path}{parts.query}{parts.fragment}"
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.netloc.count("@") <= 1 and "@" not in ends and bool(_HOST.fullmatch(host) or ":" in host)


def _file_of(url: str) -> Path:
    path = Path(unquote(urlsplit(url).path.removeprefix("/")))
    if not path.is_file():
        raise BadConfig(
            "names a file that is not there", mend="A whole path begins with four slashes: sqlite:////FOLDER/FILE"
        )
    return path


def _sqlite(url: str) -> Database:
    path = _file_of(url).absolute()
    try:
        connection = sqlite3.connect(f"file:{quote(path.as_posix())}?mode=ro", uri=True)
        connection.execute("PRAGMA query_only = on")
        connection.execute("SELECT 1 FROM sqlite_master").close()
    except sqlite3.Error as error:
        raise Unavailable(f"cannot be opened: {_first_line(error)}", mend="Check that it is an SQLite file") from None
    return Database(connection, "?", (sqlite3.Error,))


def _duckdb(url: str) -> Database:
    try:
        connection = duckdb.connect(str(_file_of(url)), read_only=True)
    except duckdb.Error as error:
        mend = "Check that it is a DuckDB file which nobody writes to"
        raise Unavailable(f"cannot be opened: {_first_line(error)}", mend=mend) from None
    return Database(connection, "?", (duckdb.Error,))


def _attached(url: str) -> Database:
    """Any database that DuckDB can attach, through its extension for it."""
    head, _, target = url.partition(":")
    kind = head.partition("+")[2].lower()
    connection = duckdb.connect()
    try:
        connection.execute(f"ATTACH '{target.replace(chr(39), chr(39) * 2)}' AS attached (TYPE {kind}, READ_ONLY)")
        connection.execute("USE attached")
    except duckdb.Error as error:  # its words show the whole URL
        connection.close()
        if "extension" in str(error).lower():
            mend = f"Install it once with a network: python -c \"import duckdb; duckdb.sql('INSTALL {kind}')\""
            raise Unavailable(f"DuckDB has no extension {kind}", mend=mend) from None
        raise Unavailable(
            f"DuckDB cannot attach it ({type(error).__name__})", mend="Check host, user, password and database"
        ) from None
    secrets = re.findall(r"(?i)(?:pass\w*|pwd|secret|token)\s*=\s*('[^']*'|\S+)", target)
    return Database(connection, "?", (duckdb.Error,), secrets=(target, *secrets))
