"""Text of cells as what a contract wants: moments, numbers, and ids for rows that have none."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from features.importers.numbering import Numbering

_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"
_THOUSANDS = r"(?<=\d)[ \u00a0\u202f](?=\d{3})"
UNIX_FORMATS = {"unix": "s", "unix_ms": "ms"}
"""Names of moments that are counted from 1970 on, in UTC, and what they count."""

MISSING = object()
"""What `at` finds where there is nothing: another thing than an empty value."""


def at(values: Mapping[str, Any], name: str) -> Any:
    """The value under a name; ``via.channel`` is `channel` inside of `via`, unless a name has that very dot.

    Args:
        values: names and values, themselves perhaps of that kind.
        name: plain or dotted.

    Returns:
        The value, or `MISSING`.
    """
    if name in values:
        return values[name]
    for place in (place for place, letter in enumerate(name) if letter == "."):
        inner = values.get(name[:place])
        if isinstance(inner, Mapping) and (found := at(inner, name[place + 1 :])) is not MISSING:
            return found
    return MISSING


def as_text(value: Any) -> str:
    """A plain value of a database or of JSON as the text of a cell: "" for none, moments in ISO 8601."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        exact = value.is_integer() and abs(value) < 2**53
        return "" if math.isnan(value) else str(int(value)) if exact else repr(value)
    if isinstance(value, Decimal):
        return "" if value.is_nan() else format(value, "f")
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return _decoded(bytes(value))
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=as_text)
    return str(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return value.hex()


def moments(text: pd.Series, formats: Sequence[str] = (), zone: str = "") -> tuple[pd.Series, pd.Series]:
    """Text as moments.

    An hour that a clock change gives twice is taken as the first one; one that it leaves out as the moment after it.

    Args:
        text: (n,) text; "" is no moment.
        formats: codes of `strptime` or names of `UNIX_FORMATS`, tried in order; none is ISO 8601.
        zone: IANA zone of moments without an offset; "" takes none of them.

    Returns:
        (n,) ``datetime64[us, UTC]``, missing where the text is no moment; (n,) bool, where only the zone is missing.
    """
    found = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us, UTC]")
    naive = pd.Series(False, index=text.index)
    for form in formats or ("ISO8601",):
        rest = text[found.isna() & ~naive]
        if form in UNIX_FORMATS:
            found = found.fillna(_since_1970(rest, UNIX_FORMATS[form]))
            continue
        whole = pd.Series("%z" in form, index=rest.index)
        has_offset = rest.str.contains(_OFFSET, regex=True) if form == "ISO8601" else whole
        local = _parsed(rest.mask(has_offset), form)
        if not zone:
            naive |= local.notna().reindex(text.index, fill_value=False)
        else:
            first = np.ones(len(local), dtype=bool)
            local = local.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").dt.tz_convert("UTC")
            found = found.fillna(local)
        found = found.fillna(_parsed(rest.where(has_offset), form, utc=True))
    return found, naive


def _parsed(text: pd.Series, form: str, *, utc: bool = False) -> pd.Series:
    text = text.where(text.str.match(r".*\d", na=False))  # pandas takes "now" and "today" for moments
    parsed: Any = pd.to_datetime(text, format=form, errors="coerce", utc=utc)
    return parsed.dt.as_unit("us")


def _since_1970(text: pd.Series, unit: str) -> pd.Series:
    counted = pd.to_datetime(pd.to_numeric(text, errors="coerce"), unit=unit, utc=True, errors="coerce")  # type: ignore[call-overload]
    return counted.dt.as_unit("us")


def numbers(text: pd.Series, decimal: str = ".", factor: float | None = None) -> pd.Series:
    """Text with a decimal point and no spaces between thousands; what is no number stays as it is.

    Args:
        text: (n,) text.
        decimal: what stands before the fraction.
        factor: what every number is multiplied by.

    Returns:
        (n,) text.
    """
    plain = text.str.replace(_THOUSANDS, "", regex=True).str.replace(decimal, ".", regex=False)
    number = pd.to_numeric(plain, errors="coerce")
    result = plain if factor is None else (number * factor).round(6).astype("str")
    return result.where(number.notna(), text)


def ids(cells: pd.DataFrame, kind: Sequence[str], numbering: Numbering) -> pd.Series:
    """Stable ids: a hash of what a row is made of, and its running number among equal rows.

    Args:
        cells: (n, k) text.
        kind: what the rows are, part of the hash.
        numbering: keeps count across chunks.

    Returns:
        (n,) text, the same for the same rows in any order and in any chunks.
    """
    hashes = [
        hashlib.blake2b("\x1f".join([*kind, *row]).encode(), digest_size=16).hexdigest()
        for row in cells.itertuples(index=False, name=None)
    ]
    number = numbering.number(np.array([int(value[:16], 16) for value in hashes], dtype="uint64"))
    return pd.Series([f"{value}:{n}" for value, n in zip(hashes, number, strict=True)], index=cells.index, dtype="str")
