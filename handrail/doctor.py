"""The doctor: in plain words what a school's home holds, what it lacks, and whether it is fit to serve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from features.catalogue import FEATURES
from features.errors import HandrailError
from features.inventory import ANY_TABLE, GIVEN_BY, FamilyState, Names, Stock, families, last_cut, nobodys, stock
from features.lake import Lake
from handrail import fitness
from handrail.fitness import Check
from handrail.progress import Report, shown
from handrail.settings import Settings

_MOST = 5  # examples and reasons that are shown


@dataclass(frozen=True)
class Finding:
    """What the doctor found.

    Attributes:
        checks: what serving needs.
        tables: what the lake holds.
        imports: source, moment (`at`), and rows kept and set aside, oldest first.
        set_aside: rows that were set aside, by reason, the most frequent first.
        cut: the cut-off at which the features were looked at; None when nobody was ever live.
        families: what each family of features says there.
        aliases: other names of students, by who said so.
        nobodys: names that stand for no student.
        refused: identities that were set aside: the reason and the mend of each.
    """

    home: Path
    checks: list[Check]
    tables: list[Stock] = field(default_factory=list)
    imports: list[dict[str, Any]] = field(default_factory=list)
    set_aside: dict[str, int] = field(default_factory=dict)
    cut: date | None = None
    families: list[FamilyState] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    nobodys: list[Names] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    @property
    def fit(self) -> bool:
        """Whether the school can be served."""
        return all(check.state == "ok" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        states = [{**asdict(one), "doors": doors(one.lacking)} for one in self.families]
        return {**asdict(self), "home": str(self.home), "families": states, "fit": self.fit}

    def words(self) -> str:
        """For people."""
        blocks = (_data_words(self), _feature_words(self), _identity_words(self), _check_words(self))
        return "\n\n".join("\n".join(block) for block in map(list, blocks) if block)


def doors(tables: tuple[str, ...]) -> list[str]:
    """The doors by which some tables come in, those of their own kinds of sources first."""
    own = dict.fromkeys(door for table in tables for door in GIVEN_BY.get(table, ()))
    return [*own, *ANY_TABLE] if tables else []


def examine(settings: Settings, *, quiet: bool = False) -> Finding:
    """Looks at everything and changes nothing but the panes that are kept beside the lake.

    Where the lake cannot be read, that is a check that failed, and its part of the finding is empty.
    """
    found: dict[str, Any] = {}
    checks = list(fitness.checks(settings))
    if not any(check.name == "lake" and check.state == "broken" for check in checks):
        try:
            with shown("looking at the data", quiet=quiet) as report:
                found = _lake(settings, report)
        except HandrailError as error:
            checks.append(fitness.failed("features", error))
    return Finding(settings.home, checks, **found)


def _lake(settings: Settings, report: Report) -> dict[str, Any]:
    school = settings.school
    lake = Lake(school.lake, school.zone)
    stocks, cut = stock(lake), last_cut(lake)
    rejects, aliases = lake.rejects(), lake.read("identities")
    refused = rejects[rejects["table"] == "identities"] if len(rejects) else rejects
    reasons: Counter[str] = Counter()
    for batch in lake.batches():
        reasons.update(batch["report"]["reasons"])
    return {
        "tables": stocks,
        "imports": [
            {"source": one["source"], "at": one["added_at"]}
            | {name: sum(one["report"][name].values()) for name in ("kept", "set_aside")}
            for one in lake.batches()
        ],
        "set_aside": dict(reasons.most_common()),
        "cut": cut,
        "families": families(school, stocks, cut, report),
        "aliases": {str(who): int(n) for who, n in aliases["source"].fillna("not said").value_counts().items()},
        "nobodys": nobodys(lake),
        "refused": [(str(row["reason"]), str(row["mend"])) for row in refused.to_dict("records")],
    }


def _data_words(found: Finding) -> Iterator[str]:
    rows = sum(one.rows for one in found.tables)
    yield f"{found.home}: {len(found.tables)} tables, {rows:,} rows, {len(found.imports)} imports"
    if found.tables:
        yield f"  {'table':<12} {'rows':>12}   {'first day':<10}  last day"
    for one in found.tables:
        yield f"  {one.table:<12} {one.rows:>12,}   {one.first}  {one.last}"
    for batch in found.imports[-_MOST:]:
        yield f"  {batch['at'][:10]} {batch['source']}: {batch['kept']:,} rows kept, {batch['set_aside']:,} set aside"
    for reason, count in list(found.set_aside.items())[:_MOST]:
        yield f"  set aside {count:,} x {reason}"
    if found.set_aside:
        yield "  all of them are kept with their reasons, in rejects.parquet of their import (lake/batches)"


def _feature_words(found: Finding) -> Iterator[str]:
    if found.cut is None:
        return
    every = sum(len(one.known) for one in found.families)
    says = every - sum(len(one.empty) for one in found.families)
    yield f"Features of the live enrolments on {found.cut}: {says} of {every} say something"
    yield f"  {'family':<12} {'say something':>13}   newest fact"
    for one in found.families:
        counted = f"{len(one.known) - len(one.empty)} of {len(one.known)}"
        newest = f"{one.newest:%Y-%m-%d}" if one.newest else "none"
        yield f"  {one.name:<12} {counted:>13}   {newest:<11}{' old' if one.stale else ''}".rstrip()
    for one in found.families:
        if not one.empty:
            continue
        if all(FEATURES[name].sensitive for name in one.empty):
            yield f"  {one.name} is off: to use an attribute, list its values in school.toml [profile]"
            continue
        yield f"  {one.name} " + ("is empty" if one.is_empty else f"lacks {', '.join(one.empty)}")
        if one.lacking:
            yield f"    import {' and '.join(one.lacking)}: handrail import {', '.join(doors(one.lacking))}"
        if one.unfilled:
            yield f"    nothing is in the columns {', '.join(one.unfilled)}"
        if not (one.lacking or one.unfilled):
            yield "    its tables are there: nothing of this kind had happened, or to everybody the same"


def _identity_words(found: Finding) -> Iterator[str]:
    if not (found.aliases or found.nobodys or found.refused):
        return
    yield f"Other names of students: {sum(found.aliases.values()):,}"
    for who, count in found.aliases.items():
        yield f"  {count:,} by {who}"
    for one in found.nobodys:
        kind = {"id": "names", "email": "hidden e-mail addresses"}.get(one.kind, f"names of kind {one.kind}")
        yield f"  {one.source}: {one.names:,} {kind} in {one.rows:,} rows of {one.table} stand for no student"
    if found.nobodys:
        yield "  to say whose they are, import identities (docs/guides/identity.md)"
    for reason, count in Counter(reason for reason, _ in found.refused).items():
        yield f"  {count:,} identities were set aside: the alias {reason}"
    for _, mend in found.refused[:_MOST]:
        yield f"    {mend}"


def _check_words(found: Finding) -> Iterator[str]:
    yield "Fit to serve: " + ("yes" if found.fit else "no")
    for check in found.checks:
        yield f"  {check.state:<8} {check.name}: {check.words}"
