"""What the doors of office systems share: how people are named, what words mean, and since when a state counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pandas as pd

from features import clock
from features.config import DEFAULTS, School, read_toml
from features.contracts import TABLES
from features.errors import BadConfig, BadInput
from features.identity import email_alias
from features.importers.cells import moments
from features.importers.exports import Broken, columns, files, same, sheet, taken_at
from features.importers.inputs import rejects
from features.lake import Batch, Lake

_FORMATS = ("ISO8601", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y")
_NAMED_BY = ("id", "email", "own_id")
_NO_DATE = "the file's name has no date, so it cannot say since when"
_SIGNS = {"RUB": ("руб", "р", "₽"), "USD": (r"\$",), "EUR": ("€",), "CNY": ("¥", "元")}


def settings_of(school: School, door: str, words: Iterable[str] = ()) -> dict[str, Any]:
    """A door's settings.

    Args:
        school: whose.
        door: its table in importers.toml.
        words: its tables whose names are the school's own words; elsewhere a name that is not known is a mistake.

    Raises:
        BadConfig: a setting is not known, or of another kind than its default.
    """
    default, given = read_toml(DEFAULTS / "importers.toml")[door], school.config("importers")[door]
    _check(default, given, door, frozenset(words))
    zone = given.get("time_zone") or school.zone
    if zone not in available_timezones():
        mend = 'Write it like "Europe/Moscow", or "" for the school\'s own'
        raise BadConfig(f"time_zone {zone!r} is not a known zone", where=f"importers.toml [{door}]", mend=mend)
    return {**given, "time_zone": zone}


def _check(default: dict[str, Any], given: dict[str, Any], where: str, words: frozenset[str]) -> None:
    for name, value in given.items():
        if name not in default:
            mend = f"It knows: {', '.join(default)}. Totals as of today, such as a number of purchases, are not read"
            raise BadConfig(f"unknown setting {name}", where=f"importers.toml [{where}]", mend=mend)
        kinds = (str, list) if isinstance(default[name], str | list) else type(default[name])
        if not isinstance(value, kinds):
            mend = f"Write it like {default[name]!r}"
            raise BadConfig(f"{name} = {value!r}", where=f"importers.toml [{where}]", mend=mend)
        if isinstance(value, dict) and name not in words:
            _check(default[name], value, f"{where}.{name}", words)


def by_kind(path: Path, kinds: Iterable[str], zone: str) -> list[tuple[str, Path, pd.Timestamp | None]]:
    """The files of an export with what each holds, as its name begins, and when it was taken.

    Returns:
        (kind, file, moment), in the order of the kinds.

    Raises:
        BadInput: there is no file, or a name does not say what it holds.
    """
    order = list(kinds)
    found: list[tuple[str, Path, pd.Timestamp | None]] = []
    for file in files(path):
        kind = next((kind for kind in order if file.name.lower().startswith(kind)), None)
        if kind is None:
            mend = f"Let its name begin with what it holds: {', '.join(order)}"
            raise BadInput("its name does not say what it holds", where=file.name, mend=mend)
        found.append((kind, file, taken_at(file, zone)))
    return sorted(found, key=lambda entry: order.index(entry[0]))


def meanings(section: str, words: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, str]:
    """What words mean, by the form in which they are compared (`features.importers.exports.same`).

    Raises:
        BadConfig: a meaning is not one of those allowed; "" is always allowed and means nothing.
    """
    for word, meaning in words.items():
        if meaning and meaning not in allowed:
            mend = f'Write one of: {", ".join(allowed)}, or "" for a word that means nothing here'
            raise BadConfig(f"{word!r} cannot be {meaning!r}", where=f"importers.toml [{section}]", mend=mend)
    return {same(word): str(meaning) for word, meaning in words.items()}


def money(text: pd.Series, currency: str) -> pd.Series:
    """Amounts as minor units (text); what is no amount of this currency stays as it is.

    Args:
        text: (n,) such as "1 990,50 руб.", "1990.5" or Bitrix24's "1990|RUB".
        currency: the school's.
    """
    signs = "|".join([currency, *_SIGNS.get(currency, ())])
    form = rf"^(?P<whole>-?\d[\d \u00a0\u202f]*)(?:[.,](?P<part>\d{{1,2}}))?0*\s*\|?\s*(?:{signs})?\.?$"
    found = text.str.extract(form, flags=re.IGNORECASE)
    whole = found["whole"].str.replace("[ \u00a0\u202f]", "", regex=True)
    minor = whole + found["part"].fillna("").str.ljust(2, "0")
    return minor.where(whole.notna(), text)


@dataclass(frozen=True)
class People:
    """How the people of a system are named in the lake.

    Attributes:
        system: its name, which the names begin with.
        named_by: `id`; `email`, the keyed hash of the address where there is one; `own_id`, ids are the school's own.
        key: what addresses are hidden with.
        known: names that the school's own data say are a student's: alias -> student.
    """

    system: str
    named_by: str
    key: str
    known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, system: str, settings: Mapping[str, Any], school: School, lake: Lake) -> People:
        """As the settings say.

        Raises:
            BadConfig: `named_by` is not one of the three.
        """
        named_by = settings["named_by"]
        if named_by not in _NAMED_BY:
            mend = f"Write one of: {', '.join(_NAMED_BY)}"
            raise BadConfig(f"named_by = {named_by!r}", where=f"importers.toml [{system}]", mend=mend)
        known = lake.read("identities")
        return cls(system, named_by, school.identity_key, dict(zip(known["alias"], known["student_id"], strict=True)))

    def names(self, ids: pd.Series, emails: pd.Series | None = None) -> pd.Series:
        """The names of people, "" where the export names nobody.

        Raises:
            BadConfig: they go by their e-mail, and no key is set.
        """
        names = ids if self.named_by == "own_id" else (f"{self.system}:" + ids).where(ids != "", "")
        if self.named_by == "email" and emails is not None:
            hidden = self.hidden(emails)
            names = hidden.where(hidden != "", names)
        return names

    def hidden(self, emails: pd.Series) -> pd.Series:
        """Keyed hashes of addresses, "" where there is no address."""
        return emails.map({email: self._hidden(email) for email in emails.unique()}).astype("str")

    def _hidden(self, email: str) -> str:
        try:
            return email_alias(email, self.key) if email else ""
        except BadConfig:
            raise
        except BadInput:
            return ""

    def enrolments(self, courses: pd.Series, names: pd.Series) -> pd.Series:
        """`course:student`, with the school's own name of the student where the lake knows it."""
        own = names.map(lambda name: self.known.get(name, name)).astype("str")
        return (courses + ":" + own).where((courses != "") & (names != ""), "")


@dataclass
class Part:
    """Rows of one file on their way into one table, and what is wrong with them.

    Attributes:
        taken: when the export was taken, if its name says so.
    """

    batch: Batch
    table: str
    file: Path
    taken: pd.Timestamp | None

    @classmethod
    def read(
        cls,
        batch: Batch,
        table: str,
        file: Path,
        taken: pd.Timestamp | None,
        settings: Mapping[str, Any],
        section: str,
        needed: Sequence[str],
        moments: Iterable[str],
    ) -> tuple[Part, pd.DataFrame, dict[str, str]]:
        """Opens an export.

        Args:
            batch: where to.
            table: what its rows become.
            file: the export.
            taken: when it was made; None where the name does not say.
            settings: of the door.
            section: the door and the kind of export, such as ``getcourse.deals``: where its headings are settled.
            needed: columns that it must have.
            moments: columns that are moments.

        Returns:
            The part, its sound rows with their moments, and the heading of each column.
        """
        found = sheet(file)
        chosen = columns(found, section, settings[section.split(".")[1]], needed)
        rows, broken, empty = found.rows(chosen)
        part = cls(batch, table, file, taken)
        part.cannot_read(broken, empty)
        times = {name: chosen[name] for name in moments if name in chosen}
        return part, part.dated(rows, times, settings["time_zone"]), chosen

    def to(self, table: str) -> Part:
        """The same export, for rows of another table."""
        return Part(self.batch, table, self.file, self.taken)

    def set_aside(self, values: pd.Series, column: str, reason: str, mend: str) -> None:
        """Sets rows aside; `values` is what was there, by row."""
        at = values.index.to_series()
        found = rejects(self.table, self.file.name, at, column=column, reason=reason, mend=mend, values=values)
        self.batch.set_aside(self.table, found)

    def cannot_read(self, broken: Broken, empty: int) -> None:
        """Sets aside rows that have no cells, and counts empty ones."""
        self.batch.ignore(f"{self.file.name}: an empty row", empty)
        for reason, mend in dict.fromkeys((reason, mend) for _, reason, mend in broken):
            rows = [row for row, why, _ in broken if why == reason]
            self.set_aside(pd.Series("", index=rows, dtype="str"), "", reason, mend)

    def without(self, frame: pd.DataFrame, column: str, heading: str, reason: str, mend: str) -> pd.DataFrame:
        """Rows with something in a column; the others are set aside."""
        lacking = frame[column] == ""
        self.set_aside(frame.loc[lacking, column], heading, reason, mend)
        return frame[~lacking]

    def dated(self, frame: pd.DataFrame, headings: Mapping[str, str], zone: str) -> pd.DataFrame:
        """Turns columns of text into moments; rows where that fails are set aside.

        Args:
            frame: (n, ...) text.
            headings: column -> heading, of the columns to turn.
            zone: of moments without an offset.

        Raises:
            BadInput: a moment is later than the day that the file's name says it was taken on.
        """
        for column, heading in headings.items():
            found, _ = moments(frame[column], _FORMATS, zone)
            unread = (frame[column] != "") & found.isna()
            mend = "Write it like 2025-10-01 09:30:00 or 01.10.2025 09:30"
            self.set_aside(frame.loc[unread, column], heading, "is not a moment", mend)
            frame = frame.assign(**{column: found})[~unread]
            self._not_after_the_export(frame[column])
        return frame

    def _not_after_the_export(self, moment: pd.Series) -> None:
        # A moment that is still to come is no sign of a wrong name: the contract sets such a row aside.
        late = moment[(moment > self.taken) & (moment <= clock.now())] if self.taken is not None else moment[:0]
        if len(late):
            what = f"row {late.index[0]} is of {late.iloc[0]:%Y-%m-%d %H:%M} UTC, after the date in the file's name"
            mend = "Name the file by the day on which the export was taken"
            raise BadInput(what, where=self.file.name, mend=mend)

    def count(self, words: pd.Series, says: str) -> None:
        """Counts rows that are no facts, by the word that says so."""
        for word, number in words.value_counts(sort=False).sort_index().items():
            self.batch.ignore(f"{self.file.name}: {says.format(word)}", int(number))

    def meaning(self, said: pd.Series, section: str, known: Mapping[str, str]) -> pd.Series:
        """What words mean, "" for nothing; those that mean nothing, or that the settings do not have, are counted."""
        form = said.map(same)
        meaning = form.map(lambda word: known.get(word, "")).astype("str")
        nothing = (meaning == "") & (said != "")
        self.count(said[nothing & form.isin(known)], f"{{}} means nothing by [{section}]")
        self.count(said[nothing & ~form.isin(known)], f"{{}} is not among the words of [{section}]")
        return meaning

    def write(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Writes rows, with "" for nothing; gives the sound ones."""
        return self.batch.write(self.table, frame, file=self.file.name).rows


class Versions:
    """Entities met so far: the first words about one count from its beginning, later ones from when they were said."""

    def __init__(self, lake: Lake, table: str) -> None:
        self.key = TABLES[table].key[0]
        self.seen = set(lake.read(table)[self.key])

    def write(self, part: Part, frame: pd.DataFrame, changed: pd.Series | None = None) -> None:
        """Writes rows about entities, each entity once.

        Args:
            part: where to.
            frame: rows; `known_at` is when a new entity was first known.
            changed: when each row was last changed, where the export says so.
        """
        frame = frame.drop_duplicates(self.key)
        old = frame[self.key].isin(self.seen)
        since = pd.Series(part.taken, index=frame.index, dtype="datetime64[us, UTC]")
        since = since if changed is None else changed.reindex(frame.index).fillna(since)
        undated = old & since.isna()
        part.batch.ignore(f"{part.file.name}: {part.table} that the lake has; {_NO_DATE}", int(undated.sum()))
        known_at = frame["known_at"].where(~old, since)
        self.seen |= set(frame[self.key])
        part.write(frame.assign(known_at=known_at)[~undated])


def write_identities(part: Part, people: People, aliases: pd.Series, students: pd.Series, since: pd.Series) -> None:
    """Writes other names of students, as far as they contradict nothing (`features.identity_check`).

    Args:
        part: of the table `identities`.
        people: whose names; those written are known to it from then on.
        aliases, students, since: (n,) by row; rows with an empty name are skipped.
    """
    rows = pd.DataFrame({"alias": aliases, "student_id": students, "source": people.system, "known_at": since})
    rows = rows[(rows["alias"] != "") & (rows["student_id"] != "") & (rows["alias"] != rows["student_id"])]
    sound = part.write(rows)
    people.known.update(dict(zip(sound["alias"], sound["student_id"], strict=True)))
