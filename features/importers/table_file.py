"""A file of rows, whatever its kind: CSV, JSON lines or Parquet, known by its ending or else by its content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from features.errors import BadInput
from features.importers import csv_file, json_lines_file, parquet_file
from features.importers.chunk import Chunk
from features.importers.inputs import opened
from features.importers.mapping import Block

Kind = Literal["csv", "json_lines", "parquet"]
_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
_CHUNKS = {"csv": csv_file.chunks, "json_lines": json_lines_file.chunks, "parquet": parquet_file.chunks}


def kind_of(file: Path) -> Kind:
    """What a file is.

    Raises:
        BadInput: it is a workbook, or one whole JSON list.
    """
    name = file.name.lower().removesuffix(".gz")
    with opened(file) as (raw, _):
        start = raw.read(4096)
    if start.startswith(b"PK\x03\x04"):
        raise BadInput("is a workbook or an archive", where=str(file), mend='Save it as "CSV UTF-8", or unpack it')
    if start.startswith(b"PAR1"):
        if file.open("rb").read(4) != b"PAR1":
            raise BadInput("is a packed Parquet file", where=str(file), mend="Unpack it")
        return "parquet"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if name.endswith(_JSON_ENDINGS) or text.startswith(b"{"):
        if text.startswith(b"["):
            mend = "Write one object a line: jq -c '.[]' does that"
            raise BadInput("is one JSON list, not JSON lines", where=str(file), mend=mend)
        return "json_lines"
    return "csv"


def prove(file: Path, block: Block, mapping: str) -> None:
    """Finds, before anything is kept, the faults that only a look at all of the file shows.

    Raises:
        BadInput: a CSV file is not of the encoding that the mapping says; `kind_of`.
    """
    if kind_of(file) == "csv":
        csv_file.prove_encoding(file, block, mapping)


def chunks(file: Path, block: Block, mapping: str) -> Iterator[Chunk]:
    """A file's rows; see the `chunks` of its kind."""
    return _CHUNKS[kind_of(file)](file, block, mapping)
