"""An importer's input files: that they are there, what names their content, and how far reading has come."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd

from features.contracts.check import REJECT_COLUMNS
from features.errors import BadInput

Progress = Callable[[int, int, str], None]
"""Told (done, total, what) as reading goes on; done and total are bytes of input."""


def silent(done: int, total: int, what: str) -> None:
    """Tells nobody."""


def present(file: Path) -> Path:
    """The file, if it can be read and holds anything.

    Raises:
        BadInput: it is missing, a folder, or empty.
    """
    if not file.is_file():
        what = "is a folder, not a file" if file.is_dir() else "there is no such file"
        raise BadInput(what, where=str(file), mend="Check the path")
    if file.stat().st_size == 0:
        raise BadInput("the file is empty", where=str(file), mend="Export it again")
    return file


@contextmanager
def opened(file: Path) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
    """A file's bytes, unpacked if it is gzip (known by its content, not by its name).

    Yields:
        The bytes, and what says how many of the file's own are read.

    Raises:
        BadInput: the gzip file is cut or damaged.
    """
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if packed else raw, raw.tell  # type: ignore[misc]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            what = "is cut" if isinstance(error, EOFError) else f"is damaged ({error})"
            raise BadInput(f"the gzip file {what}", where=str(file), mend="Copy or export it again") from error


def digest(importer: str, settings: dict[str, Any], files: Iterable[Path]) -> str:
    """Names one very input: the importer, the settings that change what it makes, and every byte of the files.

    Args:
        importer: its name.
        settings: plain values.
        files: their names do not matter, their order does.

    Returns:
        64 hexadecimal digits.
    """
    total = hashlib.sha256(json.dumps([importer, settings], sort_keys=True, default=str).encode())
    for file in files:
        with file.open("rb") as content:
            total.update(hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()


def rejects(
    table: str, file: str, rows: pd.Series, *, column: str = "", reason: str, mend: str, values: pd.Series | str = ""
) -> pd.DataFrame:
    """Rows that an importer sets aside, in the shape of `features.contracts.check.Checked.rejects`.

    Args:
        table: the contract's name.
        file: where they come from.
        rows: (n,) line numbers in the file.
        column: the heading or field at fault.
        reason: what is wrong.
        mend: what to do about it.
        values: (n,) what was there.

    Returns:
        (n, 7) one line per row.
    """
    shown = values if isinstance(values, str) else values.fillna("").astype("str").str.slice(0, 80).to_numpy()
    facts = {"table": table, "file": file, "row": rows.to_numpy("int64"), "column": column, "value": shown}
    return pd.DataFrame({**facts, "reason": reason, "mend": mend})[list(REJECT_COLUMNS)]
