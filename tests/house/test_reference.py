import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = runpy.run_path(str(DOCS / "make_reference.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_says_what_the_code_says(name):
    assert (DOCS / "reference" / name).read_text("utf-8") == PAGES[name](), "run `make docs`"
