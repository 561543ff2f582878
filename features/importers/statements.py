"""xAPI statements, one JSON object a line: read from a plain or a gzip file, and brought to the few fields in use."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from features.errors import BadConfig, BadInput
from features.identity import email_alias

VIDEO = "https://w3id.org/xapi/video"
_EXTENSION = f"{VIDEO}/extensions/"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"


class Fields(NamedTuple):
    """What is used of one statement; None where it says nothing."""

    line: int
    statement_id: str
    verb: str | None
    student_id: str | None
    course_id: str | None
    object_id: str | None
    is_video: bool
    session: str
    timestamp: str | None
    stored: str | None
    position: float | None
    target: float | None
    progress: float | None


def lines(file: Path, progress: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    """The lines that hold anything, with their numbers from 1 on; gzip is known by its content, not by its name.

    Args:
        file: the file.
        progress: told how many bytes of it are read.

    Raises:
        BadInput: the gzip file is cut or damaged; says after which line.
    """
    number = 0
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        try:
            for number, line in enumerate(source, 1):
                if number % 10_000 == 0:
                    progress(raw.tell())
                if line.strip():
                    yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            what = "is cut" if isinstance(error, EOFError) else f"is damaged ({error})"
            raise BadInput(
                f"the gzip file {what} after line {number}", where=str(file), mend="Copy or export it again"
            ) from error


def parse(line: bytes) -> dict[str, Any] | str:
    """The statement of a line, or in words why there is none."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    try:
        statement = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "is not sound JSON"
    return statement if isinstance(statement, dict) and "verb" in statement else "is not an xAPI statement"


def fields(number: int, line: bytes, statement: dict[str, Any], own_home_pages: set[str], key: str) -> Fields:
    """The fields in use.

    A statement without an id is named by its text, so that it is the same fact when it is read again.

    Args:
        number: of the line.
        line: its text.
        statement: its content.
        own_home_pages: accounts of these go by their name alone.
        key: hides e-mail addresses; see `features.identity.email_alias`.

    Raises:
        BadConfig: the actor has an e-mail address and there is no key.
    """
    context, result = _at(statement, "context"), _at(statement, "result", "extensions")
    activities, about = _at(context, "contextActivities"), _at(statement, "object")
    given = _text(_at(statement, "id"))
    position = _number(_at(result, f"{_EXTENSION}time-from"))
    is_video = _at(about, "definition", "type") == f"{VIDEO}/activity-type/video" or VIDEO in _ids(
        _at(activities, "category")
    )
    courses = _ids(_at(activities, "parent")) or _ids(_at(activities, "grouping"))
    return Fields(
        line=number,
        statement_id=given or hashlib.blake2b(line.strip(), digest_size=16).hexdigest(),
        verb=_text(_at(statement, "verb", "id")),
        student_id=student_of(_at(statement, "actor"), own_home_pages, key),
        course_id=courses[0] if courses else None,
        object_id=_text(_at(about, "id")),
        is_video=is_video,
        session=_text(_at(context, "extensions", f"{_EXTENSION}session-id"))
        or _text(_at(context, "registration"))
        or "",
        timestamp=_text(_at(statement, "timestamp")),
        stored=_text(_at(statement, "stored")),
        position=_number(_at(result, f"{_EXTENSION}time")) if position is None else position,
        target=_number(_at(result, f"{_EXTENSION}time-to")),
        progress=_share(_number(_at(result, f"{_EXTENSION}progress"))),
    )


def student_of(actor: Any, own_home_pages: set[str], key: str) -> str | None:
    """The student's id from an actor; None for a group or an actor without an identifier.

    An account gives "<homePage>:<name>", or the name alone for the school's own home pages. An e-mail address, also
    one that is the name of an account, is kept only as its alias. A `mbox_sha1sum` is kept as "mbox_sha1sum:<hex>":
    it is the SHA-1 of "mailto:" and the address, cannot be turned into the address, and so is no alias of the same
    address that came in another way. An OpenID is kept as 32 hexadecimal digits of its SHA-256.
    """
    name, page = _text(_at(actor, "account", "name")), _text(_at(actor, "account", "homePage"))
    if name and page:
        name = _alias(name, key) or _hash(name) if "@" in name else name
        return name if page in own_home_pages else f"{page}:{name}"
    if mail := _text(_at(actor, "mbox")):
        return _alias(mail, key)
    if identifier := _text(_at(actor, "openid")):
        return _hash(identifier)
    digits = _text(_at(actor, "mbox_sha1sum"))
    return f"mbox_sha1sum:{digits.lower()}" if digits else None


def _alias(text: str, key: str) -> str | None:
    try:
        return email_alias(text, key)
    except BadConfig:
        raise
    except BadInput:
        return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.strip().lower().encode()).hexdigest()[:32]


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _ids(activities: Any) -> list[str]:
    """Ids of the activities; before xAPI 1.0 one could stand alone."""
    listed = activities if isinstance(activities, list) else [activities]
    return [found for found in (_text(_at(activity, "id")) for activity in listed) if found]


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    return number if math.isfinite(number) else None


def _share(value: float | None) -> float | None:
    """Players round: 1.0003 is 1."""
    return None if value is None else min(value, 1.0)
