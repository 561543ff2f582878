from pathlib import Path

import pandas as pd
import pytest

from features.contracts.check import REJECT_COLUMNS
from features.errors import BadInput
from features.importers.inputs import digest, present, rejects


def test_a_digest_names_importer_settings_and_every_byte(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"ab")
    two.write_bytes(b"c")
    name = digest("csv", {"zone": "UTC"}, [one, two])
    assert name == digest("csv", {"zone": "UTC"}, [one, two])
    assert name != digest("xapi", {"zone": "UTC"}, [one, two])
    assert name != digest("csv", {"zone": "Europe/Moscow"}, [one, two])
    one.write_bytes(b"a")
    two.write_bytes(b"bc")
    assert name != digest("csv", {"zone": "UTC"}, [one, two])


@pytest.mark.parametrize(("make", "what"), [("missing", "no such file"), ("folder", "a folder"), ("empty", "is empty")])
def test_a_file_that_holds_nothing_is_refused(tmp_path: Path, make: str, what: str) -> None:
    path = tmp_path / "x.csv"
    if make == "folder":
        path.mkdir()
    if make == "empty":
        path.touch()
    with pytest.raises(BadInput, match=what) as caught:
        present(path)
    assert caught.value.where == str(path)
    assert caught.value.mend


def test_rejects_have_the_shape_of_the_contracts_own() -> None:
    found = rejects("videos", "f", pd.Series([7]), reason="r", mend="m", values=pd.Series(["x" * 100]))
    assert tuple(found.columns) == REJECT_COLUMNS
    assert (found["row"][0], len(found["value"][0])) == (7, 80)
