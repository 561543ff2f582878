"""Fitness: what a school's home needs before it can be served, each looked at by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from features.config import DEFAULTS, read_toml
from features.contracts import TABLES
from features.errors import BadConfig, BadInput, HandrailError, NotReady
from features.identity import keep_key
from features.labels import named
from features.lake import Lake
from handrail.settings import Settings

LEAST_FREE = 2**30
"""Bytes of free disk below which the next import or night may fail."""

State = Literal["ok", "not yet", "broken"]


@dataclass(frozen=True)
class Check:
    """One thing that serving needs.

    Attributes:
        state: `ok`; `not yet`, when a person has to do something first; `broken`.
        words: what was found, with the mend.
    """

    name: str
    state: State
    words: str


def checks(settings: Settings) -> Iterator[Check]:
    """Looks at everything that serving needs."""
    for name, look in (
        ("home", _home),
        ("disk", _disk),
        ("configs", _configs),
        ("lake", _files),
        ("identity", _identity),
        ("database", _database),
        ("model", _model),
    ):
        yield _checked(name, look, settings)


def _checked(name: str, look: Callable[[Settings], str], settings: Settings) -> Check:
    try:
        return Check(name, "ok", look(settings))
    except HandrailError as error:
        return failed(name, error)


def failed(name: str, error: HandrailError) -> Check:
    """The check that an error ended."""
    return Check(name, "not yet" if isinstance(error, NotReady) else "broken", str(error))


def _home(settings: Settings) -> str:
    home = settings.home
    if not home.exists():
        return f"{home} is not there yet; the first import makes it"
    probe = home / ".doctor"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        mend = "Give the account that runs Handrail the right to write there"
        raise BadInput(f"cannot be written ({error.strerror})", where=str(home), mend=mend) from error
    return f"{home} can be written"


def _disk(settings: Settings) -> str:
    there = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        raise BadInput(f"only {free / 2**20:,.0f} MiB are free", where=str(there), mend="Make room")
    return f"{free / 2**30:,.0f} GiB free"


def _configs(settings: Settings) -> str:
    from serving.policies import policy_of

    school = settings.school
    known = {path.name for path in DEFAULTS.glob("*.toml")}
    own = sorted(path.name for path in (school.home / "configs").glob("*.toml"))
    for name in own:
        read_toml(school.home / "configs" / name)
        if name not in known:
            mend = f"Nothing reads it; the names are: {', '.join(sorted(known))}"
            raise BadConfig("is no settings file of Handrail", where=str(school.home / "configs" / name), mend=mend)
    for name in sorted(known):
        school.config(name.removesuffix(".toml"))
    label = named(str(school.config("school")["served"]["label"]))
    policy = policy_of(school)
    said = f"own files: {', '.join(own)}" if own else "no file of the school's own"
    return f"sound ({said}); zone {school.zone}, label {label.name}, policy {policy.version}"


def _files(settings: Settings) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    school = settings.school
    mend = "Bring it back from a copy, or import everything again into a new home"
    try:
        lake = Lake(school.lake, school.zone)
        paths = [path for table in TABLES for path in lake.paths(table)]
    except (OSError, json.JSONDecodeError) as error:
        raise BadInput(f"cannot be read ({error})", where=str(school.lake / "manifest.json"), mend=mend) from error
    if not paths:
        raise NotReady("there is no data yet", where=str(school.home), mend="Import some: handrail import --help")
    for path in paths:
        try:
            pq.read_metadata(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise BadInput(f"cannot be read ({error})", where=str(path), mend=mend) from error
    return f"{len(paths)} files, all of them can be read"


def _identity(settings: Settings) -> str:
    if not settings.identity_key:
        return "HANDRAIL_IDENTITY_KEY is not set; an import that holds e-mail addresses would be refused"
    if (settings.home / "identity.mark").exists():
        keep_key(settings.home, settings.identity_key)
        return "the key is the one of earlier imports"
    return "there is a key, and no import has used one yet"


def _database(settings: Settings) -> str:
    from serving.store import Store

    file = settings.home / "handrail.db"
    if settings.database_url == f"sqlite:///{file}" and not file.exists():
        return "not made yet; the first night or `handrail serve` makes it"
    store = Store(settings.database_url)
    try:
        store.check()
    except NotReady:
        return "answers; its tables are of an older version, and `handrail serve` brings them up to date"
    finally:
        store.close()
    return "answers; its tables are up to date"


def _model(settings: Settings) -> str:
    from model.registry import served_bundle
    from serving.advise import Adviser
    from serving.store import Store

    label = named(str(settings.school.config("school")["served"]["label"]))
    try:
        served_bundle(settings.home, label.name)
    except NotReady as error:
        return f"{error}; until then the rules decide alone"
    adviser = Adviser.open(settings.school, label, Store(settings.database_url))
    return f"{label.name} version {adviser.bundle.version} can be served"
