"""Text of cells as what a contract wants: moments, numbers, and ids for rows that have none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.importers.numbering import Numbering

_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"
_THOUSANDS = r"(?<=\d)[ \u00a0\u202f](?=\d{3})"


def moments(text: pd.Series, formats: Sequence[str] = (), zone: str = "") -> tuple[pd.Series, pd.Series]:
    """Text as moments.

    An hour that a clock change gives twice is taken as the first one; one that it leaves out as the moment after it.

    Args:
        text: (n,) text; "" is no moment.
        formats: codes of `strptime`, tried in order; none is ISO 8601.
        zone: IANA zone of moments without an offset; "" takes none of them.

    Returns:
        (n,) ``datetime64[us, UTC]``, missing where the text is no moment; (n,) bool, where only the zone is missing.
    """
    found = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us, UTC]")
    naive = pd.Series(False, index=text.index)
    for form in formats or ("ISO8601",):
        rest = text[found.isna() & ~naive]
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
    parsed: Any = pd.to_datetime(text, format=form, errors="coerce", utc=utc)
    return parsed.dt.as_unit("us")


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
