"""One CSV file as text: its encoding proved, its headings found, its rows in chunks with their line numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from features.errors import BadInput
from features.importers.chunk import CHUNK_ROWS, Chunk, frame, place_of
from features.importers.inputs import opened
from features.importers.mapping import Block

_PIECE = 1 << 20
_TOGETHER = ("cp1251", "koi8-r", "cp866", "gb18030")


def prove_encoding(file: Path, block: Block, mapping: str) -> None:
    """Reads the whole file once in the encoding that the mapping says.

    Raises:
        BadInput: it is not of that encoding; says the line and an encoding that fits.
    """
    where = place_of(file, block, mapping)
    encoding = codecs.lookup(block.encoding).name
    decoder, lines = codecs.getincrementaldecoder(encoding)("strict"), 1
    with opened(file) as (raw, _):
        first = piece = raw.read(_PIECE)
        while piece:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                line = lines + piece[: error.start].count(b"\n")
                raise _wrong_encoding(where, line, block.encoding, piece) from error
            lines += piece.count(b"\n")
            piece = raw.read(_PIECE)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise _wrong_encoding(where, lines, block.encoding, first) from error
    if not encoding.startswith("utf") and not first.isascii() and _decodes(first, "utf-8"):
        raise BadInput(f"is UTF-8, not {block.encoding}", where=where, mend='Write encoding = "utf-8" in that block')


def _wrong_encoding(where: str, line: int, encoding: str, piece: bytes) -> BadInput:
    guess = likely_encoding(piece)
    mend = f'Write encoding = "{guess}" in that block, or save the file as UTF-8'
    return BadInput(f"line {line} is not {encoding} text", where=where, mend=mend)


def likely_encoding(piece: bytes) -> str:
    """An encoding that fits: Western letters stand alone between ASCII ones, Russian and Chinese stand together."""
    if piece[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    runs = re.findall(rb"[\x80-\xff]+", piece)
    if sum(map(len, runs)) < 2 * len(runs):
        return "latin-1"

    def usual(encoding: str) -> float:
        text = [c for c in piece.decode(encoding, "replace") if not c.isascii()]
        return sum("а" <= c <= "я" or "一" <= c <= "鿿" for c in text) / max(len(text), 1)

    return next((encoding for encoding in _TOGETHER if usual(encoding) > 0.6), "latin-1")


def _decodes(piece: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(piece)
    except UnicodeDecodeError:
        return False
    return True


def chunks(file: Path, block: Block, mapping: str) -> Iterator[Chunk]:
    """A file's rows.

    Args:
        file: proved to be of the block's encoding.
        block: says how to read it.
        mapping: the mapping's name, for the messages.

    Raises:
        BadInput: it is empty, a heading is missing or doubled, or a quote is never closed.
    """
    where = place_of(file, block, mapping)
    encoding = "utf-8-sig" if codecs.lookup(block.encoding).name == "utf-8" else block.encoding
    with opened(file) as (raw, position), io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=block.delimiter, strict=True)
        places, width = _headings(reader, block, where)
        rows: list[list[str]] = []
        numbers: list[int] = []
        chunk = Chunk(pd.DataFrame())
        for line, cells, fault in _rows(reader, where):
            if fault or len(cells) != width:
                if "\n" in "".join(cells):
                    raise _never_closed(line, where)
                chunk.broken.append((line, *(fault or _wrong_width(len(cells), width)), block.delimiter.join(cells)))
            elif any(cell.strip() for cell in cells):
                rows.append([cells[place] for place in places])
                numbers.append(line)
            else:
                chunk.empty += 1
            if len(rows) + len(chunk.broken) >= CHUNK_ROWS:
                chunk.rows, chunk.bytes_read = frame(rows, numbers, block.headings), position()
                yield chunk
                rows, numbers, chunk = [], [], Chunk(pd.DataFrame())
        chunk.rows, chunk.bytes_read = frame(rows, numbers, block.headings), position()
        yield chunk


def _headings(reader: Iterator[list[str]], block: Block, where: str) -> tuple[list[int], int]:
    """Where the headings in use stand, and how many there are in all."""
    try:
        found = [heading.strip() for heading in next(reader)]
    except StopIteration:
        raise BadInput("the file is empty", where=where, mend="Export it again") from None
    except csv.Error as error:
        raise BadInput(f"the first line cannot be read: {error}", where=where, mend="Mend its quotes") from error
    missing = [heading for heading in block.headings if heading not in found]
    if missing:
        mend = f"The headings are: {', '.join(found)}. Write them in the mapping as they are in the file"
        other = next((mark for mark in ";,\t|" if len(found) == 1 and mark in found[0]), None)
        if other:
            mark = "\\t" if other == "\t" else other
            mend = f'Its first line is {found[0]!r}: write delimiter = "{mark}" in that block'
        raise BadInput(f"lacks the heading{'s' * (len(missing) > 1)} {', '.join(missing)}", where=where, mend=mend)
    doubled = [heading for heading in block.headings if found.count(heading) > 1]
    if doubled:
        raise BadInput(f"has the heading {doubled[0]} twice", where=where, mend="Rename one of them in the export")
    return [found.index(heading) for heading in block.headings], len(found)


def _wrong_width(found: int, width: int) -> tuple[str, str]:
    reason = (
        f"has fewer cells than the {width} headings" if found < width else f"has more cells than the {width} headings"
    )
    return reason, "If the file was cut, export it again; a cell that holds the delimiter needs quotes around it"


Row = tuple[int, list[str], tuple[str, str] | None]


def _rows(reader: Iterator[list[str]], where: str) -> Iterator[Row]:
    """Lines with their numbers; a line whose quotes are wrong comes as a fault."""
    while True:
        line = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            several = reader.line_num > line  # type: ignore[attr-defined]
            if several or "field larger" in str(error):
                raise _never_closed(line, where) from error
            yield line, [], ("has wrong quotes", 'Double the quotes inside a cell: "a ""word"" in quotes"')
            continue
        if cells:
            yield line, cells, None


def _never_closed(line: int, where: str) -> BadInput:
    return BadInput(
        f"a quote that opens in line {line} is not closed in it, and the rows after it cannot be told apart",
        where=where,
        mend="Close or remove that quote; if the file was cut there, export it again",
    )
