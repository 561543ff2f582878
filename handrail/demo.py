"""The demo: a made school, from nothing to a served risk list; done again, it goes on from where it is."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments.assign import in_holdout
from features.clock import date_of
from features.errors import NotFound, NotReady, Refused
from features.lake import Lake
from features.synthetic import make
from handrail import journeys
from handrail.progress import shown
from handrail.settings import Settings

SEED = 11
WEEKS = 40
HEAD = "head"  # sees everybody, and so shows the whole list
EXPERIMENT = "care_programme"


def prepare(settings: Settings, port: int, students: int, *, quiet: bool = False) -> str:
    """Makes what is not there yet: data, model, list, a login and a key.

    Returns:
        What to try next, in words.

    Raises:
        Refused: the home holds a school that the demo did not make.
    """
    marker = settings.home / "made.json"
    lake = Lake(settings.school.lake, settings.school.zone)
    if not marker.exists():
        if not lake.is_empty:
            raise Refused(
                "holds a school that the demo did not make",
                where=str(settings.home),
                mend="Give the demo a home of its own: make demo HOME_DIR=demo",
            )
        make_and_import(settings, students, quiet=quiet)
        settings.home.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps({"students": students, "seed": SEED, "weeks": WEEKS}), "utf-8")
    _model(settings, quiet=quiet)
    _night(settings, quiet=quiet)
    return _next_steps(settings, port)


def make_and_import(settings: Settings, students: int, *, quiet: bool) -> None:
    """Makes a school and imports its exports, as a school would its own."""
    school = settings.school
    holdout = school.config("gates")["holdout"]
    with TemporaryDirectory() as folder:
        with shown(f"making a school of {students:,} students", quiet=quiet) as report:
            made = make(
                Path(folder),
                students=students,
                weeks=WEEKS,
                seed=SEED,
                in_holdout=lambda student: in_holdout(student, holdout["salt"], holdout["share"]),
                settings=school.config("synthetic"),
                progress=lambda what: report(0, 1, what),
            )
        journeys.import_data(settings, "csv", made.mapping, quiet=quiet)


def _model(settings: Settings, *, quiet: bool) -> None:
    from model.registry import served_bundle

    label = journeys.served_label(settings.school).name
    try:
        served_bundle(settings.home, label)
    except NotReady:
        result = journeys.train(settings, label, None, SEED, quiet=quiet)
        if not quiet:
            print(journeys.train_words(result).rsplit("\n", 1)[0])
        journeys.promote(settings, label, None, None)


def _night(settings: Settings, *, quiet: bool) -> None:
    store = journeys.store(settings)
    last = Lake(settings.school.lake, settings.school.zone).last_known_day()
    as_of = date_of((last or 0) + 1)
    night = store.last_night(journeys.served_label(settings.school).name)
    if night is None or night.as_of != as_of:
        report = journeys.nightly(settings, as_of, quiet=quiet)
        if not quiet:
            print(report.words().rsplit("\n", 1)[0])


def _next_steps(settings: Settings, port: int) -> str:
    store = journeys.store(settings)
    try:
        password = journeys.new_password(settings, HEAD)
    except NotFound:
        password = journeys.create_user(settings, HEAD, "head", None)
    key = journeys.create_key(settings, ["score", "read", "write"], "demo", 30)
    night = store.last_night(journeys.served_label(settings.school).name)
    first: Any = store.entries(night.night_id, limit=1)[0] if night else None
    address = f"http://127.0.0.1:{port}"
    body = json.dumps({"student_id": first.student_id if first else ""})
    return f"""
The risk list   {address}/      login {HEAD}, password {password}
The API         {address}/docs  key {key}

Try, in another terminal:
  curl -s {address}/v1/score -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'
  .venv/bin/handrail --home {settings.home} readout {EXPERIMENT}
  .venv/bin/handrail --home {settings.home} user create anna --role curator --language ru

Login and key were made for you just now. Ctrl-C ends the server.
"""
