"""One file of JSON lines as rows of text: an object a line, nested fields under dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from features.errors import BadInput
from features.importers.cells import MISSING, as_text, at
from features.importers.chunk import CHUNK_ROWS, Chunk, frame, place_of
from features.importers.mapping import Block
from features.importers.statements import lines

_MEND = "Write one JSON object a line, in UTF-8"


def chunks(file: Path, block: Block, mapping: str) -> Iterator[Chunk]:
    """A file's rows; a field that a line does not have is an empty cell.

    Args:
        file: plain or gzip.
        block: says which fields are in use.
        mapping: the mapping's name, for the messages.

    Raises:
        BadInput: a field that makes the id stands in no line, or the gzip file is cut.
    """
    unseen, names, position = set(block.headings), set[str](), 0
    rows: list[list[str]] = []
    numbers: list[int] = []
    chunk = Chunk(pd.DataFrame())

    def progress(done: int) -> None:
        nonlocal position
        position = done

    for line, text in lines(file, progress):
        found = parsed(text)
        if isinstance(found, str):
            chunk.broken.append((line, found, _MEND, text[:80].decode("utf-8", "replace").strip()))
        else:
            values = [at(found, heading) for heading in block.headings]
            unseen -= {heading for heading, value in zip(block.headings, values, strict=True) if value is not MISSING}
            names = names or set(found)
            rows.append([as_text(value) for value in values])
            numbers.append(line)
        if len(rows) + len(chunk.broken) >= CHUNK_ROWS:
            chunk.rows, chunk.bytes_read = frame(rows, numbers, block.headings), position
            yield chunk
            rows, numbers, chunk = [], [], Chunk(pd.DataFrame())
    if names and (lost := [heading for heading in block.id_from if heading in unseen]):
        raise BadInput(
            f"no line has the field{'s' * (len(lost) > 1)} {', '.join(lost)}",
            where=place_of(file, block, mapping),
            mend=f"Its first line has: {', '.join(sorted(names))}; a field inside of another is named with a dot",
        )
    chunk.rows, chunk.bytes_read = frame(rows, numbers, block.headings), file.stat().st_size
    chunk.unseen = tuple(heading for heading in block.headings if names and heading in unseen)
    yield chunk


def parsed(line: bytes) -> dict[str, Any] | str:
    """The object of a line, its numbers spelled as they are in the file; or in words why there is none."""
    try:
        text = line.decode("utf-8")
        if "\\ud" in text.lower():
            orjson.loads(line)  # refuses half a character, which json lets through and no file can hold
        found = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    except (ValueError, RecursionError):
        return "is not sound JSON"
    return found if isinstance(found, dict) else "is not a JSON object"
