"""The lake: checked event tables in Parquet, added to whole or not at all.

A manifest names the files that count. An import writes its files beside the others and then replaces the
manifest in one rename, so a killed import leaves the lake as it was; its files are swept away later.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features import clock, identity_check
from features.contracts import TABLES, Checked, Contract, check
from features.contracts.check import as_records, empty
from features.errors import BadConfig, Unavailable

PLANS = ("students", "courses", "enrolments", "assignments", "identities")
"""Tables of what there is, rather than of what happened."""


def day_column(moment: str) -> str:
    """The name of the column that holds a moment's day: `day` for `occurred_at`, `due_day` for `due_at`."""
    return "day" if moment == "occurred_at" else moment.removesuffix("_at") + "_day"


@dataclass
class ImportReport:
    """What an import did, table by table.

    Attributes:
        source: the importer's name.
        read: rows read per table; always ``kept + set_aside + already_known``.
        kept: rows added.
        set_aside: rows that did not meet their contract.
        already_known: rows that the lake had.
        reasons: how often each reason set a row aside.
        faults: the first of them, for showing.
        repeated: whether this very input had been imported before, so that nothing was read.
        ignored: input rows that are not facts of any table (said by the importer), by reason.
    """

    source: str
    read: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, int] = field(default_factory=dict)
    already_known: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    repeated: bool = False
    ignored: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class Lake:
    """The event tables of one school.

    Args:
        root: its folder.
        zone: the school's IANA zone, which says what a day is; it is fixed by the first import.

    Raises:
        BadConfig: the lake was made with another zone.
    """

    def __init__(self, root: Path, zone: str) -> None:
        self.root, self.zone = root, zone
        made_with = self._manifest().get("zone", zone)
        if made_with != zone:
            raise BadConfig(
                f"the lake was made with time_zone {made_with!r}, the settings say {zone!r}",
                where=str(root),
                mend="Put the old zone back, or import the data again into a new school",
            )

    def _manifest(self) -> dict[str, Any]:
        path = self.root / "manifest.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else {"batches": [], "files": []}

    @property
    def version(self) -> str:
        """A name of the lake's present content: it changes with every import that added something."""
        files = [entry["path"] for entry in self._manifest()["files"]]
        return hashlib.sha256("\n".join(files).encode()).hexdigest()[:16]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was imported yet."""
        return not self._manifest()["files"]

    def batches(self) -> list[dict[str, Any]]:
        """The imports so far, oldest first: source, digest, moment and report."""
        return list(self._manifest()["batches"])

    def paths(self, table: str, added_since: datetime | None = None) -> list[Path]:
        """The Parquet files of a table; of the imports since a moment only, where one is given."""
        manifest = self._manifest()
        paths = [self.root / entry["path"] for entry in manifest["files"] if entry["table"] == table]
        if added_since is None:
            return paths
        new = {one["id"] for one in manifest["batches"] if datetime.fromisoformat(one["added_at"]) >= added_since}
        return [path for path in paths if path.parent.name in new]

    def read(
        self, table: str, only: tuple[str, Sequence[str]] | None = None, *, added_since: datetime | None = None
    ) -> pd.DataFrame:
        """Rows of a table, every version, with `day` and `known_day` (day numbers in the school's zone).

        Args:
            table: the contract's name.
            only: (column, values) to keep.
            added_since: rows of the imports since this moment only.
        """
        paths = self.paths(table, added_since)
        if only is not None and not only[1]:
            paths = []
        return _rows(table, paths, self.zone, [(only[0], "in", list(only[1]))] if only else None)

    def is_unique(self, table: str, column: str) -> bool:
        """Whether no value of a column comes twice: then nothing of the table was told in versions."""
        if not (paths := self.paths(table)):
            return True
        query = f'SELECT count(*) = count(DISTINCT "{column}") FROM read_parquet(?)'
        with duckdb.connect() as db:
            return bool(db.execute(query, [[str(path) for path in paths]]).fetchall()[0][0])

    def last_known_day(self, table: str | None = None) -> int | None:
        """The newest `known_day` of a table, or of all tables of events; None where there is no row."""
        files = self._manifest()["files"]
        found = [one for one in files if one["table"] == table or (not table and one["table"] not in PLANS)]
        return max((one["last_known_day"] for one in found), default=None)

    @contextmanager
    def adding(self, source: str, digest: str) -> Iterator[Batch]:
        """Adds one import: all of it becomes visible when the block ends, none of it when it raises.

        Args:
            source: the importer's name.
            digest: names the very input; see `already_added`.
        """
        batch = Batch(self, source, digest)
        try:
            yield batch
        except BaseException:
            shutil.rmtree(batch.folder, ignore_errors=True)
            raise
        batch._commit()

    def already_added(self, digest: str) -> bool:
        """Whether an import with this digest was added before."""
        return any(batch["digest"] == digest for batch in self.batches())

    def marks(self) -> dict[str, Any]:
        """How far sources that are asked only for news were read, by name; an import that failed moved none."""
        return {name: mark for batch in self.batches() for name, mark in batch.get("marks", {}).items()}

    def rejects(self) -> pd.DataFrame:
        """Every row that was set aside, with its file, row, column, reason and mend."""
        paths = sorted(self.root.glob("batches/*/rejects.parquet"))
        known = {batch["id"] for batch in self.batches()}
        frames = [pd.read_parquet(path) for path in paths if path.parent.name in known]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


class Batch:
    """One import in the making; see `Lake.adding`.

    Attributes:
        marks: how far a source was read, by name; kept with the batch, see `Lake.marks`.
    """

    def __init__(self, lake: Lake, source: str, digest: str) -> None:
        self.lake, self.report = lake, ImportReport(source)
        self.marks: dict[str, Any] = {}
        self._digest = digest
        self._files: list[dict[str, Any]] = []
        self._rejects: list[pd.DataFrame] = []
        self._before = len(lake.batches())
        self._id = f"{self._before + 1:05d}-{source}-{digest[:8]}"
        self.folder = lake.root / "batches" / self._id
        shutil.rmtree(self.folder, ignore_errors=True)  # what a killed import left
        self.folder.mkdir(parents=True)

    def write(self, table: str, frame: pd.DataFrame, *, file: str = "") -> Checked:
        """Checks rows, drops those that the lake has, and keeps the rest.

        Args:
            table: the contract's name.
            frame: rows; the index is the row number in the file.
            file: named in the reasons.

        Returns:
            What the check found.

        Raises:
            BadInput: the columns are not the contract's.
        """
        checked = check(table, frame, file=file)
        if table in identity_check.CHECKED and len(checked.rows):
            checked = identity_check.sound(table, checked, frame.index, file, self._so_far)
        fresh = self._fresh(table, checked.rows)
        for counts, value in (
            (self.report.read, len(frame)),
            (self.report.kept, len(fresh)),
            (self.report.set_aside, checked.rejected),
            (self.report.already_known, len(checked.rows) - len(fresh)),
        ):
            counts[table] = counts.get(table, 0) + value
        self._keep_rejects(checked.rejects)
        if len(fresh):
            fresh = with_days(fresh, self.lake.zone)
            path = self.folder / f"{table}-{len(self._files):04d}.parquet"
            pq.write_table(pa.Table.from_pandas(fresh, preserve_index=False), path, compression="zstd")
            self._files.append(
                {
                    "table": table,
                    "path": str(path.relative_to(self.lake.root)),
                    "rows": len(fresh),
                    "last_known_day": int(fresh["known_day"].max()),
                }
            )
        return checked

    def set_aside(self, table: str, rejects: pd.DataFrame) -> None:
        """Sets aside rows that an importer cannot even turn into rows of the table, such as a broken line.

        Args:
            table: the contract's name.
            rejects: one line per row, columns `REJECT_COLUMNS`.
        """
        for counts in (self.report.read, self.report.set_aside):
            counts[table] = counts.get(table, 0) + len(rejects)
        self._keep_rejects(rejects)

    def _keep_rejects(self, rejects: pd.DataFrame) -> None:
        if rejects.empty:
            return
        self._rejects.append(rejects)
        for reason, count in (rejects["column"] + ": " + rejects["reason"]).value_counts().items():
            self.report.reasons[str(reason)] = self.report.reasons.get(str(reason), 0) + int(count)
        self.report.faults += as_records(rejects.astype("str"), 20 - len(self.report.faults))

    def ignore(self, reason: str, count: int = 1) -> None:
        """Counts input rows that are no facts of any table."""
        if count:
            self.report.ignored[reason] = self.report.ignored.get(reason, 0) + int(count)

    def _paths(self, table: str) -> list[Path]:
        own = [self.lake.root / entry["path"] for entry in self._files if entry["table"] == table]
        return [*self.lake.paths(table), *own]

    def _so_far(self, table: str) -> pd.DataFrame:
        """The ids of a table's rows in the lake and in this batch."""
        columns = [name for name in ("alias", "student_id") if name in TABLES[table].columns]
        tables = [pq.read_table(path, columns=columns) for path in self._paths(table)]
        return pa.concat_tables(tables).to_pandas() if tables else empty(table)[columns]

    def _fresh(self, table: str, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that the lake and this batch do not hold yet."""
        contract = TABLES[table]
        paths = self._paths(table)
        if contract.versioned:
            old = _rows(table, paths, self.lake.zone)[list(contract.columns)]
            return _newer_versions(contract, old[old[contract.key[0]].isin(rows[contract.key[0]])], rows)
        rows = rows.drop_duplicates(contract.key[0], keep="first")
        if not paths or rows.empty:
            return rows
        with duckdb.connect() as db:
            db.register("fresh", pd.DataFrame({"key": rows[contract.key[0]], "place": range(len(rows))}))
            kept = db.execute(
                # The old keys stream past the fresh ones, so memory does not grow with the lake.
                f'WITH known AS (SELECT old."{contract.key[0]}" AS key FROM read_parquet(?) old SEMI JOIN fresh '
                f'ON fresh.key = old."{contract.key[0]}") SELECT place FROM fresh ANTI JOIN known USING (key)',
                [[str(path) for path in paths]],
            ).fetchnumpy()["place"]
        return rows.iloc[sorted(kept)]

    def _commit(self) -> None:
        if self._rejects:
            pd.concat(self._rejects, ignore_index=True).astype("str").to_parquet(self.folder / "rejects.parquet")
        manifest = self.lake._manifest()
        if len(manifest["batches"]) != self._before:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Unavailable("another import ended meanwhile", where=str(self.lake.root), mend="Import this again")
        manifest["zone"] = self.lake.zone
        manifest["files"] += self._files
        manifest["batches"].append(
            {
                "id": self._id,
                "source": self.report.source,
                "digest": self._digest,
                "added_at": clock.now().isoformat(),
                "report": self.report.as_dict(),
                **({"marks": self.marks} if self.marks else {}),
            }
        )
        replace_file(self.lake.root / "manifest.json", json.dumps(manifest, indent=1).encode())


def _rows(table: str, paths: Sequence[Path], zone: str, filters: list[Any] | None = None) -> pd.DataFrame:
    """Rows of files of a table; columns that an older version did not write are empty."""
    typed = _typed(table, zone)
    if not paths:
        return typed.copy()
    files = [pq.read_table(path, filters=filters) for path in paths]
    rows = pa.concat_tables(files, promote_options="default").to_pandas()
    for name in typed.columns.difference(rows.columns):
        rows[name] = typed[name].reindex(rows.index)
    return rows[typed.columns]


@cache
def _typed(table: str, zone: str) -> pd.DataFrame:
    """No rows of a table, with all their columns."""
    return with_days(empty(table), zone)


def _newer_versions(contract: Contract, old: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that change what is known of an entity: other content than the version in force when they were known."""
    every = pd.concat([old.assign(_at=-1), rows.assign(_at=range(len(rows)))], ignore_index=True)
    every = every.sort_values([contract.key[0], "known_at", "_at"], kind="stable", ignore_index=True)
    content = every.drop(columns=["known_at", "_at"]).astype("str").fillna("")
    same = (content == content.shift()).all(axis=1)
    return rows.iloc[sorted(every.loc[~same & (every["_at"] >= 0), "_at"])]


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, or a power cut, sees the old one or the new one and nothing between."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)


def with_days(rows: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Adds the school's day of each moment, so that every engine counts days the same way."""
    days = {
        day_column(name): clock.local_days(rows[name], zone)
        for name in rows.columns
        if isinstance(rows[name].dtype, pd.DatetimeTZDtype)
    }
    return rows.assign(**days)
