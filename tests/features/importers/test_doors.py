from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from features.importers.doors import DOORS, importer

ROOM = Path(__file__).resolve().parents[3] / "features" / "importers"


@pytest.mark.parametrize("door", DOORS, ids=[door.name for door in DOORS])
def test_behind_each_door_is_an_importer(door):
    school, path, progress = inspect.signature(importer(door.name)).parameters.values()
    assert (school.name, progress.name, progress.default) == ("school", "progress", None)
    assert path.default is inspect.Parameter.empty
    assert door.text.endswith(".")


def test_no_importer_is_without_a_door():
    loading = {file.stem for file in ROOM.glob("*.py") if "\ndef load(" in file.read_text("utf-8")}
    assert loading == {door.name for door in DOORS}
