"""Lines: everything that a TOML file says is found on the line that says it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from features.config import DEFAULTS, School
from features.toml_lines import KeyPath, lines

AWKWARD = '''# [rule.NO] in a comment
title = "a # that is no comment, and a ] and a }"   # a comment
'quoted "key"' = 'C:\\path'
"key.with \\"dots\\"" = """
[not.a.table]
fake = 1
"""
dotted.deep . "er" = 3
when = [  # a list over lines
    "one >= 1",

    # between
    "two = '],'",
    ["nested", { is = 5, deep = { er = 1 } }],
]
literal = \'\'\'
also = [ "no
\'\'\'
five_quotes = """""ends so"""""
inline = { a = 1, b.c = "x", list = [ 1, 2 ] }
day = 2025-03-10 12:00:00  # a space inside a value

[rule.R1.say]
en = "sub-table first"

[ rule . "R1" ]
priority = 5

[[step]]
action = "first"
[step.more]
x = 1
[[step]]
action = "second"
[step.more]
x = 2
last = true'''


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        yield from paths(below, (*path, key))


def test_everything_of_an_awkward_text_is_found_and_nothing_else() -> None:
    assert set(lines(AWKWARD)) == set(paths(tomllib.loads(AWKWARD)))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("title",), 'title = "a #'),
        (('quoted "key"',), "'quoted"),
        (('key.with "dots"',), '"key.with'),
        (("dotted", "deep", "er"), "dotted.deep"),
        (("when",), "when = ["),
        (("when", 0), '"one >= 1"'),
        (("when", 1), '"two'),
        (("when", 2, 1, "deep", "er"), '["nested"'),
        (("five_quotes",), "five_quotes"),
        (("inline", "b", "c"), "inline"),
        (("day",), "day ="),
        (("rule",), "[rule.R1.say]"),
        (("rule", "R1"), '[ rule . "R1" ]'),
        (("rule", "R1", "say", "en"), 'en = "sub-table'),
        (("rule", "R1", "priority"), "priority = 5"),
        (("step",), "[[step]]"),
        (("step", 0, "action"), 'action = "first"'),
        (("step", 1, "action"), 'action = "second"'),
        (("step", 1, "more", "x"), "x = 2"),
        (("step", 1, "more", "last"), "last = true"),
    ],
)
def test_a_line_is_the_one_that_says_it(path: KeyPath, said: str) -> None:
    assert AWKWARD.splitlines()[lines(AWKWARD)[path] - 1].strip().startswith(said)


@pytest.mark.parametrize("file", sorted(DEFAULTS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_word_of_the_defaults_has_its_line(file) -> None:
    text = file.read_text("utf-8")
    found, of = lines(text), text.splitlines()
    assert set(found) == set(paths(tomllib.loads(text)))
    keyed = [(path, line) for path, line in found.items() if isinstance(path[-1], str)]
    assert [path for path, line in keyed if path[-1] not in of[line - 1]] == []


def test_no_text_and_only_comments_say_nothing() -> None:
    assert lines("") == lines("# nothing\n\n") == {}


def test_a_setting_is_where_the_school_says_it_or_else_where_the_default_does(tmp_path) -> None:
    own = tmp_path / "configs" / "rules.toml"
    own.parent.mkdir()
    own.write_text(
        '# ours\n\n[rule.R1]\nwhen = [\n  "risk > 2",\n]\ncolour = 1\n[rule.NEW]\npriority = 3\n'
        '[rule.R5]\nfollow_up = [\n  { action = "x" },\n]\n',
        "utf-8",
    )
    school, default = School(tmp_path), DEFAULTS / "rules.toml"
    assert school.where("rules", ("rule", "R1", "when", 0)) == f"{own} line 5"
    assert school.where("rules", ("rule", "R1", "colour")) == f"{own} line 7"
    assert school.where("rules", ("rule", "NEW", "actions")) == f"{own} line 8"  # its table: the key is not there
    said = school.where("rules", ("rule", "R1", "actions"))
    assert said.startswith(f"{default} line ")
    assert "actions" in default.read_text("utf-8").splitlines()[int(said.rsplit(" ", 1)[1]) - 1]
    # A list is laid over whole: what is missing in an entry is missing in the school's own.
    assert school.where("rules", ("rule", "R5", "follow_up", 0, "after_hours")) == f"{own} line 12"
    tried = School(tmp_path / "none", draft=own.parent)
    assert tried.where("rules", ("rule", "R1", "colour")) == f"{own} line 7"
    assert tried.config("rules") == school.config("rules")
    assert school.where("gates", ("no such table", "key")) == str(DEFAULTS / "gates.toml")
