from __future__ import annotations

import gzip
import re
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput
from features.importers import plain_csv
from features.importers.plain_csv import parts


def written(tmp_path: Path, text: str | bytes, name: str = "a.csv") -> Path:
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return tmp_path / name


def read(file: Path, *headings: str, first_line: bool = True) -> tuple[list[list[str]], list[int], dict[int, str]]:
    found = list(parts(file, headings, first_line=first_line))
    rows = pd.concat([part.rows for part in found])
    return rows.to_numpy().tolist(), rows.index.tolist(), {k: v for part in found for k, v in part.broken.items()}


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_by_their_headings(tmp_path: Path, mark: str) -> None:
    text = f'\ufeff"id"{mark} name {mark}more\n1{mark}"a{mark}b"{mark}NULL\n\n2{mark}\\N{mark}"say ""hi"""\n'
    rows, lines, broken = read(written(tmp_path, text), "more", "id", "name")
    assert rows == [["", "1", f"a{mark}b"], ['say "hi"', "2", ""]]
    assert (lines, broken) == ([2, 4], {})


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    assert read(written(tmp_path, gzip.compress(b"id\n1\n", mtime=0)), "id")[0] == [["1"]]


def test_without_headings(tmp_path: Path) -> None:
    assert read(written(tmp_path, "1,0\n2,1\n"), "a", "b", first_line=False) == ([["1", "0"], ["2", "1"]], [1, 2], {})


@pytest.mark.parametrize("size", [1, 2, 100])
def test_broken_lines_are_told_with_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(plain_csv, "CHUNK_ROWS", size)
    text = 'id,name\n1,a\n2\n3,"b" c\n4,d,e\n"5","two\nlines"\n6,f'
    rows, lines, broken = read(written(tmp_path, text), "id", "name")
    assert rows == [["1", "a"], ["5", "two\nlines"], ["6", "f"]]
    assert lines == [2, 6, 8]
    assert broken == {
        3: "has 1 cells, not the 2 of the first line",
        4: "has wrong quotes",
        5: broken[3].replace("1", "3"),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n", "is empty. Export it again"),
        (
            "id,when\n1,2\n",
            "lacks the column name. Export the whole table with its headings. The first line is: id,when",
        ),
        ("id,name\n1,\xe9\n".encode("latin-1"), "is not UTF-8 text. Export it in UTF-8"),
        ('id,name\n1,"a\n2,b\n3,c\n', "a quote that opens in line 2 is not closed"),
        (gzip.compress(b"id,name\n" + b"1,a\n" * 9999, mtime=0)[:-9], "the gzip file is cut"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)):
        read(written(tmp_path, text), "id", "name")
