"""The journeys: what each command does, as a short list of calls."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features import clock
from features.build import snapshot
from features.catalogue import FEATURES, usable
from features.config import School
from features.errors import BadInput, NotReady
from features.identity import keep_key
from features.importers.doors import importer
from features.labels import Label, label, named
from features.lake import ImportReport, Lake
from features.profile import listed, told
from handrail.progress import shown
from handrail.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from model.dataset import Dataset
    from model.train import TrainResult
    from serving.decide import Policy
    from serving.nightly import NightReport
    from serving.replaying import Replayed
    from serving.store import Store

STEP_DAYS = 7  # between the cut-offs that a model learns from


def import_data(settings: Settings, door: str, path: Path, *, quiet: bool = False) -> ImportReport:
    """Brings raw data into the lake; ``door`` is the name of one of `features.importers.doors.DOORS`."""
    if not path.exists():
        raise BadInput("there is no such file or folder", where=str(path), mend="Check the path")
    load = importer(door)
    keep_key(settings.home, settings.identity_key)
    with shown(f"importing {path.name}", quiet=quiet) as report:
        return load(settings.school, path, progress=report)


def propose_mapping(settings: Settings, files: Sequence[Path], out: Path | None) -> str:
    """Proposes a mapping of some exports, and writes it if there is a place.

    Raises:
        BadInput: a file cannot be read, or the place is taken.
    """
    from features.importers.proposal import propose

    if out and out.exists():
        raise BadInput("is there already", where=str(out), mend="Name another file, so that nobody's edits are lost")
    school = settings.school
    text = propose(files, school.config("headings"), school.zone, (out or Path("mapping.toml")).absolute().parent)
    if out:
        out.write_text(text, "utf-8")
    return text


def import_words(report: ImportReport) -> str:
    """What an import did, for people."""
    if report.repeated:
        return f"{report.source}: this very data was imported before; nothing was added"
    width = max(map(len, report.read), default=5)
    lines = [f"{'table':<{width}}  {'read':>10} {'kept':>10} {'known':>10} {'set aside':>10}"]
    for table in sorted(report.read):
        counts = (report.read, report.kept, report.already_known, report.set_aside)
        lines.append(f"{table:<{width}}  " + " ".join(f"{count[table]:>10,}" for count in counts))
    lines += [f"set aside: {count:,} x {reason}" for reason, count in sorted(report.reasons.items())]
    for fault in report.faults[:5]:
        lines.append(f"  {fault['file']} row {fault['row']}: {fault['column']} {fault['reason']}. {fault['mend']}")
    if report.reasons:
        lines.append("  all of them are kept, with their reasons, in rejects.parquet of this import (lake/batches)")
    lines += [f"left out: {count:,} x {reason}" for reason, count in sorted(report.ignored.items())]
    return "\n".join(lines)


def cut_offs(first: date, last: date | None, every: str) -> list[date]:
    """The cut-offs from ``first`` to ``last``, one every so many days (written like 7d).

    Raises:
        BadInput: the step is not a number of days, or the last comes before the first.
    """
    if not (every.endswith("d") and every[:-1].isdigit() and int(every[:-1]) > 0):
        raise BadInput(f"{every!r} is not a step", where="--every", mend="Write it in days, like 7d")
    last = last or first
    if last < first:
        raise BadInput(f"{last} is before {first}", where="--until", mend="Put the earlier day first")
    return [first + timedelta(days=n) for n in range(0, (last - first).days + 1, int(every[:-1]))]


def features_table(settings: Settings, cuts: list[date], out: Path, *, quiet: bool = False) -> pd.DataFrame:
    """Writes the feature table of some cut-offs."""
    writable(out)
    with shown("features", quiet=quiet) as report:
        table = snapshot(settings.school, cuts, progress=report)
    table.insert(3, "as_of", table.pop("day").map(clock.date_of))
    write_table(table, out)
    return table


def writable(out: Path) -> None:
    """Refuses early what could not be written after long work.

    Raises:
        BadInput: the ending is not known, or the folder is not there.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise BadInput("has an unknown ending", where=str(out), mend="Use .csv or .parquet")
    if not out.absolute().parent.is_dir():
        raise BadInput("its folder is not there", where=str(out), mend="Make it first")


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Writes a table as its file's ending says."""
    if out.suffix == ".csv":
        table.to_csv(out, index=False)
    else:
        table.to_parquet(out, index=False)


def served_label(school: School, name: str | None = None) -> Label:
    """The label asked for, or the one that the school serves."""
    return named(name or str(school.config("school")["served"]["label"]))


def dataset(school: School, definition: Label, until: date | None, *, quiet: bool = False) -> Dataset:
    """Labelled weekly snapshots of all live enrolments; nothing known from ``until`` on is used.

    Raises:
        NotReady: no horizon of the label is over yet.
    """
    from model.dataset import Dataset

    lake = Lake(school.lake, school.zone)
    last = lake.last_known_day()
    if last is None:
        raise NotReady("there is no data yet", where=str(school.home), mend="Import some: handrail import --help")
    until_day = clock.day_number(until) if until else last + 1
    first = int(lake.read("enrolments")["day"].min())
    days = range(until_day - definition.horizon_days, first, -STEP_DAYS)
    if not days:
        raise NotReady(
            f"the history is shorter than the {definition.horizon_days} days of {definition.name}",
            where=str(school.home),
            mend="Import more of it, or choose a later --until",
        )
    with shown("features", quiet=quiet) as report:
        rows = snapshot(school, [clock.date_of(day) for day in days], progress=report)
    rows["y"] = label(school, rows, definition, until_day)
    rows = rows[rows["y"].notna() & rows["enough_data"]]
    audited = told(lake, rows)
    of = (definition.name, definition.version, definition.horizon_days, tuple(audited.columns))
    return Dataset(rows.join(audited), usable(listed(school)), *of)


def train(
    settings: Settings, name: str | None, until: date | None, seed: int, *, tune: int = 0, quiet: bool = False
) -> TrainResult:
    """Dataset, tuning where it is asked for, fit, calibrate, gates, MLflow run; the challenger."""
    from model.learning import signs
    from model.registry import Registry
    from model.train import train as train_model

    school = settings.school
    lake = Lake(school.lake, school.zone)
    known_until = until or clock.date_of((lake.last_known_day() or 0) + 1)
    origin = {"lake": lake.version, "until": known_until.isoformat()}
    learned_from = dataset(school, served_label(school, name), until, quiet=quiet)
    with shown("training", quiet=quiet) as report:
        return train_model(
            learned_from,
            Registry(settings.home, settings.mlflow_uri, origin),
            school.config("model"),
            monotone=signs(school.config("model")),
            families={feature.name: feature.family for feature in FEATURES.values()},
            seed=seed,
            tune=tune,
            progress=lambda what: report(0, 1, what),
        )


def train_words(result: TrainResult) -> str:
    """A training for people: the honest figures and every gate."""
    figures = result.metrics.figures
    lines = [
        f"version {result.version} (run {result.run_id}) is the challenger",
        *([result.tuned] if result.tuned else []),
        "on later time, students still enrolled:",
    ]
    lines += [f"  {name:<21} {figure}" for name, figure in figures.items()]
    marks = {True: "green", False: "RED", None: "not asked"}
    lines += ["gates:", *(f"  {marks[gate.passed]:<9} {gate.name}: {gate.words}" for gate in result.gates)]
    red = any(gate.passed is False for gate in result.gates)
    lines.append('Next: handrail promote --override "reason"' if red else "Next: handrail promote")
    return "\n".join(lines)


def train_document(result: TrainResult) -> dict[str, Any]:
    """A training as plain values."""
    return {
        "version": result.version,
        "run_id": result.run_id,
        "metrics": result.metrics.as_dict(),
        "gates": [gate.as_dict() for gate in result.gates],
    }


def promote(settings: Settings, name: str | None, version: str | None, override: str | None) -> tuple[str, int]:
    """Moves the champion; refuses when a gate is red and no reason is given."""
    from model.registry import Registry

    chosen = served_label(settings.school, name).name
    registry = Registry(settings.home, settings.mlflow_uri)
    return chosen, registry.promote(chosen, version_number(version), override)


def version_number(text: str | None) -> int | None:
    """The number of a version; None, the challenger, when none is named.

    Raises:
        BadInput: it is no number.
    """
    if text is not None and not text.isdecimal():
        raise BadInput(f"{text!r} is not a version", where="--version", mend="Versions are whole numbers")
    return None if text is None else int(text)


def rollback(settings: Settings, name: str | None) -> tuple[str, int]:
    """Brings the champion before this one back."""
    from model.registry import Registry

    chosen = served_label(settings.school, name).name
    return chosen, Registry(settings.home, settings.mlflow_uri).rollback(chosen)


def score(settings: Settings, name: str | None, as_of: date | None, out: Path, *, quiet: bool = False) -> pd.DataFrame:
    """Risk of every live enrolment, to a file; empty where there is not enough data."""
    import pandas as pd

    from serving.advise import Adviser

    writable(out)
    day = _as_of(settings, as_of)
    adviser = Adviser.open(settings.school, served_label(settings.school, name), store(settings))
    with shown("scoring", quiet=quiet):
        found = adviser.scored(day)
    keys = ("enrolment_id", "student_id", "course_id")
    table = pd.DataFrame(
        {
            **{key: [getattr(one, key) for one in found] for key in keys},
            "as_of": day,
            "label": adviser.label.name,
            "horizon_days": adviser.label.horizon_days,
            "risk": [one.risk for one in found],
            "band": [one.band for one in found],
            "model_version": adviser.bundle.version,
        }
    )
    write_table(table, out)
    return table


def nightly(settings: Settings, as_of: date | None, *, quiet: bool = False) -> NightReport:
    """Scores, decides, stores, ranks and publishes."""
    from serving.advise import Adviser
    from serving.nightly import run

    adviser = Adviser.open(settings.school, served_label(settings.school), store(settings))
    with shown("night", quiet=quiet) as report:
        return run(adviser, _as_of(settings, as_of), progress=report)


def _as_of(settings: Settings, as_of: date | None) -> date:
    return as_of or clock.today(settings.school.zone)


def store(settings: Settings) -> Store:
    """The school's database, brought up to date."""
    from serving.store import Store

    settings.home.mkdir(parents=True, exist_ok=True)
    opened = Store(settings.database_url)
    opened.migrate()
    return opened


def policy(settings: Settings) -> Policy:
    """The rules, actions and gates in force; refused when they cannot be used."""
    from serving.policies import policy_of

    return policy_of(settings.school)


def replay(settings: Settings, day: date) -> Replayed:
    """Makes every decision of a day again."""
    from serving.replaying import Replaying

    return Replaying(store(settings)).day(day)


def readout(
    settings: Settings, experiment: str, as_of: date | None, horizon_days: int | None
) -> tuple[str, dict[str, Any]]:
    """Effect of an experiment's treatment against its control group, in words and as plain values."""
    from experiments.design import Design
    from experiments.readout import readout as read
    from experiments.report import as_dict, as_text

    school = settings.school
    rules = school.config("experiments")
    lake = Lake(school.lake, school.zone)
    last = lake.last_known_day()
    as_of_day = clock.day_number(as_of) if as_of else (last or 0) + 1
    found = read(
        lake.read("decisions"),
        lake.read("outcomes"),
        lake.read("enrolments"),
        experiment=experiment,
        horizon_days=horizon_days or Design.of(experiment, rules).horizon_days,
        as_of_day=as_of_day,
        settings=rules,
    )
    return as_text(found), as_dict(found)


def create_key(settings: Settings, scopes: list[str], name: str, days: int | None) -> str:
    """A new key for a program."""
    from serving import access

    expires = clock.now() + timedelta(days=days) if days else None
    return access.create_key(store(settings), scopes, name=name, expires_at=expires)


def create_user(settings: Settings, login: str, role: str, language: str | None) -> str:
    """A new person who may use the page, and the password made for them."""
    from serving import access

    password = secrets.token_urlsafe(12)
    spoken = language or str(settings.school.config("school")["language"])
    access.create_user(store(settings), login, password, role, spoken)
    return password


def new_password(settings: Settings, login: str) -> str:
    """Another password for a person."""
    from serving import access

    password = secrets.token_urlsafe(12)
    access.set_password(store(settings), login, password)
    return password
