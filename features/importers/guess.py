"""Guesses which table a file's rows belong to and which heading is which column; what is unsure stays a question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import pandas as pd

from features.contracts import TABLES
from features.contracts.tables import Column
from features.importers.cells import numbers
from features.importers.look import MOST, Look, decimals, time_forms

FLAGS = frozenset({"true", "1", "yes", "y", "false", "0", "no", "n"})
_OWN_NAME, _OWN_WORD, _WORD, _PART = 4, 3, 2, 1
_FILE_NAME, _REQUIRED, _OPTIONAL, _LIKELY, _UNFILLED, _ALL_USED = 6.0, 2.0, 1.0, -0.5, -1.5, 6.0
_BESIDE = ("students", "courses", "enrolments", "outcomes")
"""Tables whose rows often stand in a file that is mainly of another one."""


@dataclass
class Proposal:
    """One block of a mapping, as far as it can be guessed.

    Attributes:
        table: the contract's name.
        columns: column -> headings of which we are sure.
        levels: column -> how well its heading fits; 4 is the column's own name.
        doubts: column -> headings that it may be, the likeliest first; none where a needed one has no candidate.
        constants: column -> value, for a block that makes one kind of event.
        where_present: heading that has to be filled.
        student: the heading that names students, whatever the table; "" where none surely does.
        score: how much speaks for it.
    """

    table: str
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    doubts: dict[str, list[str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    where_present: str = ""
    student: str = ""
    score: float = 0.0

    @property
    def used(self) -> set[str]:
        """Every heading that it is sure of."""
        return {heading for headings in self.columns.values() for heading in headings}

    @property
    def names_somebody(self) -> bool:
        """Whether a needed id is sure: without any, likenesses of single words say nothing."""
        columns, wanted = TABLES[self.table].columns, _needed(self.table) | {"student_id"}
        ids = {name for name, level in self.levels.items() if level > _PART and columns[name].kind == "id"}
        return bool(ids & wanted) or bool(self.student and "enrolment_id" in wanted)

    @property
    def id_from(self) -> list[str]:
        """The headings that make an id where the file has none; empty where it has one."""
        contract = TABLES[self.table]
        if contract.key[0] in self.columns or contract.key[0] in self.doubts:
            return []
        plain = [n for n, c in contract.columns.items() if c.kind not in ("text", "number", "integer", "flag")]
        if self.constants and "ticket_id" in self.columns:  # a ticket has each of its events once
            plain = ["ticket_id"]
        found = [h for name in plain for h in (*self.columns.get(name, ()), *self.doubts.get(name, [])[:1])]
        return list(dict.fromkeys([*found, *filter(None, [self.where_present])]))


def proposals(look: Look, words: Mapping[str, Any]) -> tuple[list[Proposal], list[str]]:
    """The blocks that a file seems to need.

    Args:
        look: at the file.
        words: `configs/headings.toml`.

    Returns:
        The blocks, the main one first, and other tables that it could be instead.
    """
    every = [_proposal(name, look, words) for name in TABLES]
    found = sorted((one for one in every if one.names_somebody), key=lambda one: -one.score)
    if not found:
        return [], []
    best = found[0]
    blocks = _spread(best, look, words)
    used = {heading for block in blocks for heading in block.used}
    for name in [name for name in _BESIDE if name != best.table]:
        beside = _proposal(name, look, words)
        own = any(beside.levels.get(column, 0) >= _OWN_WORD for column in beside.columns)
        more = _spread(beside, look, words)
        new = {heading for block in more for heading in block.used} - used
        if new and not any(block.doubts.keys() & _needed(name) for block in more) and (own or more[0].constants):
            blocks += more
            used |= new
    taken = {block.table for block in blocks}
    return blocks, [one.table for one in found[1:4] if one.score > best.score - 1.5 and one.table not in taken]


def _needed(table: str) -> set[str]:
    return {name for name, column in TABLES[table].columns.items() if column.required and column.default is None}


@lru_cache(maxsize=4096)
def named(text: str) -> frozenset[str]:
    """The words of a name, whatever their case and order: {"student", "id"} of `id_student` and of `studentId`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return frozenset(re.findall(r"[^\W_]+", apart.lower().replace("ё", "е")))


def _contains(heading: str, word: str) -> bool:
    """Whether a name has all words of another; Chinese has no spaces between them."""
    return named(word) < named(heading) or (
        not word.isascii() and len(word) > 1 and word in heading and word != heading
    )


def _level(heading: str, column: str, table: str, words: Mapping[str, Any]) -> int:
    own = words["columns"].get(table, {}).get(column, [])
    everywhere = words["columns"]["any"].get(column, [])
    if named(heading) == named(column):
        return _OWN_NAME
    for level, known in ((_OWN_WORD, own), (_WORD, everywhere)):
        if any(named(heading) == named(word) for word in known):
            return level
    return _PART if any(_contains(heading, word) for word in [column, *own, *everywhere]) else 0


def _plausible(look: Look, heading: str, column: Column, meanings: Mapping[str, Any]) -> bool:
    """Whether what stands under a heading can be values of a column."""
    values = look.values(heading)
    if values.empty or column.kind in ("id", "text"):
        return True
    if column.kind == "time":
        return bool(time_forms(values))
    if column.kind in ("number", "integer"):
        return bool(decimals(values)) and not out_of_bounds(values, column)
    if column.kind == "zone":
        return bool(values.isin(available_timezones()).all())
    known = {*column.choices, *(FLAGS if column.kind == "flag" else ())}
    return any({value, value.lower()} & known or meaning(value, meanings) for value in values.unique())


def out_of_bounds(values: pd.Series, column: Column) -> str:
    """How many of these numbers are none of a column's, in words; "" where nearly all can be."""
    found = pd.to_numeric(numbers(values, (decimals(values) or ["."])[0]), errors="coerce").dropna()
    low = -float("inf") if column.low is None else column.low
    high = float("inf") if column.high is None else column.high
    if found.empty or found.between(low, high).mean() >= MOST:
        return ""
    return f"its values go from {found.min():g} to {found.max():g}, the table wants {low:g} to {high:g}"


def meaning(value: str, meanings: Mapping[str, list[str]]) -> str:
    """What a value means by the words known; "" where they do not say."""
    return next((name for name, known in meanings.items() if any(named(value) == named(w) for w in known)), "")


def _proposal(table: str, look: Look, words: Mapping[str, Any]) -> Proposal:
    contract, one = TABLES[table], Proposal(table)
    fits: dict[str, dict[str, int]] = {}
    for name, column in contract.columns.items():
        meanings = words["values"].get(table, {}).get(name, {})
        levels = {heading: _level(heading, name, table, words) for heading in look.headings}
        fits[name] = {
            heading: level if _plausible(look, heading, column, meanings) else min(level, _PART)
            for heading, level in levels.items()
            if level
        }
    needed = _needed(table)
    for name, heading, level in _matches(fits, needed):
        rivals = [other for other, same in fits[name].items() if same == level and other not in one.used]
        if len(rivals) > 1:
            one.doubts[name], one.levels[name] = rivals, level
        else:
            one.columns[name], one.levels[name] = (heading,), level
    _join_enrolment(one, look, words)
    _ask(one, fits, look)
    one.score = _score(one, look, words)
    return one


def _matches(fits: Mapping[str, Mapping[str, int]], needed: set[str]) -> Iterator[tuple[str, str, int]]:
    """(column, heading, level), the best first, each column and each heading once; only sure ones."""
    every = [(level, name in needed, name, heading) for name, found in fits.items() for heading, level in found.items()]
    order = list(fits)
    columns, headings = set(), set()
    for level, _, name, heading in sorted(every, key=lambda it: (-it[0], not it[1], order.index(it[2]))):
        if level > _PART and name not in columns and heading not in headings:
            columns.add(name)
            headings.add(heading)
            yield name, heading, level


def _join_enrolment(one: Proposal, look: Look, words: Mapping[str, Any]) -> None:
    """Course and student together name an enrolment where nothing else does."""

    def sure(name: str) -> str:
        fit = one.columns.get(name) or [h for h in look.headings if _level(h, name, one.table, words) > _PART]
        return fit[0] if len(fit) == 1 else ""

    course, one.student = sure("course_id"), sure("student_id")
    if "enrolment_id" not in TABLES[one.table].columns or "enrolment_id" in one.columns:
        return
    if course and one.student and course != one.student:
        one.columns["enrolment_id"] = (course, one.student)
        one.levels["enrolment_id"] = _WORD
        one.doubts.pop("enrolment_id", None)


def _ask(one: Proposal, fits: Mapping[str, Mapping[str, int]], look: Look) -> None:
    """Notes the columns that need a decision: those with mere likenesses, and needed ones with nothing."""
    contract = TABLES[one.table]
    for name, column in contract.columns.items():
        if name in one.columns or name in one.doubts:
            continue
        likely = [h for h, _ in sorted(fits[name].items(), key=lambda it: -it[1]) if h not in one.used]
        own_id = name == contract.key[0] and not contract.versioned
        copied = name == "known_at" and ("occurred_at" in one.columns or "occurred_at" in contract.columns)
        if own_id or copied:
            continue
        if likely:
            one.doubts[name], one.levels[name] = likely, _PART
        elif column.required and column.default is None:
            one.doubts[name] = [h for h in look.headings if h not in one.used and _plausible(look, h, column, {})][:5]


def _score(one: Proposal, look: Look, words: Mapping[str, Any]) -> float:
    needed = _needed(one.table)
    score = sum(_REQUIRED if name in needed else _OPTIONAL for name in one.columns)
    score += sum(0.25 * (one.levels[name] - _WORD) for name in one.columns)
    spread = words["spread"].get(one.table, {})
    events = [heading for name in spread for _, heading in _moments_of(spread[name], look)]
    unfilled = needed & one.doubts.keys()
    if events and one.columns.keys().isdisjoint(spread):
        unfilled -= {*spread, "occurred_at"}
        score += _REQUIRED * len(events)
    half = one.levels.keys() | ({"enrolment_id"} if one.student else set())
    score += sum(_LIKELY if name in half else _UNFILLED for name in unfilled)
    used = one.used | set(events)
    score += _ALL_USED * len(used) / max(len(look.headings), 1)
    name = named(look.file.name.split(".")[0])
    known = [named(word) for word in (one.table, *words["tables"].get(one.table, []))]
    chinese = any(not w.isascii() and w in look.file.name for w in words["tables"].get(one.table, []))
    return score + (_FILE_NAME if used and (any(word <= name for word in known) or chinese) else 0.0)


def _moments_of(events: Mapping[str, list[str]], look: Look) -> list[tuple[str, str]]:
    """(event, heading) of columns that say when each of several things happened."""
    return [
        (event, heading)
        for event, known in events.items()
        for heading in look.headings
        if any(named(heading) == named(word) for word in known) and time_forms(look.values(heading))
    ]


def _spread(one: Proposal, look: Look, words: Mapping[str, Any]) -> list[Proposal]:
    """A block for each moment, where a row tells of several things; else the block as it is."""
    for name, events in words["spread"].get(one.table, {}).items():
        found = _moments_of(events, look)
        if found and name not in one.columns:
            rest = {
                n: h for n, h in one.columns.items() if n not in ("occurred_at", "known_at", TABLES[one.table].key[0])
            }
            doubts = {n: h for n, h in one.doubts.items() if n not in (name, "occurred_at", "known_at")}
            return [
                Proposal(
                    one.table,
                    {**rest, "occurred_at": (heading,)},
                    {**one.levels, "occurred_at": _OWN_WORD},
                    doubts,
                    {name: event},
                    heading,
                    one.student,
                    one.score,
                )
                for event, heading in found
            ]
    return [one]
