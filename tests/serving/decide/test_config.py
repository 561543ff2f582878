from __future__ import annotations

from datetime import time

import pytest

from features.errors import BadConfig
from serving.decide.config import Faults, Table


def test_no_fault_raises_nothing() -> None:
    with Faults():
        pass


def test_every_fault_is_named_at_once_with_its_place_and_mend() -> None:
    with pytest.raises(BadConfig) as caught:
        _spoilt()
    text = str(caught.value)
    assert "there are 3 faults" in text
    assert "gates.toml, quiet_hours, starts: is '9pm'. Write a time of the day like \"21:00\"" in text
    assert "gates.toml, quiet_hours, share: is missing. Write a number from 0 to 1" in text
    assert "colour: is not a known key. Known here: ends, share, starts" in text


def _spoilt() -> None:
    with Faults() as faults:
        table = Table("gates.toml, quiet_hours", {"starts": "9pm", "ends": "09:00", "colour": 1}, faults)
        assert table.clock("ends") == time(9)
        table.clock("starts")
        table.number("share", 0, 1)
        table.close()


def test_a_fault_is_told_by_the_line_that_is_found_for_it() -> None:
    asked = []

    def locate(name: str, path: tuple) -> str | None:
        asked.append((name, path))
        return None if name == "value" else f"{name}.toml line {len(path)}"

    faults = Faults(locate)
    top = Table("gates.toml", {"cap": {"A": {"most": "x", "list": [1]}}}, faults)
    for _, cap in top.tables("cap", name="cap"):
        cap.number("most", 0, 1)
        cap.fault("list", "is odd", "Mend it", 0)
    top.table("quiet").clock("starts")
    top.fault("", "is odd", "Mend it")
    Table("value.toml", {}, faults).text("salt")
    with pytest.raises(BadConfig) as caught, faults:
        pass
    assert asked == [
        ("gates", ("cap", "A", "most")),
        ("gates", ("cap", "A", "list", 0)),
        ("gates", ("quiet", "starts")),
        ("gates", ()),
        ("value", ("salt",)),
    ]
    text = str(caught.value)
    assert "- gates.toml line 3: cap A, most: is 'x'" in text
    assert "- gates.toml line 2: quiet, starts: is missing" in text
    assert "- gates.toml line 0: is odd. Mend it" in text
    assert "- value.toml, salt: is missing. Write it in" in text


def test_an_error_of_another_kind_is_not_hidden_by_faults() -> None:
    with pytest.raises(KeyError):
        _broken()


def _broken() -> None:
    with Faults() as faults:
        faults.add("here", "is wrong", "Mend it")
        raise KeyError("other")


@pytest.mark.parametrize(
    ("method", "arguments", "value"),
    [
        ("text", (), "  "),
        ("text", (), 3),
        ("choice", (("a", "b"),), "c"),
        ("choice", (("a", "b"),), None),
        ("number", (0, 1), True),
        ("number", (0, 1), "0.5"),
        ("number", (0, 1), float("nan")),
        ("number", (0, 1), 1.5),
        ("whole", (0, 9), 1.0),
        ("whole", (0, 9), True),
        ("whole", (0, 9), 10),
        ("flag", (False,), "yes"),
        ("clock", (), "24:00"),
        ("clock", (), "9:00"),
        ("clock", (), 9),
        ("list", (), "one"),
        ("list", (), []),
        ("words", (), {}),
        ("words", (), "text"),
        ("words", (), {"fr": "texte"}),
        ("words", (), {"en": ""}),
    ],
)
def test_what_cannot_be_used_is_one_fault(method: str, arguments: tuple, value: object) -> None:
    with pytest.raises(BadConfig) as caught, Faults() as faults:
        getattr(Table("file", {"key": value}, faults), method)("key", *arguments)
    assert "file, key" in str(caught.value)
    assert "faults" not in caught.value.what


def test_words_of_one_language_serve_for_all() -> None:
    with Faults() as faults:
        assert Table("file", {"say": {"ru": "да"}}, faults).words("say") == {"en": "да", "ru": "да", "zh": "да"}


@pytest.mark.parametrize("values", [{}, {"rule": {}}, {"rule": [1]}])
def test_a_file_without_its_tables_is_a_fault(values: dict) -> None:
    with pytest.raises(BadConfig, match=r"has no \[rule\.NAME\] table"), Faults() as faults:
        list(Table("rules.toml", values, faults).tables("rule", name="rule"))


def test_a_table_must_be_a_table_with_a_usable_name() -> None:
    with pytest.raises(BadConfig) as caught, Faults() as faults:
        list(Table("rules.toml", {"rule": {"R 1": {}, "R2": 3}}, faults).tables("rule", name="rule"))
    assert "rule R 1: is not a usable name" in str(caught.value)
    assert "rule R2: is 3, not a table" in str(caught.value)
