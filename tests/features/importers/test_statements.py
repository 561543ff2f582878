from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from features.errors import BadConfig, BadInput
from features.identity import email_alias
from features.importers.statements import fields, lines, parse, student_of

KEY = "0123456789abcdef" * 4
ANN = email_alias("ann@example.org", KEY)


def read(path: Path) -> list[tuple[int, bytes]]:
    return list(lines(path, lambda done: None))


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    for name, text in (("plain.gz", b"a\n\nb\n"), ("packed.json", gzip.compress(b"a\n\nb\n"))):
        (tmp_path / name).write_bytes(text)
        assert read(tmp_path / name) == [(1, b"a\n"), (3, b"b\n")]


def test_a_byte_order_mark_is_no_part_of_the_line(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbf{}\n")
    assert read(tmp_path / "f") == [(1, b"{}\n")]


def test_cut_and_damaged_gzip_say_the_line(tmp_path: Path) -> None:
    text = b"".join(hashlib.sha256(bytes([i % 251, i // 251])).hexdigest().encode() + b"\n" for i in range(20_000))
    whole = gzip.compress(text)
    cut, damaged = tmp_path / "cut.gz", tmp_path / "damaged.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    damaged.write_bytes(whole[:200_000] + bytes(50) + whole[200_050:])
    with pytest.raises(BadInput, match=r"cut\.gz: the gzip file is cut after line \d{4,}\. Copy or export it again"):
        read(cut)
    with pytest.raises(BadInput, match=r"damaged\.gz: the gzip file is damaged \(.*\) after line \d+\. Copy"):
        read(damaged)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("é".encode("latin-1"), "is not UTF-8 text"),
        (b'{"verb": {"id": ', "is not sound JSON"),
        (b'{"verb": NaN}', "is not sound JSON"),
        (b"[" * 100_000, "is not sound JSON"),
        (b'[{"verb": {}}]', "is not an xAPI statement"),
        (b'{"a": 1}', "is not an xAPI statement"),
        (b"17", "is not an xAPI statement"),
    ],
)
def test_a_line_without_a_statement_says_why(line: bytes, reason: str) -> None:
    assert parse(line) == reason


@pytest.mark.parametrize(
    ("actor", "student"),
    [
        ({"account": {"homePage": "https://lms.example", "name": "17"}}, "https://lms.example:17"),
        ({"account": {"homePage": "https://own.example", "name": "17"}}, "17"),
        ({"account": {"name": "17"}}, None),
        ({"account": {"homePage": "https://own.example", "name": "@ann"}}, hashlib.sha256(b"@ann").hexdigest()[:32]),
        ({"account": {"homePage": "https://own.example", "name": "Ann@example.org"}}, ANN),
        ({"mbox": "mailto:Ann@Example.org"}, ANN),
        ({"mbox": "mailto:ann@example.org"}, ANN),
        ({"mbox": "mailto:"}, None),
        ({"mbox": "mailto:unknown"}, None),
        ({"mbox_sha1sum": "ABC"}, "mbox_sha1sum:abc"),
        ({"openid": "https://ann.example"}, hashlib.sha256(b"https://ann.example").hexdigest()[:32]),
        ({"objectType": "Group", "member": []}, None),
        ({"account": 5}, None),
        ("ann", None),
        (None, None),
    ],
)
def test_who(actor: Any, student: str | None) -> None:
    assert student_of(actor, {"https://own.example"}, KEY) == student


def test_an_address_is_never_kept_even_as_an_account_name() -> None:
    student = student_of({"account": {"homePage": "https://lms.example", "name": "Ann@example.org"}}, set(), KEY)
    assert student == f"https://lms.example:{ANN}"


@pytest.mark.parametrize("actor", [{"mbox": "mailto:ann@example.org"}, {"account": {"homePage": "h", "name": "a@b.c"}}])
def test_without_a_key_an_address_is_refused_and_who_has_none_is_not(actor: Any) -> None:
    with pytest.raises(BadConfig, match="HANDRAIL_IDENTITY_KEY"):
        student_of(actor, set(), "")
    assert student_of({"account": {"homePage": "h", "name": "17"}}, set(), "") == "h:17"


def test_fields_survive_any_shape(said: Any) -> None:
    for statement in ({"verb": None}, {"verb": [], "result": 5, "context": {"contextActivities": []}, "object": "x"}):
        assert fields(1, b"", statement, set(), KEY).student_id is None
    whole = said("seeked", "2025-03-01T10:00:00Z", time_from=5, time_to=9, progress=1.0003)
    made = fields(3, b"", whole, set(), KEY)
    assert (made.position, made.target, made.progress, made.line) == (5, 9, 1.0, 3)
    whole["result"]["extensions"] = dict.fromkeys(whole["result"]["extensions"], "5")
    assert fields(3, b"", whole, set(), KEY)[-3:] == (None, None, None)


def test_course_is_the_parent_or_else_the_grouping_and_may_stand_alone(said: Any) -> None:
    one = said("played", "2025-03-01T10:00:00Z")
    one["context"]["contextActivities"] = {"grouping": [{"id": "g"}]}
    assert fields(1, b"", one, set(), KEY).course_id == "g"
    one["context"]["contextActivities"] = {"grouping": [{"id": "g"}], "parent": {"id": "p"}}
    assert fields(1, b"", one, set(), KEY).course_id == "p"


def test_a_registration_stands_for_a_missing_session(said: Any) -> None:
    one = said("played", "2025-03-01T10:00:00Z", session=None)
    assert fields(1, b"", one, set(), KEY).session == ""
    one["context"]["registration"] = "r"
    assert fields(1, b"", one, set(), KEY).session == "r"


def test_the_video_profile_makes_an_object_a_video(said: Any) -> None:
    one = said("played", "2025-03-01T10:00:00Z")
    assert fields(1, b"", one, set(), KEY).is_video
    del one["object"]["definition"]
    assert not fields(1, b"", one, set(), KEY).is_video
    one["context"]["contextActivities"]["category"] = [{"id": "https://w3id.org/xapi/video"}]
    assert fields(1, b"", one, set(), KEY).is_video
