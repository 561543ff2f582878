"""The notebooks: kept without outputs, and run on the made school until every figure is drawn."""

from __future__ import annotations

import json

import nbformat
import pytest

from handrail import demo
from tests.conftest import STUDENTS
from tests.notebooks.kernel import NOTEBOOKS, coloured, run_all

NAMES = [path.stem for path in NOTEBOOKS]


@pytest.fixture(scope="module")
def ran(made_home, tmp_path_factory):
    home = made_home.copy(tmp_path_factory.mktemp("notebooks") / "home").settings.home
    made = {"students": STUDENTS, "seed": demo.SEED, "weeks": demo.WEEKS}
    (home / "made.json").write_text(json.dumps(made), "utf-8")  # as the demo leaves it
    return run_all(home)


def test_there_are_five():
    assert NAMES == ["01_tour", "02_features", "03_model", "04_uplift", "05_readout"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_opens_with_the_line_that_chooses_the_school(path):
    first = next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    assert [line for line in first.source.splitlines() if line.startswith("settings = Settings.read(None)")]


@pytest.mark.parametrize("name", NAMES)
def test_runs_and_draws(ran, name):
    cells = ran[name]
    assert [error for cell in cells for error in cell.errors] == []
    for cell in cells:
        assert len(cell.images) == int(cell.draws), f"figures of cell {cell.id}"
        for image in cell.images:
            assert coloured(image) > 0.001, f"the figure of cell {cell.id} is blank"


def test_the_made_school_fills_every_part(ran):
    told = "\n".join(cell.words for cells in ran.values() for cell in cells)
    assert "The truth is known" in told
    assert "No experiment" not in told
    assert "nothing is drawn" not in told
    assert "byte for byte, the rows that it was judged on" in told
