"""The database itself: how it is opened, brought up to date, asked, and what is said when it does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    ProgrammingError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from features.errors import BadConfig, NotReady, Unavailable

WAIT_SECONDS = 5
"""How long a statement waits for a lock, and a caller for a connection."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x48524C
_ROWS_AT_ONCE = 500

T = TypeVar("T")


class Database:
    """One database, SQLite or PostgreSQL.

    A writing transaction on SQLite takes the write lock at its start, so that two writers wait for each other
    instead of failing half-way. What is committed is on the disk (WAL with ``synchronous=FULL``).

    Args:
        url: an SQLAlchemy URL, such as ``sqlite:////srv/school/handrail.db`` or ``postgresql+psycopg://...``.

    Raises:
        BadConfig: the URL cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._where = self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    def migrate(self) -> None:
        """Brings the tables up to date; several processes may do so at once.

        Raises:
            BadConfig: the database was made by a newer version.
            Unavailable: it does not answer.
        """
        with self._answering(), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                # A migration may rebuild a table; with foreign keys on, dropping the old one would delete its children.
                connection.execution_options(begins="")
                for pragma in ("journal_mode=WAL", "foreign_keys=OFF"):
                    connection.execute(text(f"PRAGMA {pragma}"))
                connection.commit()
            connection.execution_options(begins="BEGIN IMMEDIATE")
            try:
                with connection.begin():
                    self._upgrade(connection)
            finally:
                connection.invalidate()

    def check(self) -> None:
        """Whether the database answers and has the tables of this version.

        Raises:
            NotReady: the tables are older or missing.
            BadConfig: they are newer.
            Unavailable: it does not answer.
        """
        with self.reading() as connection:
            found = self._revisions(connection)
        if found != set(_scripts().get_heads()):
            mend = "Start the service once: it brings them up to date"
            raise NotReady("its tables are not up to date", where=self._where, mend=mend)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database.

        Raises:
            Unavailable: the database does not answer.
        """
        with self._answering(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed whole at its end, or not at all.

        Raises:
            Unavailable: the database does not answer.
        """
        with self._answering(), self._engine.connect() as connection:
            connection.execution_options(begins="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def insert_new(self, table: Table) -> Any:
        """An insert that leaves rows alone whose key is there already."""
        insert: Any = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        return insert(table).on_conflict_do_nothing()

    def _upgrade(self, connection: Connection) -> None:
        if self._engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        self._revisions(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    def _revisions(self, connection: Connection) -> set[str]:
        found = set(MigrationContext.configure(connection).get_current_heads())
        unknown = found - {script.revision for script in _scripts().walk_revisions()}
        if unknown:
            raise BadConfig(
                f"a newer version of Handrail made the database (its tables are at {', '.join(sorted(unknown))})",
                where=self._where,
                mend="Install that version, or go back to a copy of the database from before",
            )
        return found

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, ProgrammingError, DataError):
            raise
        except (DatabaseError, InterfaceError, PoolTimeout) as error:
            cause = str(getattr(error, "orig", None) or error).splitlines()[0]
            closed = "unable to open" in cause or "readonly" in cause
            again = f"Try again in {WAIT_SECONDS} seconds"
            raise Unavailable(
                f"the database does not answer ({cause})",
                where=self._where,
                mend="Check that its folder is there and may be written" if closed else again,
            ) from error
        except StatementError as error:
            raise (error.orig if isinstance(error.orig, ValueError) else error) from error


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces that a statement can take as parameters."""
    for start in range(0, len(items), _ROWS_AT_ONCE):
        yield items[start : start + _ROWS_AT_ONCE]


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        options: dict[str, Any] = {
            "pool_timeout": WAIT_SECONDS,
            "json_serializer": _dumps,
            "json_deserializer": orjson.loads,
        }
        if parsed.get_backend_name() == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise BadConfig("a database in memory would be forgotten", where=url, mend="Name a file")
            engine = create_engine(parsed, connect_args={"timeout": WAIT_SECONDS}, **options)
            event.listen(engine, "connect", _open_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        if parsed.get_backend_name() == "postgresql":
            limits = f"-c lock_timeout={WAIT_SECONDS}s -c synchronous_commit=on"
            connect = {"connect_timeout": WAIT_SECONDS, "options": limits}
            return create_engine(parsed, pool_pre_ping=True, connect_args=connect, **options)
    except (ArgumentError, NoSuchModuleError) as error:
        raise BadConfig(f"is not the URL of a database: {error}", where="database") from error
    except ModuleNotFoundError as error:
        raise BadConfig(
            f"the driver {error.name} is not installed", where="database", mend=f"Install the package {error.name}"
        ) from error
    raise BadConfig(
        f"{parsed.get_backend_name()} is not a database that Handrail can use",
        where="database",
        mend="Use sqlite or postgresql",
    )


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _open_sqlite(driver: Any, _record: Any) -> None:
    driver.isolation_level = None  # transactions begin where we say so, see _begin_sqlite
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        driver.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    begins = connection.get_execution_options().get("begins", "BEGIN")
    if begins:
        connection.exec_driver_sql(begins)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
