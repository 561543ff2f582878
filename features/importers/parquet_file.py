"""One Parquet file as rows of text, nested fields under dotted names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import BadInput
from features.importers.cells import as_text
from features.importers.chunk import CHUNK_ROWS, Chunk, place_of
from features.importers.mapping import Block


def chunks(file: Path, block: Block, mapping: str) -> Iterator[Chunk]:
    """A file's rows, counted from 1 on.

    Args:
        file: the file.
        block: says which columns are in use.
        mapping: the mapping's name, for the messages.

    Raises:
        BadInput: it is no sound Parquet file, or a column is missing.
    """
    where = place_of(file, block, mapping)
    try:
        with pq.ParquetFile(file) as parquet:
            paths = {heading: _path(parquet.schema_arrow, heading) for heading in block.headings}
            missing = [heading for heading, path in paths.items() if path is None]
            if missing:
                raise BadInput(
                    f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}",
                    where=where,
                    mend=f"The columns are: {', '.join(columns(parquet.schema_arrow))}",
                )
            done, size, whole = 0, file.stat().st_size, max(parquet.metadata.num_rows, 1)
            for batch in parquet.iter_batches(CHUNK_ROWS, columns=block.headings):
                cells = {heading: _column(batch, path or []) for heading, path in paths.items()}
                rows = {heading: _texts(values) for heading, values in cells.items()}
                done += batch.num_rows
                yield Chunk(
                    pd.DataFrame(rows, index=range(done - batch.num_rows + 1, done + 1), dtype="str"),
                    bytes_read=size * done // whole,
                    moments=frozenset(
                        heading for heading, values in cells.items() if pa.types.is_temporal(values.type)
                    ),
                )
    except (pa.ArrowInvalid, OSError) as error:
        mend = "Copy or export it again"
        raise BadInput(f"is not a sound Parquet file ({str(error)[:80]})", where=where, mend=mend) from error


def columns(schema: pa.Schema | pa.StructType, prefix: str = "") -> list[str]:
    """The names that a mapping may use, dotted where they are inside of others."""
    names: list[str] = []
    for field in schema:
        inside = pa.types.is_struct(field.type)
        names += columns(field.type, f"{prefix}{field.name}.") if inside else [prefix + field.name]
    return names


def _path(schema: pa.Schema | pa.StructType, name: str) -> list[str] | None:
    """The names that lead to a column; None where there is no such column."""
    fields = {field.name: field.type for field in schema}
    if name in fields:
        return [name]
    for at in (at for at, letter in enumerate(name) if letter == "."):
        inner = fields.get(name[:at])
        if inner is not None and pa.types.is_struct(inner):
            rest = _path(inner, name[at + 1 :])
            if rest:
                return [name[:at], *rest]
    return None


def _column(batch: pa.RecordBatch, path: list[str]) -> pa.Array:
    first = batch.column(batch.schema.get_field_index(path[0]))
    return pc.struct_field(first, path[1:]) if path[1:] else first


def _texts(values: pa.Array) -> np.ndarray:
    """(n,) text, as `as_text` would write it, without making a Python value of each."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _texts(values.dictionary_decode())
    if pa.types.is_null(kind):
        return np.full(len(values), "", dtype=object)
    if pa.types.is_timestamp(kind) and kind.tz:
        values = values.cast(pa.timestamp(kind.unit, "UTC"))  # is written with a Z at its end
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return np.array([as_text(value) for value in values.to_pylist()], dtype=object)
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
    text = pc.utf8_trim_whitespace(values.cast(pa.string()))
    return pc.fill_null(text, "").to_numpy(zero_copy_only=False)
