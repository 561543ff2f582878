"""The doors by which data come in: a module of this room each, with a line of help; a new importer is a new line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from pathlib import Path

    from features.config import School
    from features.importers.inputs import Progress
    from features.lake import ImportReport


class Door(NamedTuple):
    """One kind of source.

    Attributes:
        name: of its module, and of its command.
        takes: what it is given.
        text: what it reads, in a line.
    """

    name: str
    takes: str
    text: str


class Load(Protocol):
    """What every importer ends in."""

    def __call__(self, school: School, path: Path, progress: Progress | None = None) -> ImportReport:
        """Imports what lies there."""


DOORS = (
    Door("csv", "MAPPING", "A school's own exports (CSV, JSON lines, Parquet) through a mapping file."),
    Door("database", "MAPPING", "PostgreSQL, SQLite, DuckDB and what it attaches, by the queries of a mapping file."),
    Door("xapi", "FILE", "xAPI statements of the video profile: JSON lines, plain or .gz."),
    Door("edx", "PATH", "Open edX tracking logs: a file or a folder of daily ones, plain or .gz."),
    Door("moodle", "PATH", "Moodle's standard log: CSV exports, or a TOML file that names its database."),
    Door("getcourse", "PATH", "GetCourse exports of users, orders, payments and lessons."),
    Door("bitrix24", "PATH", "Bitrix24 contacts, deals with their stages, and activities."),
    Door("zendesk", "PATH", "Zendesk tickets with their audits, metric events and ratings."),
    Door("usedesk", "PATH", "Usedesk tickets with their comments."),
    Door("oulad", "FOLDER", "The Open University Learning Analytics Dataset, as it is published."),
    Door("kdd2015", "FOLDER", "KDD Cup 2015 (XuetangX) enrolments and logs, as they were published."),
)


def importer(name: str) -> Load:
    """The importer behind a door."""
    return cast(Load, import_module(f"features.importers.{name}").load)
