"""Checks a frame against its contract: keeps what is sound, sets aside what is not, and names every fault at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import numpy as np
import pandas as pd

from features import clock
from features.contracts.tables import TABLES, Column, Contract
from features.errors import BadInput

REJECT_COLUMNS = ("table", "file", "row", "column", "value", "reason", "mend")
_EARLIEST = pd.Timestamp("1990-01-01", tz="UTC")
_FLAGS = {"true": True, "1": True, "yes": True, "y": True, "false": False, "0": False, "no": False, "n": False}

Fault = tuple["pd.Series[bool]", str, str]
"""(n,) where it is wrong, the reason, the mend."""


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        rows: the sound rows, typed as the contract says, its columns in its order.
        rejects: one line per fault, columns `REJECT_COLUMNS`; a row with two faults has two lines.
        rejected: how many rows were set aside.
    """

    rows: pd.DataFrame
    rejects: pd.DataFrame
    rejected: int


def check(table: str, frame: pd.DataFrame, *, file: str = "") -> Checked:
    """Checks and types rows of one table.

    Args:
        table: the contract's name.
        frame: (n, m) rows; the index is the row number in the file, used in the messages.
            Values may be text or already typed; moments must be aware.
        file: where the rows come from, for the messages.

    Returns:
        The sound rows and every fault of the others. Nothing is lost: ``len(rows) + rejected == len(frame)``.

    Raises:
        BadInput: a required column is missing or one is not of the contract; all of them are named at once.
    """
    contract = TABLES[table]
    _check_columns(contract, frame, file)
    frame = frame.reset_index(names="_row")
    typed: dict[str, pd.Series] = {}
    rejects: list[pd.DataFrame] = []
    bad = np.zeros(len(frame), dtype=bool)

    def set_aside(name: str, faults: Iterator[Fault]) -> None:
        nonlocal bad
        for where, reason, mend in faults:
            at = where.to_numpy(dtype=bool, na_value=False)
            if at.any():
                bad = bad | at
                rejects.append(
                    pd.DataFrame(
                        {
                            "table": table,
                            "file": file,
                            "row": frame["_row"][at].astype("int64"),
                            "column": name,
                            "value": frame[name][at].astype("str").str.slice(0, 80) if name in frame else "",
                            "reason": reason,
                            "mend": mend,
                        }
                    )
                )

    for name, column in contract.columns.items():
        raw = frame[name] if name in frame else pd.Series(pd.NA, index=frame.index, dtype="object")
        raw = raw.where(~_empty(raw), column.default) if column.default is not None else raw
        typed[name], faults = _PARSERS[column.kind](raw, column)
        missing = _empty(raw)
        if column.required:
            faults.insert(0, (missing, "is empty", "Fill it in, or map another column to it"))
        set_aside(
            name,
            ((where & ~missing if i or not column.required else where, r, m) for i, (where, r, m) in enumerate(faults)),
        )
    for earlier, later in contract.order:
        wrong = typed[earlier].notna() & typed[later].notna() & (typed[later] < typed[earlier])
        set_aside(
            later,
            iter(
                [
                    (
                        wrong,
                        f"{later} is before {earlier}",
                        "Put the earlier moment first, or mend the clock that wrote it",
                    )
                ]
            ),
        )
    if "known_at" in typed:
        future = typed["known_at"] > clock.now() + timedelta(days=1)
        set_aside(
            "known_at",
            iter([(future, "known_at is in the future", "Check the date format and the clock of the source")]),
        )

    rows = pd.DataFrame(typed).loc[~bad].reset_index(drop=True)
    found = pd.concat(rejects, ignore_index=True) if rejects else pd.DataFrame(columns=list(REJECT_COLUMNS))
    return Checked(rows, found, int(bad.sum()))


def _check_columns(contract: Contract, frame: pd.DataFrame, file: str) -> None:
    needed = [n for n, c in contract.columns.items() if c.required and c.default is None]
    missing = [n for n in needed if n not in frame.columns]
    unknown = [str(n) for n in frame.columns if n not in contract.columns]
    if missing or unknown:
        parts = [f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"] if missing else []
        parts += [f"has the unknown column{'s' * (len(unknown) > 1)} {', '.join(unknown)}"] if unknown else []
        raise BadInput(
            f"{' and '.join(parts)} (table {contract.name})",
            where=file,
            mend=f"The columns of {contract.name} are: {', '.join(contract.columns)}",
        )


def _empty(raw: pd.Series) -> pd.Series:
    if isinstance(raw.dtype, pd.StringDtype):
        return raw.isna() | (raw.str.strip() == "").fillna(False).astype(bool)
    if raw.dtype == object:
        return raw.isna() | raw.map(lambda v: isinstance(v, str) and not v.strip()).astype(bool)
    return raw.isna()


def _text(raw: pd.Series) -> pd.Series:
    missing = _empty(raw)
    if pd.api.types.is_float_dtype(raw.dtype) and (raw.dropna() % 1 == 0).all():
        raw = raw.astype("Int64")  # an id read as 1.0 is the id "1"
    return raw.astype("str").where(~missing, None).astype("str").str.strip()


def _parse_text(raw: pd.Series, column: Column, limit: int = 500) -> tuple[pd.Series, list[Fault]]:
    text = _text(raw)
    long = text.str.len() > limit
    control = text.str.contains(r"[\x00-\x1f\x7f]", regex=True, na=False)
    return text, [
        (long, f"is longer than {limit} characters", "Shorten it"),
        (control, "has a control character", "Remove tabs, line ends and NUL from it"),
    ]


def _parse_id(raw: pd.Series, column: Column) -> tuple[pd.Series, list[Fault]]:
    return _parse_text(raw, column, 200)


def _parse_choice(raw: pd.Series, column: Column) -> tuple[pd.Series, list[Fault]]:
    text = _text(raw)
    return text, [
        (~text.isin(column.choices), "is not one of the allowed values", f"Use one of: {', '.join(column.choices)}")
    ]


def _parse_zone(raw: pd.Series, column: Column) -> tuple[pd.Series, list[Fault]]:
    text = _text(raw)
    return text, [(~text.isin(available_timezones()), "is not a known time zone", 'Write it like "Europe/Moscow"')]


def _parse_number(raw: pd.Series, column: Column) -> tuple[pd.Series, list[Fault]]:
    if raw.dtype == object:
        raw = raw.where(~raw.map(lambda v: isinstance(v, bool)), "a flag")
    number = pd.to_numeric(raw, errors="coerce").astype("float64")
    finite = pd.Series(np.isfinite(number.to_numpy()), index=raw.index)
    faults: list[Fault] = [(~finite, "is not a finite number", "Write it with digits and a decimal point")]
    if column.low is not None or column.high is not None:
        low, high = column.low, column.high
        out = finite & ~number.between(-np.inf if low is None else low, np.inf if high is None else high)
        span = (
            f"from {low:g} to {high:g}"
            if low is not None and high is not None
            else f"at least {low:g}"
            if low is not None
            else f"at most {high:g}"
        )
        faults.append((out, f"is not {span}", "Check the unit, or map another column"))
    return number, faults


def _parse_integer(raw: pd.Series, column: Column) -> tuple[pd.Series, list[Fault]]:
    number, faults = _parse_number(raw, column)
    whole = pd.Series(np.isfinite(number.to_numpy()) & (number.to_numpy() % 1 == 0), index=raw.index)
    faults.append((number.notna() & ~whole, "is not a whole number", "Round it in the export"))
    return number.where(whole).astype("Int64"), faults


def _parse_flag(raw: pd.Series, column: Column) -> tuple[pd.Series, list[Fault]]:
    flag = _text(raw).str.lower().map(_FLAGS)
    return flag.astype("boolean"), [(flag.isna(), "is neither true nor false", "Write true or false")]


def _parse_time(raw: pd.Series, column: Column) -> tuple[pd.Series, list[Fault]]:
    naive = pd.Series(False, index=raw.index)
    if isinstance(raw.dtype, pd.DatetimeTZDtype):
        moment = raw.dt.tz_convert("UTC").dt.as_unit("us")
    elif pd.api.types.is_datetime64_dtype(raw.dtype):
        naive = raw.notna()
        moment = raw.dt.tz_localize("UTC").dt.as_unit("us")
    else:
        text = _text(raw)
        text = text.where(text.str.match(r"\d", na=False))  # pandas takes "now" and "today" for moments
        moment = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True).astype("datetime64[us, UTC]")
        naive = moment.notna() & ~text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True, na=False)
    return moment, [
        (moment.isna(), "is not a moment", "Write it like 2026-03-01T09:30:00+03:00"),
        (naive, "has no time zone", "Add an offset such as +03:00, or say the zone in the mapping"),
        (moment.notna() & (moment < _EARLIEST), "is before 1990", "Check the date format and the clock of the source"),
    ]


_PARSERS: dict[str, Callable[[pd.Series, Column], tuple[pd.Series, list[Fault]]]] = {
    "id": _parse_id,
    "text": _parse_text,
    "time": _parse_time,
    "number": _parse_number,
    "integer": _parse_integer,
    "flag": _parse_flag,
    "choice": _parse_choice,
    "zone": _parse_zone,
}


@cache
def _empty_table(table: str) -> pd.DataFrame:
    return check(table, pd.DataFrame({name: pd.Series([], dtype="object") for name in TABLES[table].columns})).rows


def empty(table: str) -> pd.DataFrame:
    """A frame of the table with no rows and the right types."""
    return _empty_table(table).copy()


def as_records(rejects: pd.DataFrame, most: int = 20) -> list[dict[str, Any]]:
    """The first faults as plain values, for reports and JSON."""
    return [{str(k): v for k, v in record.items()} for record in rejects.head(most).to_dict("records")]
